// <form data-autosave action="…">: saves by itself a moment after each change and says so in [data-autosave-state].
// The form carries a hidden "version". The server answers 200 with HX-Trigger {"saved": {"version": n}}, 422 with the
// fields' errors as JSON {"errors": {"subject": ["…"]}}, or 409 when someone else saved: then we stop and say so.
import { csrfCookie } from "@drumbeat/htmx-config";
import { toast } from "@drumbeat/toasts";

const DELAY_MS = 600;
const WORDS = {
  saving: "Saving…",
  saved: "Saved",
  failed: "Not saved. We’ll try again with your next change.",
  invalid: "Not saved: see the marked fields.",
  stale: "Changed by someone else. Reload to see it; your last change is not saved.",
};

function show(form, state) {
  for (const element of document.querySelectorAll("[data-autosave-state]")) {
    if (element.dataset.autosaveState && element.dataset.autosaveState !== form.id) continue;
    element.dataset.state = state;
    element.textContent = WORDS[state] ?? "";
  }
}

function markErrors(form, errors) {
  for (const field of form.elements) {
    const messages = errors[field.name] ?? [];
    const slot = form.querySelector(`[data-error-for="${CSS.escape(field.name)}"]`);
    field.classList?.toggle("is-invalid", messages.length > 0);
    if (messages.length) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    if (slot) slot.textContent = messages.join(" ");
  }
}

// What shows a field's value elsewhere on the page ([data-shows="name"] in the heading) follows it, the page's title too.
function mirror(form) {
  for (const element of document.querySelectorAll("[data-shows]")) {
    const value = form.elements.namedItem(element.dataset.shows)?.value.trim();
    if (!value || value === element.textContent) continue;
    document.title = document.title.replace(element.textContent, value);
    element.textContent = value;
  }
}

class Autosave {
  constructor(form) {
    this.form = form;
    this.timer = 0;
    this.running = false;
    this.again = false;
    this.stopped = false;
    // Requests of buttons within the form that are under way: each may bring a new version.
    this.others = 0;
    // What is typed is on the page only, as the server could not take it.
    this.unsaved = false;
    this.work = Promise.resolve();
    form.addEventListener("input", () => this.schedule(DELAY_MS));
    form.addEventListener("change", () => this.schedule(0));
    form.addEventListener("submit", () => clearTimeout(this.timer));
    form.addEventListener("saved", ({ detail }) => this.adopt(detail));
    addEventListener("beforeunload", (event) => {
      if (this.unsaved && form.isConnected) event.preventDefault();
    });
  }

  schedule(delay) {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), delay);
  }

  // One request at a time, so that versions follow one another; what changed meanwhile goes with the next.
  save() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.again = true;
    if (!this.running) this.work = this.run();
    return this.work;
  }

  async run() {
    this.running = true;
    while (this.again && !this.stopped && !this.others) {
      this.again = false;
      show(this.form, "saving");
      try {
        await this.send();
      } catch {
        this.unsaved = true;
        show(this.form, "failed");
      }
    }
    this.running = false;
  }

  // Saves what waits to be saved; tells whether all of it is.
  async settle() {
    await (this.timer ? this.save() : this.work);
    return !this.unsaved;
  }

  wait() {
    this.others += 1;
  }

  resume() {
    this.others -= 1;
    if (!this.others && this.again) this.save();
  }

  // Also after a change that went another way, as by a button within the form.
  adopt(detail) {
    const version = this.form.elements.namedItem("version");
    if (version && detail.version !== undefined) version.value = detail.version;
  }

  async send() {
    const body = new FormData(this.form);
    if (body.has("csrfmiddlewaretoken")) body.set("csrfmiddlewaretoken", csrfToken(this.form));
    const response = await fetch(this.form.dataset.autosave || this.form.action, {
      method: "POST",
      body,
      headers: { "HX-Request": "true", "X-Autosave": "true", "X-CSRFToken": csrfToken(this.form) },
    });
    const triggers = parse(response.headers.get("HX-Trigger"));
    for (const [name, detail] of Object.entries(triggers)) {
      if (name !== "saved") this.form.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    }
    if (response.ok) return this.saved(triggers.saved ?? {});
    this.unsaved = true;
    if (response.status === 422) {
      markErrors(this.form, (await response.json()).errors ?? {});
      return show(this.form, "invalid");
    }
    if (response.status === 409) {
      this.stopped = true;
      show(this.form, "stale");
      if (!triggers.toast) toast(WORDS.stale, { level: "danger" });
      return undefined;
    }
    throw new Error(`autosave answered ${response.status}`);
  }

  saved(detail) {
    this.unsaved = false;
    markErrors(this.form, {});
    show(this.form, "saved");
    mirror(this.form);
    this.form.dispatchEvent(new CustomEvent("saved", { bubbles: true, detail }));
  }
}

function csrfToken(form) {
  return csrfCookie() ?? form.elements.namedItem("csrfmiddlewaretoken")?.value ?? JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
}

function parse(header) {
  try {
    return JSON.parse(header ?? "{}");
  } catch {
    return {};
  }
}

const known = new WeakMap();

// By their requests, as the button itself may be gone when the answer is there.
const waiting = new WeakMap();
document.addEventListener("htmx:beforeSend", ({ detail }) => {
  const saver = known.get(detail.elt.closest("form[data-autosave]"));
  if (!saver || detail.requestConfig.verb === "get") return;
  saver.wait();
  waiting.set(detail.xhr, saver);
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const saver = waiting.get(detail.xhr);
  if (!saver) return;
  waiting.delete(detail.xhr);
  saver.resume();
});

// A button within the form changes what was saved: what was typed goes first, or its answer would overwrite it.
document.addEventListener("htmx:confirm", (event) => {
  const saver = known.get(event.detail.elt.closest("form[data-autosave]"));
  if (!saver || saver.stopped || event.detail.question || event.detail.verb === "get") return;
  event.preventDefault();
  saver.settle().then((done) => {
    if (done) event.detail.issueRequest(true);
    else toast("Not done: mend the marked fields first.", { level: "warning" });
  });
});

export function mount(root) {
  const forms = [...root.querySelectorAll("form[data-autosave]")];
  if (root.matches?.("form[data-autosave]")) forms.push(root);
  for (const form of forms) {
    if (known.has(form)) continue;
    known.set(form, new Autosave(form));
  }
}
