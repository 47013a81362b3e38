/* Short messages in the corner; a screen reader says them too. */

/** Show `text` for a while. tone: "good", "bad" or "info". */
export function toast(text, tone = "info", seconds = 6) {
  const box = document.createElement("div");
  box.className = `toast toast--${tone}`;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn btn--ghost btn--small";
  close.textContent = "Close";
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  document.querySelector("[data-toasts]").append(box);
  setTimeout(() => box.remove(), seconds * 1000);
}
