// The lanes of a random split: more, fewer, evenly shared, and whether they make 100.
const rowsOf = (box) => [...box.querySelectorAll("[data-split-row]")];
const used = (box) => rowsOf(box).filter((row) => !row.hidden);
const share = (row) => row.querySelector("[data-share]");
const name = (row) => row.querySelector("input[type=text]");

function total(box) {
  const sum = used(box).reduce((all, row) => all + (Number(share(row).value) || 0), 0);
  const output = box.querySelector("[data-split-total]");
  output.textContent = sum === 100 ? "100% in all" : `${sum}% in all, not 100`;
  output.classList.toggle("is-wrong", sum !== 100);
  const count = used(box).length;
  box.querySelector("[data-split-add]").disabled = count === rowsOf(box).length;
  for (const row of used(box)) row.querySelector("[data-split-remove]").disabled = count <= 2;
}

function touch(row) {
  name(row).dispatchEvent(new Event("input", { bubbles: true }));
}

function add(box) {
  const row = rowsOf(box).find((each) => each.hidden);
  row.hidden = false;
  const taken = new Set(used(box).map((each) => name(each).value));
  name(row).value = [..."abcdefghij"].find((letter) => !taken.has(letter)) ?? "";
  touch(row);
  name(row).focus();
}

function remove(box, row) {
  for (const input of row.querySelectorAll("input")) input.value = "";
  row.hidden = true;
  touch(row);
  box.querySelector("[data-split-add]").focus();
}

function even(box) {
  const rows = used(box);
  rows.forEach((row, at) => (share(row).value = Math.floor(100 / rows.length) + (at < 100 % rows.length ? 1 : 0)));
  touch(rows[0]);
}

export function mount(root) {
  const box = root.querySelector("[data-split]:not([data-mounted])");
  if (!box) return;
  box.dataset.mounted = "";
  box.addEventListener("input", () => total(box));
  box.addEventListener("click", ({ target }) => {
    if (target.closest("[data-split-add]")) add(box);
    if (target.closest("[data-split-even]")) even(box);
    const removed = target.closest("[data-split-remove]");
    if (removed) remove(box, removed.closest("[data-split-row]"));
  });
  total(box);
}
