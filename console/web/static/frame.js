/* What every page has: menus that close, the theme's switch, times in the reader's words. */

import { choose } from "./theme.js";
import { tellTimes } from "./times.js";
import { wireDialogs } from "./dialogs.js";

for (const button of document.querySelectorAll("[data-theme-choice]")) {
  button.addEventListener("click", () => choose(button.dataset.themeChoice));
}

const menus = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of menus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

/* A form that is sent on every change of its fields; without scripts it has a button. */
for (const form of document.querySelectorAll("form[data-autosubmit]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

/* What was done is said once, and not again when the page is loaded anew. */
const address = new URL(location.href);
if (address.searchParams.has("said")) {
  address.searchParams.delete("said");
  history.replaceState(null, "", address);
}

wireDialogs();
tellTimes();
setInterval(tellTimes, 30_000);
