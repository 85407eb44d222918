// <time data-relative>: the server writes the absolute time, we write "3 minutes ago" and keep it true.
const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const REFRESH_MS = 30_000;
const format = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto" });

export function relative(moment, now = Date.now()) {
  const seconds = (moment.getTime() - now) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return seconds > 5 ? "in a moment" : "just now";
}

export function mount(root) {
  const times = [...root.querySelectorAll("time[data-relative]")];
  if (root.matches?.("time[data-relative]")) times.push(root);
  for (const element of times) {
    const text = relative(new Date(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}

setInterval(() => mount(document), REFRESH_MS);
