/* Native dialogs: a button with data-opens="id" opens one, data-closes closes the one around it. */

/** Wire the buttons of the page, or those under `root`. */
export function wireDialogs(root = document) {
  for (const button of root.querySelectorAll("[data-opens]")) {
    button.addEventListener("click", () => {
      button.closest("details[data-menu]")?.removeAttribute("open");
      document.getElementById(button.dataset.opens).showModal();
    });
  }
  for (const dialog of root.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-closes]")) dialog.close();
    });
  }
}
