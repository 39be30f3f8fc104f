// The list of downloads: one row each, kept up to date by events.
import { call } from "./api.js";
import { $, element, keyed, say } from "./elements.js";
import { duration, percent, revisionOf, size } from "./format.js";

const TONES = { running: "info", verifying: "info", done: "good", failed: "bad", paused: "warn" };
const WORDS = { running: "downloading" };
const WORKING = new Set(["running", "verifying"]);
const ENDED = new Set(["done", "failed", "cancelled"]);
const SHOWN_ENDED = 6;
// Button -> states in which it makes sense, and what it asks for.
const ACTIONS = [
  ["pause", "Pause", ["running", "verifying", "queued"]],
  ["resume", "Resume", ["paused"]],
  ["retry", "Retry", ["failed", "cancelled"]],
  ["earlier", "Move up", ["queued"]],
  ["cancel", "Cancel", ["running", "verifying", "queued", "paused"]],
  ["remove", "Dismiss", ["done", "failed", "cancelled"]],
];

export class Downloads {
  #jobs = new Map();
  #files = new Map();

  // `onEnd(job)` is told when one is over, `announce(text)` what a screen reader should say,
  // `onFault(error)` what an action came to.
  constructor({ onEnd, announce, onFault }) {
    Object.assign(this, { onEnd, announce, onFault });
  }

  clear() {
    this.#jobs.clear();
    this.render();
  }

  take(kind, facts) {
    if (kind === "snapshot") {
      this.#jobs = new Map(facts.downloads.map((job) => [job.id, job]));
    } else if (kind === "removed") {
      this.#jobs.delete(facts.id);
    } else {
      this.#put(facts);
    }
    this.render();
  }

  // An answer may come after a newer event: the higher revision wins.
  #put(job) {
    const before = this.#jobs.get(job.id);
    if (before && before.rev > job.rev) return;
    this.#jobs.set(job.id, job);
    if (job.files && this.#files.has(job.id)) {
      for (const file of job.files) this.#files.get(job.id).set(file.path, file);
    }
    if (before?.state !== job.state) {
      this.announce(`${job.model.hf_repo}: ${WORDS[job.state] ?? job.state}`);
      if (ENDED.has(job.state)) this.onEnd(job);
    }
  }

  #sorted() {
    const jobs = [...this.#jobs.values()];
    const active = jobs.filter((job) => !ENDED.has(job.state));
    active.sort(
      (a, b) => WORKING.has(b.state) - WORKING.has(a.state) || b.priority - a.priority || a.position - b.position,
    );
    const ended = jobs.filter((job) => ENDED.has(job.state));
    ended.sort((a, b) => (b.ended_at ?? "").localeCompare(a.ended_at ?? ""));
    return [...active, ...ended.slice(0, SHOWN_ENDED)];
  }

  render() {
    const jobs = this.#sorted();
    keyed($("downloads"), jobs, (job) => job.id, (job) => this.#make(job), (row, job) => this.#update(row, job));
    $("no-downloads").hidden = jobs.length > 0;
    const running = jobs.filter((job) => WORKING.has(job.state));
    const queued = jobs.filter((job) => job.state === "queued").length;
    const speed = running.reduce((sum, job) => sum + job.progress.bytes_per_s, 0);
    const parts = [];
    if (running.length) parts.push(`${running.length} running`, `${size(speed)}/s`);
    if (queued) parts.push(`${queued} waiting`);
    say($("downloads-text"), parts.join(" · "));
    document.title = running.length ? `${running.length} ↓ Models` : "Models";
  }

  #make(job) {
    const name = element("h3", { class: "name", id: `name-${job.id}` }, job.model.hf_repo);
    const buttons = ACTIONS.map(([action, word]) =>
      element(
        "button",
        {
          type: "button",
          "data-action": action,
          "aria-label": `${word}: ${job.model.hf_repo}`,
          class: action === "cancel" ? "danger" : "",
          onclick: (event) => this.#act(action, job.id, event.currentTarget),
        },
        word,
      ),
    );
    const details = element(
      "details",
      { ontoggle: (event) => this.#showFiles(job.id, event.currentTarget) },
      element("summary", {}, "Files"),
      element("ul", { class: "files" }),
    );
    return element(
      "li",
      { "aria-labelledby": `name-${job.id}` },
      element(
        "div",
        { class: "row" },
        name,
        element("span", { class: "revision" }, revisionOf(job.model)),
        element("span", { class: "chip" }),
        element("div", { class: "buttons" }, ...buttons),
      ),
      element("progress", { "aria-labelledby": `name-${job.id}` }),
      element("p", { class: "facts" }),
      element("p", { class: "fault" }),
      details,
    );
  }

  #update(row, job) {
    const part = (selector) => row.querySelector(selector);
    row.dataset.state = job.state;
    const chip = part(".chip");
    say(chip, WORDS[job.state] ?? job.state);
    chip.dataset.tone = TONES[job.state] ?? "";
    const bar = part("progress");
    const { done_bytes: done, total_bytes: total } = job.progress;
    bar.hidden = ENDED.has(job.state) || job.state === "queued" && !done;
    if (total === null) bar.removeAttribute("value");
    else {
      bar.max = total || 1;
      bar.value = total ? done : 1;
    }
    say(part(".facts"), facts(job));
    const fault = part(".fault");
    const trouble = job.error?.message ?? (WORKING.has(job.state) ? job.last_error : null);
    fault.hidden = !trouble;
    fault.classList.toggle("mild", !job.error);
    say(fault, trouble ?? "");
    for (const button of row.querySelectorAll("[data-action]")) {
      const [action, , states] = ACTIONS.find(([name]) => name === button.dataset.action);
      button.hidden = !states.includes(job.state) || (action === "earlier" && !this.#ahead(job));
    }
    part("details").hidden = total === null;
    if (part("details").open) this.#drawFiles(row, job.id);
  }

  // The waiting download that has its turn just before this one.
  #ahead(job) {
    const waiting = this.#sorted().filter((each) => each.state === "queued");
    return waiting[waiting.findIndex((each) => each.id === job.id) - 1];
  }

  async #act(action, id, button) {
    const path = `api/downloads/${id}`;
    button.disabled = true;
    try {
      if (action === "remove") {
        await call("DELETE", path);
        this.#jobs.delete(id);
      } else if (action === "earlier") {
        const ahead = this.#ahead(this.#jobs.get(id));
        if (ahead) this.#put(await call("PATCH", path, { before: ahead.id }));
      } else {
        this.#put(await call("POST", `${path}/${action}`));
      }
    } catch (error) {
      this.onFault(error);
    }
    const row = button.closest("li");
    button.disabled = false;
    this.render();
    // The button that was pressed may be gone: stay at its row.
    if (button.hidden) row.querySelector("button:not([hidden])")?.focus();
  }

  async #showFiles(id, details) {
    if (!details.open) return void this.#files.delete(id);
    try {
      const job = await call("GET", `api/downloads/${id}`);
      this.#files.set(id, new Map(job.files.map((file) => [file.path, file])));
      this.#drawFiles(details.closest("li"), id);
    } catch (error) {
      this.onFault(error);
    }
  }

  #drawFiles(row, id) {
    keyed(
      row.querySelector(".files"),
      [...(this.#files.get(id)?.values() ?? [])],
      (file) => file.path,
      (file) => element("li", {}, element("span", {}, file.path), element("span")),
      (line, file) => {
        const tries = file.retries ? ` · ${file.retries} retries` : "";
        say(line.lastElementChild, `${size(file.done_bytes)} of ${size(file.size_bytes)} · ${file.state}${tries}`);
      },
    );
  }
}

function facts(job) {
  const { done_bytes: done, total_bytes: total, bytes_per_s: speed, eta_s: eta } = job.progress;
  if (job.state === "done") return `${size(total)} in ${duration(job.progress.elapsed_s)}`;
  if (total === null) return WORKING.has(job.state) ? "Asking the hub which files there are" : "";
  const parts = [`${size(done)} of ${size(total)}`, percent(done, total)];
  if (job.state === "running") {
    parts.push(`${size(speed)}/s`);
    if (eta !== null) parts.push(`${duration(eta)} left`);
  }
  if (job.retries) parts.push(`${job.retries} ${job.retries === 1 ? "retry" : "retries"}`);
  return parts.filter(Boolean).join(" · ");
}
