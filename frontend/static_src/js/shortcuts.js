// data-shortcut="n": that key clicks the element, or focuses it if it is a field. "?" lists what the page offers.
const isTyping = (element) => element.closest("input, textarea, select, [contenteditable], .cm-editor") !== null;

function visible(element) {
  return element.checkVisibility?.() ?? true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "?") {
    event.preventDefault();
    showList();
    return;
  }
  const element = [...document.querySelectorAll(`[data-shortcut="${CSS.escape(event.key)}"]`)].find(visible);
  if (!element) return;
  event.preventDefault();
  if (element.matches("input, textarea, select")) element.focus();
  else element.click();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-shortcut-list]")) showList();
});

function nameOf(element) {
  return element.getAttribute("aria-label") || element.textContent.trim() || element.title;
}

function showList() {
  const modal = document.getElementById("modal");
  const entries = [["?", "Show this list"]];
  for (const element of document.querySelectorAll("[data-shortcut]")) {
    if (visible(element)) entries.push([element.dataset.shortcut, nameOf(element)]);
  }
  const head = document.createElement("div");
  head.className = "app-dialog-head";
  const title = head.appendChild(document.createElement("h2"));
  title.className = "app-dialog-title";
  title.id = "modal-title";
  title.textContent = "Keyboard shortcuts";
  const close = head.appendChild(document.createElement("button"));
  close.type = "button";
  close.className = "btn-close";
  close.dataset.dialogClose = "";
  close.setAttribute("aria-label", "Close");
  const body = document.createElement("div");
  body.className = "app-dialog-body";
  const list = body.appendChild(document.createElement("dl"));
  list.className = "shortcut-list";
  for (const [key, meaning] of entries) {
    const term = list.appendChild(document.createElement("dt"));
    term.appendChild(document.createElement("kbd")).textContent = key;
    list.appendChild(document.createElement("dd")).textContent = meaning;
  }
  modal.replaceChildren(head, body);
  modal.showModal();
}
