/* One account's page: shows the sync that is under way, and the result when it is over. */

import { STAGES, follow, number } from "./events.js";

const strip = document.querySelector("[data-watch]");

if (!strip.hidden) {
  follow(strip.dataset.watch, (progress) => {
    strip.querySelector("[data-stage]").textContent = STAGES[progress.stage];
    strip.querySelector("[data-objects]").textContent = progress.objects
      ? `${number(progress.objects)} rows read`
      : "";
    // What was asked for has come; the address need not say so any more.
    if (progress.is_over) location.replace(location.pathname);
  });
}
