/* Following a sync: the server sends its progress, and the browser comes back by itself when the
   connection is lost. Nothing is asked for while nobody looks. */

/** Call `show(progress)` with each change, until the sync is over. */
export function follow(address, show) {
  let source = null;
  let over = false;

  const stop = () => {
    source?.close();
    source = null;
  };
  const start = () => {
    if (source || over) return;
    source = new EventSource(address);
    source.addEventListener("progress", (event) => {
      const progress = JSON.parse(event.data);
      if (progress.is_over) {
        over = true;
        stop();
      }
      show(progress);
    });
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  start();
}

/** What each stage is called. */
export const STAGES = {
  queued: "Queued",
  starting: "Starting",
  reading: "Reading Stripe",
  loading: "Loading",
  building: "Building the numbers",
  publishing: "Publishing",
  done: "Ready",
  failed: "It did not work",
};

const whole = new Intl.NumberFormat();

/** A number with the reader's own separators. */
export function number(value) {
  return whole.format(value);
}
