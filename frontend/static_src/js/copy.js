// data-copy="text" or data-copy-target="#id" copies and says so.
import { toast } from "@drumbeat/toasts";

function textOf(button) {
  if (button.dataset.copy !== undefined) return button.dataset.copy;
  const source = document.querySelector(button.dataset.copyTarget);
  return source?.value ?? source?.textContent ?? "";
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-target]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(textOf(button));
    toast("Copied.");
  } catch {
    // Only https and localhost may write to the clipboard.
    toast("The browser doesn’t allow copying here. Select the text and copy it by hand.", { level: "warning" });
  }
});
