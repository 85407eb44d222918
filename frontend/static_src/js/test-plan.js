// The plan of an A/B test: a slider and the number beside it are one value; texts of one line stay in one line.
const form = document.getElementById("test-form");

function sliderOf(field) {
  return form.querySelector(`[data-slides="#${CSS.escape(field.id)}"]`);
}

form.addEventListener("input", ({ target }) => {
  if (target.dataset.slides) form.querySelector(target.dataset.slides).value = target.value;
  else if (target.id && sliderOf(target)) sliderOf(target).value = target.value;
});

// With another metric come its own rate and lead, unless somebody has changed those of the one before.
form.addEventListener("plan-values", ({ detail }) => {
  for (const [name, value] of Object.entries(detail)) {
    const field = form.elements.namedItem(name);
    if (!field || typeof value !== "string") continue;
    field.value = value;
    const slider = sliderOf(field);
    if (!slider) continue;
    if (Number(value) > Number(slider.max)) slider.max = value;
    slider.value = value;
  }
});

form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("textarea[data-line]")) event.preventDefault();
});
