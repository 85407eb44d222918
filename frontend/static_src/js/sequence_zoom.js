// Zoom, fit, and a small map of sequences that are larger than the screen.
import { canvas, onCanvas, root, scroller } from "@drumbeat/sequence_gestures";

const [LEAST, MOST, STEP] = [0.25, 1.5, 0.1];
const MAP = { width: 132, height: 168 };
let zoom = 1;

const stage = () => document.getElementById("seq-stage");

function apply() {
  // Not on what is swapped: HTMX would carry the style over as an attribute, which the CSP forbids.
  root.style.setProperty("--seq-zoom", zoom);
  canvas().querySelector("[data-zoom-now]").textContent = `${Math.round(zoom * 100)}%`;
  drawMap();
}

function set(next) {
  const box = scroller();
  const middle = [box.scrollLeft + box.clientWidth / 2, box.scrollTop + box.clientHeight / 2].map((at) => at / zoom);
  zoom = Math.min(MOST, Math.max(LEAST, Math.round(next * 100) / 100));
  apply();
  [box.scrollLeft, box.scrollTop] = [middle[0] * zoom - box.clientWidth / 2, middle[1] * zoom - box.clientHeight / 2];
}

function fit() {
  const box = scroller();
  const { width, height } = extent();
  set(Math.min(1, (box.clientWidth - 24) / (width / zoom), (box.clientHeight - 24) / (height / zoom)));
  centre();
}

// How large the drawn steps are, in pixels of the screen.
function extent() {
  const boxes = [...stage().querySelectorAll(".step-card, .seq-start, .seq-end, .branches")].map((card) => card.getBoundingClientRect());
  const [left, right] = [Math.min(...boxes.map((box) => box.left)), Math.max(...boxes.map((box) => box.right))];
  const [top, bottom] = [Math.min(...boxes.map((box) => box.top)), Math.max(...boxes.map((box) => box.bottom))];
  return { width: right - left + 48 * zoom, height: bottom - top + 48 * zoom };
}

function centre() {
  const box = scroller();
  box.scrollLeft = (box.scrollWidth - box.clientWidth) / 2;
}

function drawMap() {
  const map = document.getElementById("seq-map");
  const box = scroller();
  const larger = box.scrollWidth > box.clientWidth * 1.2 || box.scrollHeight > box.clientHeight * 1.6;
  map.hidden = !larger;
  if (!larger) return;
  const paper = map.querySelector("canvas");
  const scale = Math.min(MAP.width / box.scrollWidth, MAP.height / box.scrollHeight);
  const ratio = devicePixelRatio || 1;
  paper.width = Math.max(24, box.scrollWidth * scale) * ratio;
  paper.height = Math.max(24, box.scrollHeight * scale) * ratio;
  paper.style.width = `${paper.width / ratio}px`;
  paper.style.height = `${paper.height / ratio}px`;
  const pen = paper.getContext("2d");
  pen.scale(ratio * scale, ratio * scale);
  const origin = box.getBoundingClientRect();
  for (const card of stage().querySelectorAll(".step-card")) {
    const at = card.getBoundingClientRect();
    pen.fillStyle = getComputedStyle(card).getPropertyValue("--k") || "#64748b";
    pen.fillRect(at.left - origin.left + box.scrollLeft, at.top - origin.top + box.scrollTop, at.width, at.height);
  }
  pen.lineWidth = 2 / scale;
  pen.strokeStyle = getComputedStyle(map).color;
  pen.strokeRect(box.scrollLeft + pen.lineWidth / 2, box.scrollTop + pen.lineWidth / 2, box.clientWidth - pen.lineWidth, box.clientHeight - pen.lineWidth);
}

function jump(event) {
  const paper = event.target.closest("#seq-map")?.querySelector("canvas");
  if (!paper) return;
  const at = paper.getBoundingClientRect();
  const box = scroller();
  box.scrollLeft = ((event.clientX - at.left) / at.width) * box.scrollWidth - box.clientWidth / 2;
  box.scrollTop = ((event.clientY - at.top) / at.height) * box.scrollHeight - box.clientHeight / 2;
}

const DEEDS = { in: () => set(zoom + STEP), out: () => set(zoom - STEP), reset: () => set(1), fit };

export function mount() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    if (button) DEEDS[button.dataset.zoom]();
    else jump(event);
  });
  document.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey || !event.target.closest("#seq-scroll")) return;
      event.preventDefault();
      set(zoom - Math.sign(event.deltaY) * STEP);
    },
    { passive: false },
  );
  document.addEventListener("scroll", ({ target }) => target.id === "seq-scroll" && drawMap(), true);
  document.addEventListener("theme", drawMap);
  window.addEventListener("resize", drawMap);
  onCanvas(apply);
  apply();
  centre();
}
