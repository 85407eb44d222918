// Short notes in the corner. Servers fire them by HX-Trigger {"toast": {"items": [{message, level, undo_url}]}}; code calls toast().
const LIFETIME_MS = 6000;

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
  if (undoUrl) body.appendChild(undoButton(note, undoUrl));
  const close = body.appendChild(document.createElement("button"));
  close.type = "button";
  close.className = "btn-close";
  close.dataset.toastClose = "";
  close.setAttribute("aria-label", "Dismiss");
  box.append(note);
  // What went wrong stays until it is dismissed: nobody should miss it by looking away.
  if (level !== "danger") fade(note);
}

function undoButton(note, url) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm";
  button.textContent = "Undo";
  button.addEventListener("click", () => {
    note.remove();
    window.htmx.ajax("POST", url, { target: document.body, swap: "none" });
  });
  return button;
}

function fade(note) {
  let timer = setTimeout(() => note.remove(), LIFETIME_MS);
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    timer = setTimeout(() => note.remove(), LIFETIME_MS);
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
  event.target.closest("[data-toast-close]")?.closest(".toast").remove();
});
document.querySelectorAll("[data-toast-fades]").forEach(fade);
