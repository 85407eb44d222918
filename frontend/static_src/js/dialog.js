// Native dialogs: confirmation before what can't be undone, dialogs on the page, and dialogs fetched by HTMX into #modal.
const confirmBox = document.getElementById("confirm");

// Asks and resolves to true or false. Cancel has the focus; Escape cancels. It is called otherwise where the question is about cancelling.
export function ask(question, { title = "Are you sure?", button = "Continue", level = "danger" } = {}) {
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = question;
  const yes = document.getElementById("confirm-yes");
  document.getElementById("confirm-no").textContent = button.startsWith("Cancel") ? "Go back" : "Cancel";
  yes.textContent = button;
  yes.className = `btn btn-${level}`;
  confirmBox.returnValue = "no";
  confirmBox.showModal();
  return new Promise((resolve) => {
    confirmBox.addEventListener("close", () => resolve(confirmBox.returnValue === "yes"), { once: true });
  });
}

function options(element) {
  const { confirmTitle, confirmButton, confirmLevel } = element.dataset;
  return { title: confirmTitle || undefined, button: confirmButton || undefined, level: confirmLevel || undefined };
}

document.addEventListener("htmx:confirm", async (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  if (await ask(event.detail.question, options(event.detail.elt))) event.detail.issueRequest(true);
});

// data-confirm on plain links, buttons and forms. The same event is let through once the answer was yes.
const agreed = new WeakSet();

async function guard(event, element) {
  if (agreed.delete(element)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const submitter = event.submitter;
  if (!(await ask(element.dataset.confirm, options(element)))) return;
  agreed.add(element);
  if (event.type === "submit") element.requestSubmit(submitter);
  else element.click();
}

document.addEventListener(
  "click",
  (event) => {
    const element = event.target.closest("a[data-confirm], button[data-confirm]");
    if (element) guard(event, element);
  },
  true,
);
document.addEventListener(
  "submit",
  (event) => {
    if (event.target.matches("form[data-confirm]")) guard(event, event.target);
  },
  true,
);

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) document.getElementById(opener.dataset.dialogOpen)?.showModal();
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog")?.close();
  if (event.target.matches("dialog.app-dialog") && isOutside(event)) event.target.close();
});

// A click on the backdrop closes; a text selection that ends there doesn't, since its pointer went down inside.
let pressedOutside = false;
document.addEventListener("pointerdown", (event) => {
  pressedOutside = event.target.matches("dialog.app-dialog") && isOutside(event);
});

function isOutside({ target, clientX, clientY, type }) {
  const box = target.getBoundingClientRect();
  const outside = clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
  return outside && (type === "pointerdown" || pressedOutside) && target.querySelector("form[data-guard-dirty]") === null;
}

// #modal opens when HTMX puts something into it, closes on HX-Trigger "dialog-close", and forgets its content.
const modal = document.getElementById("modal");
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === modal && modal.childElementCount && !modal.open) modal.showModal();
});
document.addEventListener("dialog-close", () => {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
});
modal?.addEventListener("close", () => modal.replaceChildren());
