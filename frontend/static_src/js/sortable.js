// Flat lists in the user's own order: <ol data-sortable data-sortable-url="…"> of items with data-id.
// Drag by .sortable-handle, or Alt+↑/↓ on an item. The whole new order is POSTed as "order" (with "version" from data-version,
// which HX-Trigger {"saved": {"version": n}} renews); when the server refuses, the order that it has is put back.
import Sortable from "sortablejs";

const announcer = document.getElementById("toasts");
const savedOrder = new WeakMap();
const saving = new WeakSet();

function ids(list) {
  return [...list.children].map((item) => item.dataset.id).filter(Boolean);
}

// One request at a time; what moved meanwhile goes with the next.
async function save(list) {
  if (saving.has(list)) return;
  saving.add(list);
  let order = ids(list);
  while (order.join() !== savedOrder.get(list).join()) {
    list.dispatchEvent(new CustomEvent("reordered", { bubbles: true, detail: { order } }));
    if (await accepted(list, order)) savedOrder.set(list, order);
    else restore(list, savedOrder.get(list));
    order = ids(list);
  }
  saving.delete(list);
}

async function accepted(list, order) {
  const url = list.dataset.sortableUrl;
  if (!url) return true;
  let fine = true;
  const refuse = () => (fine = false);
  list.addEventListener("request-refused", refuse);
  try {
    const values = { order, version: list.dataset.version ?? "" };
    await window.htmx.ajax("POST", url, { source: list, target: list, swap: "none", values });
  } catch {
    fine = false;
  }
  list.removeEventListener("request-refused", refuse);
  return fine;
}

function restore(list, order) {
  for (const id of order) {
    const item = list.querySelector(`:scope > [data-id="${CSS.escape(id)}"]`);
    if (item) list.append(item);
  }
}

function move(item, step) {
  const list = item.parentElement;
  const other = step < 0 ? item.previousElementSibling : item.nextElementSibling;
  if (!other?.dataset.id) return;
  if (step < 0) other.before(item);
  else other.after(item);
  (item.querySelector(".sortable-handle") ?? item).focus();
  announce(`Moved to place ${ids(list).indexOf(item.dataset.id) + 1} of ${ids(list).length}.`);
  save(list);
}

function announce(text) {
  const note = announcer.appendChild(document.createElement("span"));
  note.className = "visually-hidden";
  note.textContent = text;
  setTimeout(() => note.remove(), 3000);
}

document.addEventListener("keydown", (event) => {
  if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const item = event.target.closest("[data-sortable] > [data-id]");
  if (!item) return;
  event.preventDefault();
  move(item, event.key === "ArrowUp" ? -1 : 1);
});
document.addEventListener("saved", (event) => {
  if (event.target.matches("[data-sortable]")) event.target.dataset.version = event.detail.version;
});

export function mount(root) {
  const lists = [...root.querySelectorAll("[data-sortable]")];
  const around = root.closest("[data-sortable]");
  if (around) lists.push(around);
  for (const list of lists) {
    if (!saving.has(list)) savedOrder.set(list, ids(list));
    if (Sortable.get(list)) continue;
    Sortable.create(list, {
      handle: ".sortable-handle",
      draggable: "[data-id]",
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150,
      ghostClass: "sortable-ghost",
      chosenClass: "sortable-chosen",
      fallbackClass: "sortable-drag",
      // The browser's own drag and drop knows no touch and paints a picture of its own: one way for finger and mouse.
      forceFallback: true,
      fallbackTolerance: 3,
      onEnd: () => save(list),
    });
  }
}
