// Short notes in the corner. Servers fire them by HX-Trigger {"toast": {"items": [{message, level, undo_url}]}}; code calls toast().
const LIFETIME_SECONDS = 6;
// Long enough to read what was done, think, and take it back.
const UNDO_SECONDS = 12;

export function toast(message, { level = "success", undoUrl = null } = {}) {
  const box = document.getElementById("toasts");
  if (!box || !message) return;
  const note = document.createElement("div");
  note.className = `toast show toast-${level}`;
  const body = note.appendChild(document.createElement("div"));
  body.className = "toast-body";
  body.appendChild(document.createElement("span")).className = "toast-dot";
  const text = body.appendChild(document.createElement("span"));
  text.className = "toast-text";
  text.textContent = message;
  if (undoUrl) body.appendChild(undoButton(undoUrl));
  const close = body.appendChild(document.createElement("button"));
  close.type = "button";
  close.className = "btn-close";
  close.dataset.toastClose = "";
  close.setAttribute("aria-label", "Dismiss");
  box.append(note);
  // What went wrong stays until it is dismissed: nobody should miss it by looking away.
  if (level !== "danger") fade(note, undoUrl ? UNDO_SECONDS : LIFETIME_SECONDS);
}

function undoButton(url) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm";
  button.textContent = "Undo";
  button.dataset.undo = url;
  return button;
}

// Who needs longer can have it: the seconds stored as "toast-seconds".
function lifetime(seconds) {
  try {
    return 1000 * (Number(localStorage.getItem("toast-seconds")) || seconds);
  } catch {
    return 1000 * seconds;
  }
}

function fade(note, seconds = LIFETIME_SECONDS) {
  const leave = () => setTimeout(() => note.remove(), lifetime(seconds));
  let timer = leave();
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    timer = leave();
  };
  note.addEventListener("pointerenter", hold);
  note.addEventListener("focusin", hold);
  note.addEventListener("pointerleave", release);
  note.addEventListener("focusout", release);
}

document.addEventListener("toast", (event) => {
  for (const item of event.detail.items ?? [event.detail]) {
    toast(item.message, { level: item.level, undoUrl: item.undo_url });
  }
});
document.addEventListener("click", (event) => {
  const undo = event.target.closest("[data-undo]");
  if (!undo) return;
  undo.closest(".toast").remove();
  window.htmx.ajax("POST", undo.dataset.undo, { target: document.body, swap: "none" });
});
document.addEventListener("click", (event) => {
  event.target.closest("[data-toast-close]")?.closest(".toast").remove();
});
document.querySelectorAll("[data-toast-fades]").forEach((note) => fade(note, note.querySelector("[data-undo]") ? UNDO_SECONDS : LIFETIME_SECONDS));
