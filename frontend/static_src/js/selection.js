// data-select-all="name" ticks every box of that name in its form or table; [data-selected-count] shows how many are ticked.
function boxes(all) {
  const scope = all.closest("form, table") ?? document;
  return [...scope.querySelectorAll(`input[type="checkbox"][name="${CSS.escape(all.dataset.selectAll)}"]`)];
}

function refresh(all) {
  const every = boxes(all);
  const count = every.filter((box) => box.checked).length;
  all.checked = count > 0 && count === every.length;
  all.indeterminate = count > 0 && count < every.length;
  const scope = all.closest("form") ?? document;
  for (const element of scope.querySelectorAll("[data-selected-count]")) element.textContent = String(count);
  for (const element of scope.querySelectorAll("[data-needs-selection]")) element.disabled = count === 0;
}

document.addEventListener("change", (event) => {
  const all = event.target;
  if (all.matches("[data-select-all]")) {
    for (const box of boxes(all)) box.checked = all.checked;
    refresh(all);
    return;
  }
  for (const other of document.querySelectorAll("[data-select-all]")) {
    if (other.dataset.selectAll === all.name) refresh(other);
  }
});
