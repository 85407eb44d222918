// The template editor: preview in two frames that take turns, what is shown, saving by keyboard, and a stale save.
import { mount as mountEditors } from "@drumbeat/code-editor";

const preview = document.querySelector("[data-preview]");
const frames = [...preview.querySelectorAll("iframe")];
const form = document.getElementById("editor-form");
let dark = false;
let shown = 0;
let wanted = frames[0].getAttribute("src");

function press(buttons, pressed) {
  for (const button of buttons) {
    button.classList.toggle("active", button === pressed);
    button.setAttribute("aria-pressed", String(button === pressed));
  }
}

// Loads the next document in the hidden frame and swaps when it is there, at the same place, so that nothing flashes.
function load(url) {
  wanted = url;
  const next = frames[1 - shown];
  next.addEventListener("load", () => reveal(next, url), { once: true });
  next.contentWindow.location.replace(dark ? `${url}?dark=1` : url);
}

function reveal(next, url) {
  if (url !== wanted) return;
  const current = frames[shown];
  const top = current.contentDocument?.scrollingElement?.scrollTop ?? 0;
  next.hidden = false;
  if (next.contentDocument?.scrollingElement) next.contentDocument.scrollingElement.scrollTop = top;
  current.hidden = true;
  next.title = "Preview of the mail";
  current.title = "Next preview of the mail";
  shown = frames.indexOf(next);
}

// Each answer brings the problems, which the source editor marks, and the address of the mail if there is one.
document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt.id !== "preview-result") return;
  mountEditors(event.detail.elt);
  const { previewUrl } = event.detail.elt.dataset;
  if (previewUrl && previewUrl !== wanted) load(previewUrl);
});

preview.addEventListener("click", (event) => {
  const view = event.target.closest("[data-view-as]");
  if (view) {
    preview.dataset.view = view.dataset.viewAs;
    press(preview.querySelectorAll("[data-view-as]"), view);
  }
  const toggle = event.target.closest("[data-preview-dark]");
  if (toggle) {
    dark = !dark;
    toggle.setAttribute("aria-pressed", String(dark));
    toggle.classList.toggle("active", dark);
    preview.classList.toggle("preview-dark", dark);
    load(wanted);
  }
});

// Source or plain text; a problem in the plain text opens its pane.
document.addEventListener(
  "click",
  (event) => {
    const opener = event.target.closest("[data-pane]");
    if (!opener) return;
    const button = form.querySelector(`.editor-bar [data-pane="${opener.dataset.pane}"]`);
    press(form.querySelectorAll(".editor-bar [data-pane]"), button);
    for (const pane of form.querySelectorAll("[data-pane-of]")) pane.hidden = pane.dataset.paneOf !== opener.dataset.pane;
    const area = form.querySelector(`[data-pane-of="${opener.dataset.pane}"] textarea`);
    for (const tool of form.querySelectorAll(".editor-tools [data-insert-into]")) tool.dataset.insertInto = `#${area.id}`;
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "s") return;
  event.preventDefault();
  if (document.getElementById("save")) form.requestSubmit(document.getElementById("save"));
});

// An image from the dialog, in the language of the source.
document.addEventListener("click", (event) => {
  const pick = event.target.closest("[data-insert-image]");
  if (!pick) return;
  const { insertImage: address, imageWidth: width } = pick.dataset;
  const tags = {
    mjml: `<mj-image src="${address}" alt="" />`,
    html: `<img src="${address}" alt="" width="${width}">`,
    text: address,
  };
  const detail = { text: tags[form.elements.namedItem("format").value] };
  document.getElementById("id_source").dispatchEvent(new CustomEvent("insert-text", { detail, cancelable: true, bubbles: true }));
});

// Somebody else saved meanwhile: the answer (409) shows what they changed, so it is swapped in.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 409 && xhr.getResponseHeader("HX-Retarget") === "#editor-state") {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.xhr?.status === 409) document.querySelector("#editor-state [data-error-summary]")?.focus();
});
