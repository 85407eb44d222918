// Draws the API's documentation. "Try it out" uses the token typed into Authorize, never the browser's session.
const root = document.getElementById("api-docs");

window.SwaggerUIBundle({
  domNode: root,
  url: root.dataset.schemaUrl,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  withCredentials: false,
  validatorUrl: null,
});
