// Classic script in the head: runs before the first paint, so that the page never flashes in the wrong theme.
// The choice is light, dark or auto, under the same key as Django admin's; data-bs-theme is the only switch all else follows.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let choice = "auto";
    try {
      choice = localStorage.getItem("theme") ?? "auto";
    } catch {
      // Storage may be blocked; the system's theme is a fine answer.
    }
    const theme = choice === "dark" || (choice === "auto" && system.matches) ? "dark" : "light";
    document.documentElement.dataset.themeChoice = choice;
    if (document.documentElement.dataset.bsTheme === theme) return;
    document.documentElement.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("theme", { detail: { theme } }));
  };
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  document.addEventListener("theme-choice", apply);
  apply();
})();
