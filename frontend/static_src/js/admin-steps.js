// The steps of a campaign in the admin: "Move up" and "Move down" beside each one. Without scripts the order field does it.
// A classic script, as the admin loads them; it touches nothing outside the steps' inline.
"use strict";
{
  const group = () => document.getElementById("steps-group");
  const rows = () => [...group().querySelectorAll(".inline-related:not(.empty-form)")];
  const field = (row) => row.querySelector("input.step-position");

  function renumber() {
    rows().forEach((row, place) => {
      if (field(row)) field(row).value = place;
    });
    rows().forEach((row, place, all) => {
      row.querySelector("[data-step-up]").disabled = place === 0;
      row.querySelector("[data-step-down]").disabled = place === all.length - 1;
    });
  }

  function move(row, by) {
    const all = rows();
    const other = all[all.indexOf(row) + by];
    if (!other) return;
    if (by < 0) other.before(row);
    else other.after(row);
    renumber();
    say(`Step ${rows().indexOf(row) + 1} of ${all.length}`);
    const button = row.querySelector(by < 0 ? "[data-step-up]" : "[data-step-down]");
    (button.disabled ? row.querySelector("[data-step-up]:enabled, [data-step-down]:enabled") : button)?.focus();
  }

  function say(text) {
    group().querySelector("[data-step-status]").textContent = text;
  }

  function addButtons(row) {
    if (row.querySelector("[data-step-up]") || !field(row)) return;
    for (const [name, label, by] of [
      ["stepUp", "Move up", -1],
      ["stepDown", "Move down", 1],
    ]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button step-move";
      button.textContent = label;
      button.dataset[name] = "";
      button.addEventListener("click", () => move(row, by));
      row.querySelector("h3")?.append(" ", button);
    }
  }

  function start() {
    if (!group()) return;
    const status = document.createElement("p");
    status.dataset.stepStatus = "";
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    group().append(status);
    const refresh = () => {
      rows().forEach(addButtons);
      if (rows().every((row) => row.querySelector("[data-step-up]"))) renumber();
    };
    refresh();
    document.addEventListener("formset:added", refresh);
    document.addEventListener("formset:removed", refresh);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
}
