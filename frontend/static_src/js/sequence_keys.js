// The canvas by keyboard. Steps and places form one row in the order of the document, of which one is in the tab order.
import * as clipboard from "@drumbeat/sequence_clipboard";
import { canvas, editable, gesture, onCanvas, slotOf, stepOf } from "@drumbeat/sequence_gestures";
import { behind, openAdding, remove, shift, slotBehind } from "@drumbeat/sequence_menus";

let current = "";

const items = () => [...canvas().querySelectorAll("[data-step], [data-plus]")];

// Puts one item, with the menu that belongs to it, into the tab order.
function rove(item) {
  for (const other of canvas().querySelectorAll("[data-step], [data-plus], .step-menu, .branch-menu")) other.tabIndex = -1;
  if (!item) return;
  item.tabIndex = 0;
  current = item.id;
  const menu = item.matches("[data-step]") ? item.parentElement.querySelector(".step-menu") : laneMenuOf(item);
  if (menu) menu.tabIndex = 0;
}

// The first place of a lane stands for the lane.
function laneMenuOf(plus) {
  const { lane, index } = slotOf(plus.parentElement);
  return index === 0 ? document.getElementById(`lane-menu-${lane}`) : null;
}

function go(item) {
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// The item of the lane beside that is nearest in height.
function across(item, by) {
  for (let branch = item.closest(".branch"); branch; branch = branch.parentElement.closest(".branch")) {
    let other = branch;
    do other = by < 0 ? other.previousElementSibling : other.nextElementSibling;
    while (other && !other.matches(".branch"));
    if (!other) continue;
    const top = (element) => element.getBoundingClientRect().top;
    return [...other.querySelectorAll("[data-step], [data-plus]")].reduce((best, next) =>
      Math.abs(top(next) - top(item)) < Math.abs(top(best) - top(item)) ? next : best,
    );
  }
  return null;
}

function walk(event, item) {
  const all = items();
  const at = all.indexOf(item);
  const target = {
    ArrowDown: () => all[at + 1],
    ArrowUp: () => all[at - 1],
    Home: () => all[0],
    End: () => all[all.length - 1],
    ArrowLeft: () => across(item, -1),
    ArrowRight: () => across(item, 1),
  }[event.key]?.();
  if (target === undefined && !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  if (target) go(target);
}

function edit(event, item) {
  const step = item.matches("[data-step]") ? stepOf(item) : null;
  const chord = event.ctrlKey || event.metaKey;
  const letter = event.key.toLowerCase();
  if (event.altKey && step && ["ArrowUp", "ArrowDown"].includes(event.key)) shift(step, event.key === "ArrowUp" ? -1 : 1);
  else if (step && !chord && ["Delete", "Backspace"].includes(event.key)) remove(step);
  else if (!chord && ["Insert", "+"].includes(event.key)) openAdding(step ? slotBehind(step) : item.parentElement);
  else if (chord && letter === "c" && step) clipboard.copy({ key: step.dataset.key });
  else if (chord && letter === "c" && !step) clipboard.copy({ lane: slotOf(item.parentElement).lane });
  else return false;
  event.preventDefault();
  return true;
}

function pressed(event) {
  const typing = event.target.closest("input, textarea, select, [contenteditable], dialog, .cm-editor");
  const chord = (event.ctrlKey || event.metaKey) && !event.altKey;
  if (editable && chord && !typing && ["z", "y"].includes(event.key.toLowerCase())) {
    event.preventDefault();
    gesture({ op: event.key.toLowerCase() === "y" || event.shiftKey ? "redo" : "undo" }, { focus: current });
    return;
  }
  const item = event.target.closest("[data-step], [data-plus]");
  if (!item || (editable && edit(event, item)) || chord || event.altKey) return;
  if (event.key === "?") document.getElementById("seq-keys").showModal();
  else walk(event, item);
}

function pasted(event) {
  const item = document.activeElement?.closest("[data-step], [data-plus]");
  if (!editable || !item) return;
  event.preventDefault();
  const place = item.matches("[data-step]") ? behind(stepOf(item)) : slotOf(item.parentElement);
  clipboard.paste(place, event.clipboardData?.getData("text/plain"));
}

function renew() {
  rove(document.getElementById(current) ?? items()[0]);
}

export function mount() {
  document.addEventListener("keydown", pressed);
  document.addEventListener("paste", pasted);
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches("[data-step], [data-plus]")) rove(target);
  });
  onCanvas(renew);
  renew();
}
