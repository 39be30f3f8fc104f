// The stream of events. It is closed while the page is hidden: a browser opens six connections to
// one host, and a seventh tab would wait for ever.
const AGAIN_MS = 2000;

export class Events {
  #source = null;
  #last = null;
  #timer = 0;
  #wanted = false;

  // `on(kind, facts)` is told what happens, `onState("open" | "connecting" | "lost")` how the
  // stream is, and `onRefused()` that it ended for good.
  constructor(on, onState, onRefused) {
    this.on = on;
    this.onState = onState;
    this.onRefused = onRefused;
    document.addEventListener("visibilitychange", () => this.#follow());
  }

  start() {
    this.#wanted = true;
    this.#follow();
  }

  stop() {
    this.#wanted = false;
    this.#last = null;
    this.#follow();
  }

  #follow() {
    const open = this.#wanted && document.visibilityState !== "hidden";
    if (open && !this.#source) this.#open();
    if (!open) this.#close();
  }

  #open() {
    clearTimeout(this.#timer);
    const query = this.#last === null ? "" : `?after=${this.#last}`;
    const source = (this.#source = new EventSource(`api/events${query}`));
    source.onopen = () => this.onState("open");
    source.onerror = () => {
      this.onState("lost");
      if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
      this.#close();
      this.#timer = setTimeout(() => this.#follow(), AGAIN_MS);
      this.onRefused();
    };
    for (const kind of ["snapshot", "state", "progress", "removed"]) {
      source.addEventListener(kind, (event) => {
        this.#last = event.lastEventId;
        this.on(kind, JSON.parse(event.data));
      });
    }
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }
}
