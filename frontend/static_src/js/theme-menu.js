// The menu that chooses light, dark or the system's theme.
function mark() {
  const choice = document.documentElement.dataset.themeChoice;
  for (const button of document.querySelectorAll("[data-theme-choice]:not(html)")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-theme-choice]");
  if (!button) return;
  try {
    localStorage.setItem("theme", button.dataset.themeChoice);
  } catch {
    // Without storage the choice can't outlive the page, and theme.js reads it from there: nothing to do.
  }
  document.dispatchEvent(new CustomEvent("theme-choice"));
  mark();
});
addEventListener("storage", mark);
mark();
