// The menus of the builder: what to add at a "+", what to do with a step or a lane, and where to move a step.
import * as clipboard from "@drumbeat/sequence_clipboard";
import { canvas, gesture, slotOf, stepOf } from "@drumbeat/sequence_gestures";

const adding = document.getElementById("seq-add");
const actions = document.getElementById("seq-actions");
const laneActions = document.getElementById("seq-lane-actions");
const moving = document.getElementById("seq-move");
const GAP = 8;

let place = null;
let key = "";
let lane = "";

// Opens a popover beside what it belongs to, where there is room; on a phone the style sheet makes it a sheet at the bottom.
function open(popover, anchor) {
  popover.showPopover();
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const left = box.right + GAP + width < innerWidth ? box.right + GAP : box.left - GAP - width;
  popover.style.left = `${Math.max(GAP, left)}px`;
  popover.style.top = `${Math.max(GAP, Math.min(box.top - 2 * GAP, innerHeight - height - GAP))}px`;
  popover.querySelector("button:not([hidden]):not(.btn-close):not(:disabled)")?.focus();
}

export function openAdding(slot) {
  place = slotOf(slot);
  const held = clipboard.held();
  const paste = adding.querySelector("[data-paste]");
  paste.hidden = !held;
  if (held) paste.querySelector("[data-paste-label]").textContent = `Paste ${held} step${held === 1 ? "" : "s"}`;
  open(adding, slot.querySelector(".plus-btn"));
}

function openActions(button) {
  key = button.dataset.stepMenu;
  actions.querySelector("[data-do=paste]").disabled = !clipboard.held();
  open(actions, button);
}

function openLaneActions(button) {
  lane = button.dataset.laneMenu;
  const empty = button.dataset.filled === "0";
  laneActions.querySelector("[data-lane-do=copy]").disabled = empty;
  laneActions.querySelector("[data-lane-do=clear]").disabled = empty;
  laneActions.querySelector("[data-lane-do=paste]").disabled = !clipboard.held();
  open(laneActions, button);
}

// The place right behind a step.
export function behind(step) {
  const before = slotOf(step.querySelector("[data-slot]"));
  return { lane: before.lane, index: before.index + 1 };
}

export function slotBehind(step) {
  const { lane: name, index } = behind(step);
  return canvas().querySelector(`[data-slot][data-lane="${CSS.escape(name)}"][data-index="${index}"]`);
}

// What has the focus when a step is gone: the step after it, else the one before, else the place itself.
export function remove(step) {
  const steps = [...canvas().querySelectorAll(".step")].filter((other) => other === step || !step.contains(other));
  const at = steps.indexOf(step);
  const next = steps[at + 1] ?? steps[at - 1];
  gesture({ op: "delete", key: step.dataset.key }, { focus: next ? `step-${next.dataset.key}` : "at-root-0" });
}

export function shift(step, by) {
  gesture({ op: "nudge", key: step.dataset.key, by });
}

export function openMoving(step) {
  moving.querySelector("[data-moved]").textContent = step.querySelector(".step-title").textContent;
  const own = slotOf(step.querySelector("[data-slot]"));
  const places = moving.querySelector("[data-places]");
  places.replaceChildren(
    ...[...canvas().querySelectorAll("[data-slot]")].filter((slot) => !step.contains(slot)).map((slot) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const there = slotOf(slot);
      const stays = there.lane === own.lane && there.index === own.index + 1;
      button.type = "button";
      button.className = "seq-place";
      const label = slot.querySelector(".plus-btn").getAttribute("aria-label").replace("Add a step: ", "");
      button.textContent = label[0].toUpperCase() + label.slice(1) + (stays ? " (as now)" : "");
      button.disabled = stays;
      button.addEventListener("click", () => {
        moving.close();
        gesture({ op: "move", key: step.dataset.key, ...there });
      });
      item.append(button);
      return item;
    }),
  );
  moving.showModal();
  places.querySelector("button:not(:disabled)")?.focus();
}

const STEP_DEEDS = {
  open: (step) => step.querySelector("[data-step]").click(),
  up: (step) => shift(step, -1),
  down: (step) => shift(step, 1),
  move: openMoving,
  copy: (step) => clipboard.copy({ key: step.dataset.key }),
  duplicate: async (step) => {
    const steps = await clipboard.fetchSteps({ key: step.dataset.key });
    if (steps) gesture({ op: "paste", steps, ...behind(step) });
  },
  paste: (step) => clipboard.paste(behind(step)),
  delete: remove,
};

const LANE_DEEDS = {
  copy: () => clipboard.copy({ lane }),
  paste: () => clipboard.paste({ lane, index: 0 }),
  clear: () => gesture({ op: "clear", lane }, { focus: `at-${lane}-0` }),
};

function clicked({ target }) {
  const plus = target.closest("[data-plus]");
  if (plus) return openAdding(plus.closest("[data-slot]"));
  const menu = target.closest("[data-step-menu]");
  if (menu) return openActions(menu);
  const laneMenu = target.closest("[data-lane-menu]");
  if (laneMenu) return openLaneActions(laneMenu);
  const choice = target.closest("[data-add], [data-paste]");
  if (choice) {
    adding.hidePopover();
    return choice.dataset.add ? gesture({ op: "add", sort: choice.dataset.add, ...place }) : clipboard.paste(place);
  }
  const deed = target.closest("[data-do]");
  if (deed) {
    actions.hidePopover();
    return STEP_DEEDS[deed.dataset.do](stepOf(document.getElementById(`card-${key}`)));
  }
  const laneDeed = target.closest("[data-lane-do]");
  if (laneDeed) {
    laneActions.hidePopover();
    return LANE_DEEDS[laneDeed.dataset.laneDo]();
  }
}

// Arrow keys go through a menu.
function walked(event) {
  const menu = event.target.closest(".seq-pop, #seq-move");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  const items = [...menu.querySelectorAll("button:not([hidden]):not(:disabled)")].filter((item) => !item.matches(".btn-close"));
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  items[(to + items.length) % items.length].focus();
}

export function mount() {
  if (!adding) return;
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", walked);
}
