// Copied steps, as JSON in the browser's store: they can be pasted in any sequence of the workspace, in any tab.
import { announce, gesture, root } from "@drumbeat/sequence_gestures";
import { toast } from "@drumbeat/toasts";

const STORE = "drumbeat-steps";

export async function fetchSteps(what) {
  const answer = await fetch(`${root.dataset.fragmentUrl}?${new URLSearchParams(what)}`);
  if (answer.ok) return answer.text();
  toast("There is nothing to copy.", { level: "warning" });
  return null;
}

export async function copy(what) {
  const text = await fetchSteps(what);
  if (!text) return;
  try {
    localStorage.setItem(STORE, text);
  } catch {
    toast("The browser lets nothing be kept, so nothing was copied.", { level: "danger" });
    return;
  }
  // Also for other programs, where the browser allows it.
  navigator.clipboard?.writeText(text).catch(() => {});
  const count = held();
  announce(`Copied ${count} step${count === 1 ? "" : "s"}.`);
  toast(`Copied ${count} step${count === 1 ? "" : "s"}.`, { level: "info" });
}

function stored() {
  try {
    return localStorage.getItem(STORE);
  } catch {
    return null;
  }
}

// How many steps are held, those in lanes not counted; 0 for none.
export function held() {
  return stepsIn(stored())?.length ?? 0;
}

function stepsIn(text) {
  try {
    const found = JSON.parse(text);
    return found?.drumbeat === "steps" && Array.isArray(found.steps) ? found.steps : null;
  } catch {
    return null;
  }
}

// `text` is what the browser's clipboard holds; what was copied here counts where that is something else.
export function paste(place, text = null) {
  const steps = stepsIn(text) ? text : stored();
  if (!stepsIn(steps)) {
    toast("There is nothing to paste: copy a step or a lane first.", { level: "warning" });
    return;
  }
  gesture({ op: "paste", steps, ...place });
}
