/* Draws the charts of a page, those near the view first and the others when there is nothing else
   to do; puts in the present theme's colours, and draws anew when the theme changes or when the page
   is printed. */

import { color, onThemeChange } from "./theme.js";

const LIBRARY = document.querySelector("[data-chart-library]")?.href ?? "/library/plotly.min.js";
const CONFIG = { displayModeBar: false, responsive: false, scrollZoom: false, doubleClick: false };
const drawn = new Map();
let library;

/** Plotly is large: it is asked for once, and only by a page that shows a chart. */
function plotly() {
  library ??= painted().then(
    () =>
      new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = LIBRARY;
        script.onload = () => resolve(window.Plotly);
        script.onerror = () => reject(new Error("The chart library could not be loaded."));
        document.head.append(script);
      }),
  );
  return library;
}

/* Reading the library takes the browser longer than everything else on the page: the numbers are
   shown before. A page in the background is not painted at all. */
function painted() {
  if (document.visibilityState === "hidden") return Promise.resolve();
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/** Draw the chart of an element with `data-chart`. */
export async function draw(element) {
  element.dataset.state = "loading";
  try {
    const [answer, Plotly] = await Promise.all([figureOf(element), plotly()]);
    if (!answer.figure) {
      say(element, answer.empty ?? "There is nothing to draw.");
      return;
    }
    element.querySelector(".chart-message")?.remove();
    drawn.set(element, answer.figure);
    await paint(element, Plotly);
    note(element, answer.note);
    element.dataset.state = "drawn";
    if (drawn.size === 1) performance.mark("first-chart");
    sizes.observe(element);
  } catch (error) {
    say(element, `${error.message} Reload the page to try again.`);
    element.dataset.state = "failed";
  }
}

async function figureOf(element) {
  const inline = element.querySelector('script[type="application/json"]');
  if (inline) return { figure: JSON.parse(inline.textContent) };
  const response = await fetch(element.dataset.chart, { headers: { accept: "application/json" } });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? `The server answered ${response.status}.`);
  return answer;
}

async function paint(element, Plotly) {
  const { data, layout } = themed(structuredClone(drawn.get(element)), palette());
  const { clientWidth: width, clientHeight: height } = element;
  thin(layout.xaxis, width);
  if (width < 620) for (const trace of data) if (trace.type === "heatmap") delete trace.texttemplate;
  await Plotly.react(element, data, { ...layout, width, height }, CONFIG);
}

/* A phone has room for half of the periods' names; the newest stays. */
function thin(axis, width) {
  if (width > 460 || axis?.type !== "category" || !axis.ticktext) return;
  const stays = (_, place, all) => (all.length - 1 - place) % 2 === 0;
  axis.ticktext = axis.ticktext.filter(stays);
  axis.tickvals = axis.tickvals.filter(stays);
}

function say(element, message) {
  let place = element.querySelector(".chart-message");
  if (!place) {
    place = document.createElement("p");
    place.className = "chart-message";
    element.append(place);
  }
  place.textContent = message;
  element.dataset.state = "empty";
}

function note(element, text) {
  const place = element.parentElement.querySelector("[data-note]");
  if (place && text) place.textContent = text;
}

/* "@chart-1" stands for the theme's colour, "@chart-1/0.1" for it at that strength, let through,
   "@chart-1~0.1" likewise, mixed with the card's; "@font" for the page's font. */
function palette() {
  const known = new Map();
  const font = getComputedStyle(document.body).fontFamily;
  const parts = (token) => color(`--${token}`).match(/[\d.]+/g).slice(0, 3).map(Number);
  const resolve = (word) => {
    const [token, strength] = word.slice(1).split(/[/~]/);
    if (!strength) return color(`--${token}`);
    if (word.includes("/")) return `rgba(${parts(token).join(", ")}, ${strength})`;
    const base = parts("surface");
    const mixed = parts(token).map((part, place) => Math.round(base[place] + (part - base[place]) * strength));
    return `rgb(${mixed.join(", ")})`;
  };
  return (word) => {
    if (word === "@font") return font;
    if (!known.has(word)) known.set(word, resolve(word));
    return known.get(word);
  };
}

function themed(value, colour) {
  if (typeof value === "string") return /^@[a-z]/.test(value) ? colour(value) : value;
  if (Array.isArray(value)) return value.map((each) => themed(each, colour));
  if (value && typeof value === "object") {
    for (const key of Object.keys(value)) value[key] = themed(value[key], colour);
  }
  return value;
}

async function savePng(name) {
  const element = document.getElementById(`chart-${name}`);
  if (!element.dataset.state) await draw(element);
  if (!drawn.has(element)) return;
  const Plotly = await plotly();
  const { data, layout } = themed(structuredClone(drawn.get(element)), palette());
  const { clientWidth: width, clientHeight: height } = element;
  const picture = { data, layout: { ...layout, width, height, paper_bgcolor: color("--surface") } };
  const address = await Plotly.toImage(picture, { format: "png", width, height, scale: 2 });
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name}.png`;
  link.click();
}

const sizes = new ResizeObserver(async (entries) => {
  const Plotly = await plotly();
  for (const { target, contentRect } of entries) {
    const { width, height } = contentRect;
    const { width: had, height: high } = target._fullLayout ?? {};
    if (width > 0 && (Math.abs(width - had) > 1 || Math.abs(height - high) > 1)) {
      Plotly.relayout(target, { width, height });
    }
  }
});

const waiting = () => document.querySelectorAll("[data-chart]:not([data-state])");

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      if (!target.dataset.state) draw(target);
    }
  },
  { rootMargin: "400px" },
);

for (const element of waiting()) near.observe(element);

/* The others one by one, so that scrolling and printing find them there. */
async function drawTheRest() {
  const [next] = waiting();
  if (!next) return;
  await draw(next);
  whenIdle(drawTheRest);
}

function whenIdle(act) {
  if (window.requestIdleCallback) requestIdleCallback(act, { timeout: 2000 });
  else setTimeout(act, 200);
}

addEventListener("load", async () => {
  if (!document.querySelector("[data-chart]")) return;
  await plotly();
  whenIdle(drawTheRest);
});

for (const button of document.querySelectorAll("[data-png]")) {
  button.addEventListener("click", () => savePng(button.dataset.png));
}

onThemeChange(async () => {
  if (drawn.size === 0) return;
  const Plotly = await plotly();
  for (const element of drawn.keys()) paint(element, Plotly);
});

/* Paper is light and has its own width: charts are drawn anew for it, at once, as the browser does
   not wait. What is not drawn yet is asked for, which the button for printing waits for. */
function toPaper() {
  const root = document.documentElement;
  if (root.classList.contains("printing")) return;
  for (const element of waiting()) draw(element);
  root.dataset.screenTheme = root.dataset.theme ?? "";
  root.dataset.theme = "light";
  root.classList.add("printing");
  if (window.Plotly) for (const element of drawn.keys()) paint(element, window.Plotly);
}

function toScreen() {
  const root = document.documentElement;
  if (!root.classList.contains("printing")) return;
  root.classList.remove("printing");
  if (root.dataset.screenTheme) root.dataset.theme = root.dataset.screenTheme;
  else delete root.dataset.theme;
  delete root.dataset.screenTheme;
  if (window.Plotly) for (const element of drawn.keys()) paint(element, window.Plotly);
}

addEventListener("beforeprint", toPaper);
addEventListener("afterprint", toScreen);

for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    await Promise.all([...document.querySelectorAll("[data-chart]")].map(ready));
    button.disabled = false;
    window.print();
  });
}

/** When a chart is drawn, or has said why it is not. */
async function ready(element) {
  if (!element.dataset.state) await draw(element);
  while (element.dataset.state === "loading") {
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}
