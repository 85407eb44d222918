// Live numbers on the cards: sent, opened, clicked; who waits and who left; how many took each lane.
import { canvas, onCanvas, root } from "@drumbeat/sequence_gestures";

const EVERY = 5_000;
let last = null;

const whole = new Intl.NumberFormat("en").format;
const people = (count) => `${whole(count)} ${count === 1 ? "person" : "people"}`;
const percent = (part, all) => (all ? `${((100 * part) / all).toFixed(1)}%` : "—");

function show() {
  if (!last) return;
  const entered = canvas().querySelector("[data-entered]");
  if (entered) entered.textContent = people(last.entered);
  for (const list of canvas().querySelectorAll("[data-numbers]")) {
    const found = last.steps[list.dataset.numbers];
    if (!found || found.sent === null) continue;
    list.querySelector("[data-number=sent]").textContent = whole(found.sent);
    for (const name of ["opened", "clicked"]) {
      const cell = list.querySelector(`[data-number=${name}]`);
      cell.textContent = percent(found[name], found.sent);
      cell.title = `${whole(found[name])} of ${whole(found.sent)}`;
    }
  }
  for (const line of canvas().querySelectorAll("[data-people]")) {
    const found = last.steps[line.dataset.people];
    const parts = [];
    if (found?.waiting) parts.push(`${whole(found.waiting)} here now`);
    if (found?.left) parts.push(`${whole(found.left)} left here`);
    line.textContent = parts.join(" · ");
    line.hidden = !parts.length;
  }
  for (const branches of canvas().querySelectorAll(".branches")) {
    const shares = [...branches.querySelectorAll(":scope > .branch > .branch-label [data-lane-share]")];
    const all = shares.reduce((sum, share) => sum + (last.lanes[share.dataset.laneShare] ?? 0), 0);
    for (const share of shares) {
      const took = last.lanes[share.dataset.laneShare] ?? 0;
      share.textContent = all ? ` · ${Math.round((100 * took) / all)}%` : "";
      share.title = all ? `${whole(took)} of ${people(all)}` : "";
    }
  }
}

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch(root.dataset.numbersUrl, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    last = await answer.json();
    show();
    root.dataset.numbered = "";
  } catch {
    // No connection: the numbers stay as they are until the next time.
  }
}

export function mount() {
  if (!root.dataset.numbersUrl) return;
  onCanvas(show);
  ask();
  setInterval(ask, EVERY);
}
