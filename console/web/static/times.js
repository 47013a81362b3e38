/* Times in the reader's words: "4 minutes ago", with the exact instant on hover. */

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const short = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** How long before or after now an instant is, in words. */
export function inWords(instant, now = new Date()) {
  const seconds = (instant - now) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return seconds > 0 ? "in less than a minute" : "just now";
}

/** Say every time on the page, or under `root`, anew. */
export function tellTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    const instant = new Date(element.dateTime);
    element.textContent =
      element.dataset.time === "relative" ? inWords(instant) : short.format(instant);
    element.title = exact.format(instant);
  }
}
