/* The editor of a dashboard: widgets are added from the gallery, arranged by dragging or by their
   buttons, and saved as a whole. The page itself is the state: what is saved is read from it. */

import { draw } from "./charts.js";
import { toast } from "./toasts.js";

const WIDTHS = [3, 4, 6, 8, 9, 12];
const MOST_ROWS = 6;

const head = document.querySelector("[data-editor]");
const board = document.querySelector("[data-board]");
const said = document.querySelector("[data-said]");
const gallery = document.getElementById("gallery");
const conflict = document.getElementById("conflict");

let dirty = false;
let dragged = null;

const cells = () => [...board.querySelectorAll("[data-cell]")];
const titleOf = (cell) => cell.querySelector(".cell-title").textContent;

// What is on the board.

function content() {
  const opensWith = {};
  for (const select of document.querySelectorAll("[data-opens-with]")) {
    if (select.value) opensWith[select.dataset.opensWith] = select.value;
  }
  const { account, ...selection } = opensWith;
  return {
    version: Number(head.dataset.version),
    name: document.querySelector("[data-name]").value,
    account_id: account ?? null,
    selection,
    widgets: cells().map((cell) => {
      const text = cell.querySelector("[data-text]")?.value;
      return {
        widget: cell.dataset.widget,
        columns: Number(cell.dataset.columns),
        rows: Number(cell.dataset.rows),
        ...(text ? { text } : {}),
      };
    }),
  };
}

function changed(words) {
  dirty = true;
  if (words) said.textContent = words;
  refresh();
}

/** Buttons that would do nothing are off, and the gallery shows what is there already. */
function refresh() {
  const all = cells();
  all.forEach((cell, index) => {
    const off = {
      earlier: index === 0,
      later: index === all.length - 1,
      narrower: Number(cell.dataset.columns) === WIDTHS[0],
      wider: Number(cell.dataset.columns) === WIDTHS.at(-1),
      shorter: Number(cell.dataset.rows) === 1,
      taller: Number(cell.dataset.rows) === MOST_ROWS,
    };
    for (const button of cell.querySelectorAll("[data-act]")) {
      button.disabled = off[button.dataset.act] ?? false;
    }
  });
  const there = new Set(all.map((cell) => cell.dataset.widget));
  for (const item of gallery.querySelectorAll("[data-add]")) {
    item.disabled = item.dataset.add !== "text" && there.has(item.dataset.add);
  }
  document.querySelector("[data-empty]").hidden = all.length > 0;
}

// Arranging.

function size(cell, name, value) {
  cell.dataset[name] = value;
  cell.style.setProperty(`--${name}`, value);
}

const ACTS = {
  earlier: (cell) => cell.previousElementSibling?.before(cell),
  later: (cell) => cell.nextElementSibling?.after(cell),
  narrower: (cell) =>
    size(cell, "columns", WIDTHS.findLast((width) => width < Number(cell.dataset.columns))),
  wider: (cell) =>
    size(cell, "columns", WIDTHS.find((width) => width > Number(cell.dataset.columns))),
  shorter: (cell) => size(cell, "rows", Number(cell.dataset.rows) - 1),
  taller: (cell) => size(cell, "rows", Number(cell.dataset.rows) + 1),
  remove: (cell) => cell.remove(),
};

board.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const cell = button.closest("[data-cell]");
  const act = button.dataset.act;
  const next = cell.nextElementSibling ?? cell.previousElementSibling;
  ACTS[act](cell);
  const place = cells().indexOf(cell) + 1;
  changed(
    act === "remove"
      ? `${titleOf(cell)} is removed.`
      : `${titleOf(cell)}: place ${place} of ${cells().length}, ${cell.dataset.columns} of 12 columns wide, ${cell.dataset.rows} high.`,
  );
  // The keyboard stays where it was, or goes on to what has taken its place.
  const focus = act === "remove" ? next?.querySelector("[data-act=remove]") : button;
  if (focus?.disabled) focus.closest("[data-cell]").querySelector("[data-act]:not(:disabled)").focus();
  else focus?.focus();
});

board.addEventListener("input", () => changed());

board.addEventListener("dragstart", (event) => {
  dragged = event.target.closest("[data-cell]");
  // A text that is being selected is not a widget that is being moved.
  if (!dragged || event.target.closest("textarea")) {
    event.preventDefault();
    dragged = null;
    return;
  }
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.widget);
  dragged.classList.add("is-dragged");
});

function unmark() {
  for (const cell of board.querySelectorAll(".is-target")) cell.classList.remove("is-target");
}

board.addEventListener("dragover", (event) => {
  if (!dragged) return;
  event.preventDefault();
  const over = event.target.closest("[data-cell]");
  unmark();
  if (over && over !== dragged) over.classList.add("is-target");
});

board.addEventListener("drop", (event) => {
  event.preventDefault();
  const over = event.target.closest("[data-cell]");
  if (!dragged || !over || over === dragged) return;
  const all = cells();
  if (all.indexOf(dragged) < all.indexOf(over)) over.after(dragged);
  else over.before(dragged);
  changed(`${titleOf(dragged)}: place ${cells().indexOf(dragged) + 1} of ${all.length}.`);
});

board.addEventListener("dragend", () => {
  unmark();
  dragged?.classList.remove("is-dragged");
  dragged = null;
});

// The gallery.

gallery.addEventListener("click", async (event) => {
  const item = event.target.closest("[data-add]");
  if (!item || item.disabled) return;
  item.disabled = true;
  const query = new URLSearchParams(head.dataset.query);
  query.set("widget", item.dataset.add);
  const answer = await fetch(`/dashboards/cell?${query}`, { headers: { Accept: "text/html" } });
  if (!answer.ok) {
    toast("The widget could not be added. Load the page again.", "bad");
    return;
  }
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  const cell = holder.content.querySelector("[data-cell]");
  board.append(cell);
  for (const chart of cell.querySelectorAll("[data-chart]")) draw(chart);
  changed(`${titleOf(cell)} is added at the end.`);
  if (cell.querySelector("[data-text]")) {
    gallery.close();
    cell.querySelector("[data-text]").focus();
  }
});

gallery.querySelector("[data-find]").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  let any = false;
  for (const section of gallery.querySelectorAll("[data-section]")) {
    let here = false;
    for (const item of section.querySelectorAll("[data-add]")) {
      const fits = words.every((word) => item.dataset.words.includes(word));
      item.parentElement.hidden = !fits;
      here ||= fits;
    }
    section.hidden = !here;
    any ||= here;
  }
  gallery.querySelector("[data-nothing]").hidden = any;
});

gallery.addEventListener("close", () => {
  if (dirty) cells().at(-1)?.scrollIntoView({ block: "nearest" });
});

// Saving.

async function send(method, address) {
  const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  const answer = await fetch(address, {
    method,
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token },
    body: JSON.stringify(content()),
  });
  const type = answer.headers.get("Content-Type") ?? "";
  const body = type.startsWith("application/json") ? await answer.json() : {};
  return { status: answer.status, ok: answer.ok, body };
}

function leave(address) {
  dirty = false;
  location.assign(address);
}

function refused(answer) {
  toast(answer.body.error?.message ?? `It was not saved: the server answered ${answer.status}.`, "bad", 12);
}

const save = document.querySelector("[data-save]");
save.addEventListener("click", async () => {
  save.disabled = true;
  const answer = await send("PUT", head.dataset.editor).finally(() => (save.disabled = false));
  if (answer.ok) leave(`${head.dataset.editor}?said=saved`);
  else if (answer.status === 409) {
    conflict.querySelector("[data-conflict]").textContent = answer.body.error.message;
    conflict.showModal();
  } else refused(answer);
});

conflict.querySelector("[data-reload]").addEventListener("click", () => {
  dirty = false;
  location.reload();
});

conflict.querySelector("[data-keep]").addEventListener("click", async () => {
  const answer = await send("POST", `${head.dataset.editor}/copy`);
  if (answer.ok) leave(`/dashboards/${answer.body.dashboard_id}?said=copied`);
  else refused(answer);
});

for (const field of document.querySelectorAll("[data-name], [data-opens-with]")) {
  field.addEventListener("input", () => changed());
}

addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});

refresh();
