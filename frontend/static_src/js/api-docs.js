// Draws the API's documentation. "Try it out" uses the token typed into Authorize, never the browser's session.
const root = document.getElementById("api-docs");

function applyTheme() {
  const chosen = localStorage.getItem("theme") ?? "auto";
  const dark = chosen === "dark" || (chosen === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark-mode", dark);
}

applyTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);

window.SwaggerUIBundle({
  domNode: root,
  url: root.dataset.schemaUrl,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: false,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  withCredentials: false,
  validatorUrl: null,
});
