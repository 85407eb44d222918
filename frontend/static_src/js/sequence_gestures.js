// One gesture, one POST with the revision that the page shows; nothing moves until the server has answered with the canvas.
// Everything else in the builder goes through here, and hears of a new canvas by onCanvas().
export const root = document.querySelector("[data-builder]");
export const editable = root.hasAttribute("data-editable");
export const canvas = () => document.getElementById("canvas");
export const scroller = () => document.getElementById("seq-scroll");
export const stepOf = (element) => element?.closest(".step");
export const slotOf = ({ dataset }) => ({ lane: dataset.lane, index: Number(dataset.index) });

const listeners = [];
let waiting = Promise.resolve();
let place = [0, 0];
// What has the focus once the canvas is there: an id, or null to leave it where it is.
let focusNext = null;

export function onCanvas(listener) {
  listeners.push(listener);
}

export function announce(text) {
  const live = document.getElementById("seq-live");
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
}

// Gestures wait for one another, so that quick fingers lose nothing. `focus` is the id to go to where the answer names no step.
export function gesture(values, { focus = null } = {}) {
  waiting = waiting.then(() => post(values, focus)).catch(() => {});
  return waiting;
}

async function post(values, focus) {
  if (root.dataset.stale !== undefined) return announceStale();
  root.dataset.busy = "";
  focusNext = focus ?? document.activeElement?.id ?? null;
  try {
    await window.htmx.ajax("POST", root.dataset.editUrl, {
      target: "#canvas",
      swap: "outerHTML settle:0ms",
      values: { ...values, revision: canvas().dataset.revision },
    });
  } finally {
    delete root.dataset.busy;
  }
}

// Fetches the canvas again, for what changes it without being a gesture here.
export function reloadCanvas() {
  return window.htmx.ajax("GET", root.dataset.pageUrl, { target: "#canvas", swap: "outerHTML settle:0ms" });
}

document.addEventListener("sequence-changed", ({ detail }) => {
  if (detail.key) focusNext = `step-${detail.key}`;
  announce(`${detail.what}.`);
});

// A canvas has come, by whatever way: put the reader back where they were.
document.addEventListener("htmx:load", ({ detail }) => {
  if (detail.elt.id !== "canvas") return;
  for (const listener of listeners) listener();
  [scroller().scrollLeft, scroller().scrollTop] = place;
  const target = focusNext && document.getElementById(focusNext);
  focusNext = null;
  if (!target || document.activeElement?.closest("#panel, dialog")) return;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "nearest", inline: "nearest" });
});

document.addEventListener(
  "scroll",
  ({ target }) => {
    if (target.id === "seq-scroll") place = [target.scrollLeft, target.scrollTop];
  },
  true,
);

// Somebody was faster: say what they did, and offer to see it. Until then nothing can be changed here.
document.addEventListener("sequence-stale", ({ detail }) => {
  root.dataset.stale = "";
  const bar = document.getElementById("seq-stale");
  const text = document.createElement("p");
  text.textContent = detail.edits.length ? `Changed meanwhile: ${detail.edits.join("; ")}.` : "The steps were changed meanwhile.";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm btn-primary";
  button.textContent = "Reload to see it";
  button.addEventListener("click", () => location.reload());
  bar.replaceChildren(text, button);
  bar.hidden = false;
});

function announceStale() {
  announce("The steps were changed meanwhile. Reload the page first.");
  document.querySelector("#seq-stale button")?.focus();
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-op]");
  if (!button || !root.contains(button)) return;
  const { op, preset } = button.dataset;
  gesture(preset ? { op, preset } : { op }, { focus: button.id || "seq-scroll" });
});
