// How HTMX behaves everywhere. The static part is in the page's meta "htmx-config"; this is what needs events.
import { toast } from "@drumbeat/toasts";

const SENTENCES = {
  400: "The server could not read that; over 10 MB is too much. Nothing was changed, and what you typed is still here.",
  401: "You were signed out. Sign in again in another tab, then repeat this: what you typed is still here.",
  403: "You are not allowed to do this. Nothing was changed.",
  404: "This is gone, or it belongs to another workspace.",
  409: "Someone changed this meanwhile. Reload the page to see it.",
  413: "That file is too large.",
  429: "That was too much at once. Wait a moment and try again.",
};

// Polls answer 401 or a sign-in page when the session has ended; say so once, not every two seconds.
let saidSignedOut = false;

document.addEventListener("htmx:responseError", (event) => {
  const { xhr, elt, requestConfig } = event.detail;
  const explained = xhr.getResponseHeader("HX-Trigger")?.includes('"toast"');
  if (xhr.status === 401 && requestConfig?.verb === "get") {
    if (saidSignedOut) return;
    saidSignedOut = true;
  }
  if (!explained) {
    const sentence = SENTENCES[xhr.status] ?? `The server could not do that (${xhr.status}). Nothing was changed.`;
    toast(sentence, { level: "danger" });
  }
  elt.dispatchEvent(new CustomEvent("request-refused", { bubbles: true, detail: { status: xhr.status } }));
});
document.addEventListener("htmx:sendError", (event) => {
  if (event.detail.requestConfig?.triggeringEvent) toast("No connection to the server. Nothing was changed.", { level: "danger" });
});
document.addEventListener("htmx:timeout", () => toast("The server took too long to answer.", { level: "danger" }));

// A fragment that turns out to be the sign-in page would be swapped into the middle of this one: go there instead.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (new URL(xhr.responseURL || location.href).pathname.endsWith("/login/")) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// After a form came back with errors, put the reader at the summary of them.
export function focusSummary(root) {
  root.querySelector?.("[data-error-summary]")?.focus();
}
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.xhr?.status === 422) focusSummary(document);
});
focusSummary(document);

// Signing in (in another tab) makes the tokens of open pages useless: send the one that the cookie holds now.
document.addEventListener("htmx:configRequest", (event) => {
  const token = csrfCookie();
  if (event.detail.verb === "get" || !token) return;
  event.detail.headers["X-CSRFToken"] = token;
  if (event.detail.formData.has("csrfmiddlewaretoken")) event.detail.formData.set("csrfmiddlewaretoken", token);
});

export function csrfCookie() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
}

// A search field that is empty, and selects at "any", should not litter the URL.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get" || !event.detail.elt.matches("form[role=search]")) return;
  for (const [name, value] of [...event.detail.formData.entries()]) {
    if (value === "") event.detail.formData.delete(name);
  }
});

// Leaving a search field fires "change" for what its "input" has found already; asking again would replace the results
// under the pointer, and with them the menu that the very same click opens.
document.addEventListener(
  "change",
  (event) => {
    if (event.target.matches("form[role=search] input[type=search]")) event.stopPropagation();
  },
  true,
);
