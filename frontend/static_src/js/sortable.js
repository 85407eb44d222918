// Flat lists in the user's own order: <ol data-sortable data-sortable-url="…"> of items with data-id.
// Drag by .sortable-handle, or Alt+↑/↓ on an item. Either way one POST with the whole order; a refusal puts things back.
import Sortable from "sortablejs";

const announcer = document.getElementById("toasts");

function ids(list) {
  return [...list.children].map((item) => item.dataset.id).filter(Boolean);
}

async function save(list, before) {
  const order = ids(list);
  if (order.join() === before.join()) return;
  list.dispatchEvent(new CustomEvent("reordered", { bubbles: true, detail: { order } }));
  const url = list.dataset.sortableUrl;
  if (!url) return;
  const undo = () => restore(list, before);
  list.addEventListener("request-refused", undo, { once: true });
  const values = { order, version: list.dataset.version ?? "" };
  await window.htmx.ajax("POST", url, { source: list, target: list, swap: "none", values });
  list.removeEventListener("request-refused", undo);
}

function restore(list, order) {
  for (const id of order) list.append(list.querySelector(`:scope > [data-id="${CSS.escape(id)}"]`));
}

function move(item, step) {
  const list = item.parentElement;
  const before = ids(list);
  const other = step < 0 ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return;
  if (step < 0) other.before(item);
  else other.after(item);
  (item.querySelector(".sortable-handle") ?? item).focus();
  const place = [...list.children].indexOf(item) + 1;
  const note = announcer.appendChild(document.createElement("span"));
  note.className = "visually-hidden";
  note.textContent = `Moved to place ${place} of ${list.children.length}.`;
  setTimeout(() => note.remove(), 3000);
  save(list, before);
}

document.addEventListener("keydown", (event) => {
  if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const item = event.target.closest("[data-sortable] > [data-id]");
  if (!item) return;
  event.preventDefault();
  move(item, event.key === "ArrowUp" ? -1 : 1);
});

export function mount(root) {
  const lists = [...root.querySelectorAll("[data-sortable]")];
  if (root.matches?.("[data-sortable]")) lists.push(root);
  for (const list of lists) {
    if (Sortable.get(list)) continue;
    let before = [];
    Sortable.create(list, {
      handle: ".sortable-handle",
      draggable: "[data-id]",
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150,
      ghostClass: "sortable-ghost",
      chosenClass: "sortable-chosen",
      onStart: () => (before = ids(list)),
      onEnd: () => save(list, before),
    });
  }
}
