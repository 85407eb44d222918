// Classic script in the head: runs before the first paint, so that the page never flashes in the wrong theme.
// The choice is light, dark or auto, under the same key as Django admin's; data-bs-theme is the only switch all else follows.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  // Storage may be blocked: then the system's theme it is.
  function stored() {
    try {
      return localStorage.getItem("theme") ?? "auto";
    } catch {
      return "auto";
    }
  }

  function apply(choice = stored()) {
    const theme = choice === "dark" || (choice !== "light" && system.matches) ? "dark" : "light";
    root.dataset.themeChoice = choice;
    markChoice();
    if (root.dataset.bsTheme === theme) return;
    root.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("theme", { detail: { theme } }));
  }

  function markChoice() {
    for (const button of document.querySelectorAll("button[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === root.dataset.themeChoice));
    }
  }

  document.addEventListener("click", (event) => {
    const choice = event.target.closest("button[data-theme-choice]")?.dataset.themeChoice;
    if (!choice) return;
    try {
      localStorage.setItem("theme", choice);
    } finally {
      apply(choice);
    }
  });
  system.addEventListener("change", () => apply());
  addEventListener("storage", () => apply());
  document.addEventListener("DOMContentLoaded", markChoice);
  apply();
})();
