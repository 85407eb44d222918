// CodeMirror over <textarea data-code-editor="html|mjml|text">. The textarea stays the form's field: every change is written
// into it and fires "input", and a script that sets its value calls "editor-set" with {text}.
import { html } from "@codemirror/lang-html";
import { liquid } from "@codemirror/lang-liquid";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";

const nonce = document.querySelector("script[nonce]")?.nonce ?? "";
const editors = new Map();
const palette = new Compartment();

const MJML_TAGS = ["mjml", "mj-head", "mj-body", "mj-attributes", "mj-all", "mj-class", "mj-preview", "mj-style", "mj-title", "mj-font", "mj-section", "mj-column", "mj-group", "mj-wrapper", "mj-hero", "mj-text", "mj-button", "mj-image", "mj-divider", "mj-spacer", "mj-social", "mj-social-element", "mj-table", "mj-navbar", "mj-raw"];

function json(id) {
  const script = id && document.getElementById(id);
  return script ? JSON.parse(script.textContent) : [];
}

// Liquid around HTML, or around MJML, whose elements HTML doesn't know. Text is Liquid too; its HTML part stays unused.
function language(mode, fields) {
  const mjml = { extraTags: Object.fromEntries(MJML_TAGS.map((tag) => [tag, {}])), selfClosingTags: true };
  const variables = fields.map(({ label, detail }) => ({ label, detail, type: "variable", boost: 1 }));
  return liquid({ base: html(mode === "mjml" ? mjml : {}), variables });
}

const HIGHLIGHT = {
  light: { keyword: "#8250df", name: "#0a4f9c", attribute: "#8a4b00", string: "#13662f", comment: "#5b6675", variable: "#a61b1b" },
  dark: { keyword: "#d8b4fe", name: "#8cc4ff", attribute: "#fbbf64", string: "#6ee7a0", comment: "#a5b0c0", variable: "#fda4a4" },
};

function look() {
  const theme = document.documentElement.dataset.bsTheme === "dark" ? "dark" : "light";
  const colours = HIGHLIGHT[theme];
  const chrome = EditorView.theme(
    {
      "&": { backgroundColor: "transparent", color: "var(--tblr-body-color)" },
      ".cm-scroller": { fontFamily: "var(--tblr-font-monospace)", lineHeight: "1.6" },
      ".cm-gutters": { backgroundColor: "var(--tblr-bg-surface-secondary)", color: "var(--tblr-secondary)", border: "0" },
      ".cm-activeLineGutter, .cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--tblr-primary) 7%, transparent)" },
      ".cm-cursor": { borderLeftColor: "var(--tblr-body-color)" },
      "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--tblr-primary) 25%, transparent) !important" },
      ".cm-tooltip": { backgroundColor: "var(--tblr-bg-surface)", color: "var(--tblr-body-color)", border: "1px solid var(--tblr-border-color)" },
      ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--tblr-primary)", color: "#fff" },
      ".cm-completionDetail": { opacity: "0.75", fontStyle: "normal", marginLeft: "1rem" },
      ".cm-panels": { backgroundColor: "var(--tblr-bg-surface-secondary)", color: "var(--tblr-body-color)" },
    },
    { dark: theme === "dark" },
  );
  const style = HighlightStyle.define([
    { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], color: colours.keyword },
    { tag: [tags.tagName, tags.function(tags.variableName)], color: colours.name },
    { tag: tags.attributeName, color: colours.attribute },
    { tag: [tags.string, tags.attributeValue, tags.number, tags.bool], color: colours.string },
    { tag: [tags.comment, tags.meta, tags.documentMeta, tags.angleBracket], color: colours.comment },
    { tag: [tags.variableName, tags.propertyName, tags.brace], color: colours.variable },
  ]);
  return [chrome, syntaxHighlighting(style)];
}

// Marks the server's findings [{line, column, message, severity}] (both 1-based); returns how many it could place.
function showProblems(view, problems) {
  const { doc } = view.state;
  const diagnostics = problems.map(({ line, column, message, severity }) => {
    const row = doc.line(Math.min(Math.max(line || 1, 1), doc.lines));
    const from = Math.min(row.from + Math.max((column || 1) - 1, 0), row.to);
    const word = /^[\w-]+/.exec(doc.sliceString(from, row.to));
    const to = word ? from + word[0].length : Math.min(from + 1, row.to);
    return { from: Math.min(from, to), to, severity: severity ?? "error", message };
  });
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

function create(textarea) {
  const host = document.createElement("div");
  host.className = `code-editor ${textarea.dataset.editorClass ?? ""}`;
  const label = textarea.labels?.[0]?.textContent.trim() || textarea.getAttribute("aria-label") || "Source";
  const attributes = { "aria-label": label, tabindex: "0" };
  for (const name of ["aria-describedby", "aria-invalid"]) {
    if (textarea.hasAttribute(name)) attributes[name] = textarea.getAttribute(name);
  }
  const sync = EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    textarea.value = update.state.doc.toString();
    textarea.dispatchEvent(new Event("input", { bubbles: true }));
  });
  const view = new EditorView({
    parent: host,
    state: EditorState.create({
      doc: textarea.value,
      extensions: [
        EditorView.cspNonce.of(nonce),
        basicSetup,
        language(textarea.dataset.codeEditor, json(textarea.dataset.completions)),
        lintGutter(),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of(attributes),
        EditorState.readOnly.of(textarea.readOnly || textarea.disabled),
        palette.of(look()),
        sync,
      ],
    }),
  });
  textarea.hidden = true;
  textarea.after(host);
  editors.set(textarea, view);
  showProblems(view, json(textarea.dataset.lint));
  textarea.labels?.[0]?.addEventListener("click", () => view.focus());
  textarea.addEventListener("insert-text", (event) => {
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(event.detail.text));
    view.focus();
  });
  textarea.addEventListener("editor-set", (event) => {
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: event.detail.text } });
  });
  textarea.addEventListener("editor-goto", (event) => goTo(view, event.detail.line, event.detail.column));
}

function goTo(view, line, column) {
  const row = view.state.doc.line(Math.min(Math.max(line || 1, 1), view.state.doc.lines));
  const anchor = Math.min(row.from + Math.max((column || 1) - 1, 0), row.to);
  view.dispatch({ selection: { anchor }, scrollIntoView: true });
  view.focus();
}

export function mount(root) {
  const areas = [...root.querySelectorAll("textarea[data-code-editor]")];
  if (root.matches?.("textarea[data-code-editor]")) areas.push(root);
  for (const textarea of areas) {
    if (!editors.has(textarea)) create(textarea);
  }
  // The server's findings may have come with this swap, for editors that stayed.
  for (const [textarea, view] of editors) {
    if (!textarea.isConnected) {
      view.destroy();
      editors.delete(textarea);
    } else if (root !== document.body && holds(root, textarea.dataset.lint)) {
      showProblems(view, json(textarea.dataset.lint));
    }
  }
}

function holds(root, id) {
  return Boolean(id) && (root.id === id || root.querySelector?.(`#${CSS.escape(id)}`) !== null);
}

// data-goto="line:column" data-goto-in="#id": a problem in a list leads to its place.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-goto]");
  const textarea = link && document.querySelector(link.dataset.gotoIn);
  if (!textarea || !editors.has(textarea)) return;
  event.preventDefault();
  const [line, column] = link.dataset.goto.split(":").map(Number);
  goTo(editors.get(textarea), line, column);
});

document.addEventListener("theme", () => {
  for (const view of editors.values()) view.dispatch({ effects: palette.reconfigure(look()) });
});
