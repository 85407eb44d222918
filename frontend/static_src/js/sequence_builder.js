// The sequence builder: every part is a module of its own; `data-sequence-ready` tells that all of them are at work.
import { canvas, root } from "@drumbeat/sequence_gestures";
import * as keys from "@drumbeat/sequence_keys";
import * as menus from "@drumbeat/sequence_menus";
import * as numbers from "@drumbeat/sequence_numbers";
import * as panel from "@drumbeat/sequence_panel";
import * as slots from "@drumbeat/sequence_slots";
import * as zoom from "@drumbeat/sequence_zoom";

// Goes from one marked step to the next.
let visited = -1;

function nextProblem({ target }) {
  const button = target.closest("[data-next-problem]");
  if (!button) return;
  const cards = [...canvas().querySelectorAll(button.dataset.nextProblem === "error" ? ".has-error" : ".step-card:has(.is-warning)")];
  visited = (visited + 1) % cards.length;
  cards[visited].scrollIntoView({ block: "center", inline: "center" });
  cards[visited].querySelector("[data-step]").focus({ preventScroll: true });
}

for (const part of [slots, menus, keys, zoom, numbers, panel]) part.mount();
document.addEventListener("click", nextProblem);
root.dataset.sequenceReady = "";
