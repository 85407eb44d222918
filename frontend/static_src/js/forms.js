// Guards for every form: against sending twice, against losing what was typed, and insertion of merge fields.

// A plain form is sent once; coming back by the back button makes it usable again. HTMX forms are guarded by hx-sync below.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.hasAttribute("data-allow-resubmit")) return;
  if (form.matches("[hx-post], [hx-put], [hx-patch], [hx-delete], [hx-get]")) return;
  if (form.hasAttribute("data-busy")) {
    event.preventDefault();
    return;
  }
  form.setAttribute("data-busy", "");
  event.submitter?.setAttribute("data-pressed", "");
  // A download keeps the page, so the form must not stay locked for ever.
  setTimeout(() => release(form), 8000);
});
addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form[data-busy]").forEach(release);
});

function release(form) {
  form.removeAttribute("data-busy");
  form.querySelector("[data-pressed]")?.removeAttribute("data-pressed");
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  if (requestConfig.verb === "get" || !elt.matches("form") || elt.hasAttribute("data-allow-resubmit")) return;
  if (elt.hasAttribute("data-busy")) event.preventDefault();
  else {
    elt.setAttribute("data-busy", "");
    requestConfig.triggeringEvent?.submitter?.setAttribute("data-pressed", "");
  }
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.matches?.("form[data-busy]")) release(event.detail.elt);
});

// Unsaved changes: data-guard-dirty on the form.
const dirty = new Set();
document.addEventListener("input", (event) => {
  const form = event.target.form ?? event.target.closest?.("form");
  if (form?.hasAttribute("data-guard-dirty")) dirty.add(form);
});
document.addEventListener("submit", (event) => dirty.delete(event.target));
document.addEventListener("saved", (event) => dirty.delete(event.target));
addEventListener("beforeunload", (event) => {
  for (const form of dirty) if (!form.isConnected) dirty.delete(form);
  if (dirty.size) event.preventDefault();
});

export function isDirty() {
  return [...dirty].some((form) => form.isConnected);
}

// data-insert="{{ firstName }}" data-insert-into="#id": puts a merge field at the caret.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  const field = button && document.querySelector(button.dataset.insertInto);
  if (!field) return;
  const handled = !field.dispatchEvent(
    new CustomEvent("insert-text", { detail: { text: button.dataset.insert }, cancelable: true, bubbles: true }),
  );
  if (handled) return;
  field.focus();
  field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
