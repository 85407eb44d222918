// Dragging onto the nearest "+": one code path for mouse, pen and touch. Nothing in the tree moves; a ghost follows the
// pointer, the nearest place lights up, Escape cancels, and dropping is one gesture.
import { canvas, editable, gesture, root, scroller, slotOf, stepOf } from "@drumbeat/sequence_gestures";

const BEGINS = 5;
const REACH = 140;
const EDGE = 60;
const SPEED = 14;

let drag = null;
let frame = 0;

function begin(event) {
  const source = event.target.closest("[data-grip], [data-tool]");
  if (!source || event.button || root.dataset.busy !== undefined) return;
  drag = { source, step: source.matches("[data-grip]") ? stepOf(source) : null, id: event.pointerId, x: event.clientX, y: event.clientY };
  if (drag.step) event.preventDefault();
}

function move(event) {
  if (!drag || event.pointerId !== drag.id) return;
  if (!drag.ghost && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < BEGINS) return;
  if (!drag.ghost) lift();
  [drag.x, drag.y] = [event.clientX, event.clientY];
  drag.ghost.style.transform = `translate(${drag.x + 12}px, ${drag.y + 12}px)`;
  aim();
  scrollAtEdge();
}

function lift() {
  const shape = drag.step ? drag.step.querySelector(".step-main") : drag.source;
  drag.ghost = shape.cloneNode(true);
  drag.ghost.removeAttribute("id");
  for (const element of drag.ghost.querySelectorAll("[id]")) element.removeAttribute("id");
  drag.ghost.classList.add("seq-ghost");
  drag.ghost.setAttribute("aria-hidden", "true");
  drag.ghost.inert = true;
  document.body.append(drag.ghost);
  document.body.classList.add("seq-dragging");
  drag.step?.classList.add("is-lifted");
  try {
    drag.source.setPointerCapture(drag.id);
  } catch {
    // The pointer is gone already; its end comes as well.
  }
}

// The places where it may go: never into its own lanes.
function slots() {
  return [...canvas().querySelectorAll("[data-slot]")].filter((slot) => !drag.step?.contains(slot));
}

function aim() {
  let nearest = null;
  let best = REACH ** 2;
  const frameBox = scroller().getBoundingClientRect();
  const inside = drag.x >= frameBox.left - 20 && drag.x <= frameBox.right + 20 && drag.y >= frameBox.top - 20 && drag.y <= frameBox.bottom + 20;
  for (const slot of inside ? slots() : []) {
    const box = slot.querySelector(".plus-btn").getBoundingClientRect();
    const distance = (box.x + box.width / 2 - drag.x) ** 2 + (box.y + box.height / 2 - drag.y) ** 2;
    if (distance < best) [best, nearest] = [distance, slot];
  }
  if (nearest === drag.slot) return;
  drag.slot?.classList.remove("is-target");
  nearest?.classList.add("is-target");
  drag.slot = nearest;
}

function scrollAtEdge() {
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    if (!drag?.ghost) return;
    const box = scroller().getBoundingClientRect();
    if (drag.x < box.left || drag.x > box.right || drag.y < box.top - EDGE || drag.y > box.bottom + EDGE) return;
    const push = (at, low, high) => (at < low + EDGE ? -SPEED : at > high - EDGE ? SPEED : 0);
    const [across, down] = [push(drag.x, box.left, box.right), push(drag.y, box.top, box.bottom)];
    if (!across && !down) return;
    scroller().scrollBy(across, down);
    aim();
    scrollAtEdge();
  });
}

function end(dropped) {
  const done = drag;
  drag = null;
  if (!done?.ghost) return;
  done.ghost.remove();
  document.body.classList.remove("seq-dragging");
  done.step?.classList.remove("is-lifted");
  done.slot?.classList.remove("is-target");
  if (!dropped || !done.slot) return;
  const place = slotOf(done.slot);
  if (done.step) gesture({ op: "move", key: done.step.dataset.key, ...place });
  else gesture({ op: "add", sort: done.source.dataset.tool, ...place });
}

export function mount() {
  if (!editable) return;
  document.addEventListener("pointerdown", begin);
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", (event) => event.pointerId === drag?.id && end(true));
  document.addEventListener("pointercancel", () => end(false));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drag?.ghost) return;
    event.preventDefault();
    event.stopPropagation();
    end(false);
  });
}
