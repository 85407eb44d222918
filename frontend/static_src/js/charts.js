// Draws <figure data-chart="{…}"> with a canvas; the data is an attribute, as HTMX swaps no scripts in. Colours come from CSS, so a new theme is a new drawing.
import "chart.js";

const { Chart } = globalThis;
const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
const HUES = {
  blue: "--info-dot",
  green: "--ok-dot",
  orange: "--tblr-orange",
  purple: "--purple-dot",
  red: "--bad-dot",
  cyan: "--tblr-cyan",
  grey: "--mute-dot",
};
const DASHES = [[8, 3], [6, 3], [2, 2], [8, 3, 2, 3]];

// Tabler's variables hold color-mix() and var(): let the browser compute them, then read one pixel back.
function colour(variable, alpha = 1) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${variable})`;
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = getComputedStyle(probe).color;
  pen.fillRect(0, 0, 1, 1);
  probe.remove();
  const [red, green, blue, opacity] = pen.getImageData(0, 0, 1, 1).data;
  return `rgba(${red},${green},${blue},${(opacity / 255) * alpha})`;
}

function dataset(series, index, kind) {
  const hue = HUES[series.colour] ?? HUES.blue;
  const bars = kind !== "line";
  return {
    label: series.label,
    hidden: series.hidden,
    data: series.values,
    borderColor: colour(hue),
    backgroundColor: colour(hue, bars ? 0.85 : 0.12),
    borderDash: series.dashed ? DASHES[index % DASHES.length] : [],
    borderWidth: bars ? 0 : 2,
    borderRadius: bars ? 3 : 0,
    maxBarThickness: 36,
    fill: series.fill ? "origin" : false,
    tension: 0.3,
    pointRadius: series.values.length === 1 ? 4 : 0,
    pointHitRadius: 12,
    spanGaps: false,
  };
}

function configuration(data, animated) {
  const numbers = new Intl.NumberFormat(document.documentElement.lang || "en");
  const stacked = data.kind === "stacked";
  return {
    type: data.kind === "line" ? "line" : "bar",
    data: { labels: data.labels, datasets: data.series.map((series, i) => dataset(series, i, data.kind)) },
    options: {
      maintainAspectRatio: false,
      animation: animated && { duration: 300 },
      interaction: { mode: "index", intersect: false },
      plugins: {
        legend: { display: data.series.length > 1, align: "start", labels: { usePointStyle: true, pointStyle: data.kind === "line" ? "line" : "rectRounded", boxWidth: data.kind === "line" ? 28 : 10, boxHeight: 8 } },
        tooltip: { callbacks: { label: ({ dataset: set, parsed }) => ` ${set.label}: ${numbers.format(parsed.y)}${data.unit}` } },
      },
      scales: {
        x: { stacked, grid: { display: false }, ticks: { maxTicksLimit: 10, maxRotation: 0, autoSkipPadding: 16 } },
        y: {
          stacked,
          beginAtZero: true,
          border: { display: false },
          ticks: { maxTicksLimit: 6, precision: data.unit ? undefined : 0, callback: (value) => numbers.format(value) + data.unit },
        },
      },
    },
  };
}

// A chart that a poll brings in again stands still, with its table open if it was.
const known = new Map();

export function draw(figure) {
  const canvas = figure.querySelector("canvas");
  const data = JSON.parse(figure.dataset.chart);
  Chart.defaults.color = colour("--tblr-secondary");
  Chart.defaults.borderColor = colour("--tblr-border-color");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.getChart(canvas)?.destroy();
  const still = known.has(figure.id) || matchMedia("(prefers-reduced-motion: reduce)").matches;
  new Chart(canvas, configuration(data, !still));
  const table = figure.querySelector("details");
  if (known.get(figure.id)) table.open = true;
  known.set(figure.id, table.open);
  table.addEventListener("toggle", () => known.set(figure.id, table.open));
}

export function mount(root) {
  if (root.matches?.("[data-chart]")) draw(root);
  root.querySelectorAll("[data-chart]").forEach(draw);
}

document.addEventListener("theme", () => mount(document));
document.addEventListener("htmx:beforeCleanupElement", (event) => {
  if (event.detail.elt.matches?.("canvas")) Chart.getChart(event.detail.elt)?.destroy();
});
