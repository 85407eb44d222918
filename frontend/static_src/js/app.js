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

// <html data-ready> tells that everything on the page works: nothing is being fetched or mounted any more.
let mounting = 0;

export async function mount(root) {
  times.mount(root);
  const wanted = Object.entries(LAZY).filter(([selector]) => root.matches?.(selector) || root.querySelector(selector));
  mounting += 1;
  if (wanted.length) delete document.documentElement.dataset.ready;
  try {
    await Promise.all(wanted.map(([, load]) => load().then((module) => module.mount(root))));
  } finally {
    mounting -= 1;
    if (mounting === 0) document.documentElement.dataset.ready = "";
  }
}

// HTMX binds what is on the page when the document has been read.
document.addEventListener("DOMContentLoaded", () => mount(document.body));
document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt !== document.body) mount(event.detail.elt);
});
