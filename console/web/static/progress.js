/* Keeps the page of an import up to date, and opens the dashboard when it is ready. */

import { STAGES, follow, number } from "./events.js";
import { inWords, tellTimes } from "./times.js";

const page = document.querySelector("[data-import]");
const find = (name) => page.querySelector(`[data-${name}]`);
const steps = [...page.querySelectorAll("[data-step]")];
const order = steps.map((step) => step.dataset.step);
let reached = page.dataset.stage;

function showSteps(stage) {
  // A failed one stays where it was.
  const at = stage === "done" ? order.length : order.indexOf(stage === "failed" ? reached : stage);
  steps.forEach((step, index) => {
    step.classList.toggle("is-past", index < at);
    step.classList.toggle("is-now", index === at);
    step.classList.toggle("is-failed", index === at && stage === "failed");
    if (index === at) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
    const state = index < at ? "done" : index === at ? "now" : "to come";
    step.querySelector("[data-step-state]").textContent = state;
  });
}

function showStreams(streams) {
  const list = find("streams");
  for (const stream of streams) {
    let line = list.querySelector(`[data-stream="${CSS.escape(stream.name)}"]`);
    if (!line) {
      line = find("stream-line").content.firstElementChild.cloneNode(true);
      line.dataset.stream = stream.name;
      line.querySelector("span").textContent = stream.name;
      list.append(line);
    }
    line.querySelector("strong").textContent = number(stream.objects);
    line.classList.toggle("is-done", stream.done);
  }
}

function about(seconds) {
  if (seconds < 10) return "a few seconds";
  const rounded = Math.ceil(seconds / 5) * 5;
  return rounded < 90 ? `about ${rounded} seconds` : `about ${Math.round(rounded / 60)} minutes`;
}

function left(progress) {
  if (progress.stage === "done") return "The numbers can be seen. The dashboard opens …";
  if (progress.stage === "failed") return "";
  if (progress.seconds_left !== null) return `Ready in ${about(progress.seconds_left)}`;
  if (progress.stage === "reading" && progress.reading_left !== null) {
    return `Reading takes ${about(progress.reading_left)} more, then the numbers are built`;
  }
  return "Estimating how long it takes …";
}

function put(element, text) {
  // Untouched where nothing changed, so that a screen reader does not say it again.
  if (element.textContent !== text) element.textContent = text;
}

function show(progress) {
  const failed = progress.stage === "failed";
  put(find("now"), STAGES[progress.stage]);
  put(find("left"), left(progress));
  put(find("objects"), number(progress.objects));
  showStreams(progress.streams);
  showSteps(progress.stage);
  if (!failed) reached = progress.stage;
  find("failure").hidden = !failed;
  if (failed) {
    put(find("error"), progress.error ?? "No reason was recorded.");
    const retry = progress.retry_at
      ? `It is tried again ${inWords(new Date(progress.retry_at))}, and goes on where it stopped.`
      : "See what to do on the account's page.";
    put(find("retry"), retry);
  }
  const run = find("run");
  if (run && progress.run_id) {
    run.href = page.dataset.dagster + progress.run_id;
    run.hidden = false;
  }
  find("open").hidden = progress.stage !== "done";
  if (progress.stage === "done") location.assign(page.dataset.ready);
}

tellTimes();
if (page.dataset.over === "false") follow(page.dataset.import, show);
