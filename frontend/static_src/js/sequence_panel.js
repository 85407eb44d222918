// The panel beside the canvas: opens with a step, keeps what was typed, and follows the draft's revision.
import { ask } from "@drumbeat/dialog";
import { canvas, onCanvas, root } from "@drumbeat/sequence_gestures";
import * as splits from "@drumbeat/sequence_splits";

const panel = document.getElementById("panel");
let opened = "";
let dirty = false;

const urlOf = (key) => root.dataset.stepUrl.replace("KEY", key);
const form = () => document.getElementById("step-form");

function mark() {
  for (const card of canvas().querySelectorAll(".step-card.is-open")) card.classList.remove("is-open");
  const card = opened && document.getElementById(`card-${opened}`);
  if (card) card.classList.add("is-open");
  else if (opened) close();
}

function setDirty(value) {
  dirty = value;
  const note = panel.querySelector("[data-unsaved]");
  if (note) note.hidden = !value;
}

async function mayLeave() {
  if (!dirty) return true;
  return ask("What you changed in this step is not saved.", { title: "Leave the step?", button: "Leave" });
}

export async function open(key) {
  if (!(await mayLeave())) return;
  opened = key;
  await load(urlOf(key));
  panel.querySelector("#panel-title")?.focus();
}

async function load(url) {
  panel.hidden = false;
  root.classList.add("has-panel");
  await window.htmx.ajax("GET", url, { target: "#panel", swap: "innerHTML settle:0ms" });
  setDirty(false);
  mark();
  splits.mount(panel);
  document.getElementById(`card-${opened}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function close() {
  const key = opened;
  opened = "";
  setDirty(false);
  panel.hidden = true;
  panel.replaceChildren();
  root.classList.remove("has-panel");
  mark();
  document.getElementById(`step-${key}`)?.focus();
}

async function leave() {
  if (await mayLeave()) close();
}

// Another sort, or a choice that other fields hang on: the server draws the form anew, with what was typed so far.
async function redraw({ target }) {
  if (!target.matches("[data-sort], [data-refresh]")) return;
  const query = new URLSearchParams();
  if (target.matches("[data-sort]")) query.set("as", target.value);
  else {
    for (const [name, value] of new FormData(form())) if (name !== "csrfmiddlewaretoken") query.append(name, value);
    query.set("refresh", "1");
  }
  await load(`${urlOf(opened)}?${query}`);
  setDirty(true);
  document.getElementById(target.id)?.focus();
}

export function mount() {
  document.addEventListener("click", ({ target }) => {
    const step = target.closest("[data-step]");
    if (step) open(step.dataset.step);
    if (target.closest("[data-panel-close]")) leave();
  });
  panel.addEventListener("change", redraw);
  panel.addEventListener("input", ({ target }) => {
    if (target.form?.id === "step-form") setDirty(true);
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) leave();
  });
  document.addEventListener("htmx:load", ({ detail }) => {
    if (!panel.contains(detail.elt)) return;
    splits.mount(panel);
  });
  // The form that was sent: by now another one has taken its place, so the event's own element is what stands around it.
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const { verb, elt } = detail.requestConfig ?? {};
    if (detail.successful && verb === "post" && elt?.id === "step-form") setDirty(false);
  });
  document.addEventListener("comments-changed", ({ detail }) => {
    const mark_ = canvas().querySelector(`[data-comments="${CSS.escape(detail.key)}"]`);
    if (!mark_) return;
    mark_.hidden = !detail.open;
    mark_.querySelector("[data-comments-count]").textContent = detail.open;
  });
  window.addEventListener("beforeunload", (event) => dirty && event.preventDefault());
  onCanvas(() => {
    const field = form()?.elements.revision;
    if (field) field.value = canvas().dataset.revision;
    mark();
  });
  const wanted = new URLSearchParams(location.search).get("step");
  if (wanted && document.getElementById(`step-${wanted}`)) open(wanted);
}
