/* The list of accounts: asked for again while one of them is being synced. */

import { tellTimes } from "./times.js";

const EVERY_MS = 3000;

async function refresh() {
  const list = document.querySelector("[data-live]");
  if (!list || !list.hasAttribute("data-busy")) return;
  // A person who is about to press something there must not lose it.
  if (!document.hidden && !list.contains(document.activeElement)) {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      list.replaceWith(page.querySelector("[data-live]"));
      tellTimes();
    }
  }
  setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
