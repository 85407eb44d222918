// Loaded on every page. Listeners are delegated to the document, so swapped markup needs no binding;
// what must touch elements exports mount(root) and runs again on what HTMX brings in.
import "@drumbeat/htmx-config";
import "@drumbeat/toasts";
import "@drumbeat/dialog";
import "@drumbeat/forms";
import "@drumbeat/copy";
import "@drumbeat/selection";
import "@drumbeat/shortcuts";
import * as times from "@drumbeat/times";

// Heavier modules are fetched only by pages that hold what they serve.
const LAZY = {
  "[data-chart]": () => import("@drumbeat/charts"),
  "[data-code-editor]": () => import("@drumbeat/code-editor"),
  "[data-sortable]": () => import("@drumbeat/sortable"),
  "[data-autosave]": () => import("@drumbeat/autosave"),
};

export function mount(root) {
  times.mount(root);
  for (const [selector, load] of Object.entries(LAZY)) {
    if (root.matches?.(selector) || root.querySelector(selector)) {
      load().then((module) => module.mount(root));
    }
  }
}

mount(document.body);
document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt !== document.body) mount(event.detail.elt);
});
