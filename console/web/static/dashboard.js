/* A dashboard that is looked at: its link can be copied. */

import { toast } from "./toasts.js";

for (const button of document.querySelectorAll("[data-copy-link]")) {
  button.addEventListener("click", async () => {
    const link = new URL(button.dataset.copyLink, location.origin).href;
    try {
      await navigator.clipboard.writeText(link);
      toast("The link is copied.", "good");
    } catch {
      // Some browsers give the clipboard to https pages only.
      toast(link);
    }
  });
}
