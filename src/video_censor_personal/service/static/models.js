// What is on this machine, and how much room there is.
import { call } from "./api.js";
import { $, element, keyed, say } from "./elements.js";
import { percent, revisionOf, size } from "./format.js";

const SOON_MS = 250;

export class Models {
  #timer = 0;

  constructor({ onFault, announce }) {
    Object.assign(this, { onFault, announce });
  }

  // Looks again soon; many calls are one look.
  refresh() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.load().catch((error) => this.onFault(error)), SOON_MS);
  }

  async load() {
    const [{ models }, space] = await Promise.all([call("GET", "api/models/list"), call("GET", "api/models/space")]);
    this.#drawSpace(space);
    this.#drawModels(models);
  }

  #drawSpace(space) {
    const { cache_size_bytes: ours, free_bytes: free, total_bytes: total } = space;
    const other = Math.max(0, total - free - ours);
    const share = (bytes) => `${total ? (bytes / total) * 100 : 0}%`;
    const bar = $("space-bar");
    bar.querySelector(".models").style.setProperty("--share", share(ours));
    bar.querySelector(".other").style.setProperty("--share", share(other));
    bar.setAttribute("aria-label", `Models ${size(ours)}, other files ${size(other)}, free ${size(free)} of ${size(total)}`);
    say($("space-models"), size(ours));
    say($("space-other"), size(other));
    say($("space-free"), size(free));
    const quota = space.quota_bytes === null ? "" : ` · quota ${size(space.quota_bytes)}`;
    say($("space-text"), `${size(total)}${quota}`);
  }

  #drawModels(models) {
    const keyOf = (item) => `${item.model.hf_repo}@${item.model.hf_commit}`;
    keyed($("models"), models, keyOf, (item) => this.#make(item), (row, item) => update(row, item));
    $("no-models").hidden = models.length > 0;
    const bytes = models.reduce((sum, item) => sum + item.have_bytes, 0);
    say($("models-text"), models.length ? `${models.length} · ${size(bytes)}` : "");
  }

  #make(item) {
    const name = item.model.hf_repo;
    return element(
      "li",
      {},
      element(
        "div",
        { class: "row" },
        element("h3", { class: "name" }, name),
        element("span", { class: "revision" }),
        element("span", { class: "chip" }),
        element(
          "div",
          { class: "buttons" },
          element("button", { type: "button", "data-action": "repair", onclick: (event) => this.#repair(item.model, event.currentTarget) }, "Complete"),
          element("button", { type: "button", "data-action": "pin", "aria-pressed": "false", onclick: (event) => this.#pin(item.model, event.currentTarget) }, "Keep"),
          element("button", { type: "button", "data-action": "delete", class: "danger", "aria-label": `Delete: ${name}`, onclick: () => this.#delete(item) }, "Delete"),
        ),
      ),
      element("p", { class: "facts" }),
      element("p", { class: "fault mild" }),
    );
  }

  async #try(work) {
    try {
      await work();
    } catch (error) {
      this.onFault(error);
    }
    this.refresh();
  }

  #repair(model, button) {
    button.disabled = true;
    return this.#try(() => call("POST", "api/downloads", model)).finally(() => (button.disabled = false));
  }

  #pin(model, button) {
    const pinned = button.getAttribute("aria-pressed") !== "true";
    return this.#try(() => call("PUT", "api/models/pin", { ...model, pinned }));
  }

  async #delete(item) {
    const name = item.model.hf_repo;
    if (!(await confirmed(`Delete ${name}?`, `${size(item.have_bytes)} will be freed. It can be downloaded again.`))) return;
    await this.#try(async () => {
      await call("DELETE", "api/models", item.model);
      this.announce(`${name} was deleted`);
    });
    $("models-title").closest("section").querySelector("button")?.focus();
  }
}

function update(row, item) {
  const part = (selector) => row.querySelector(selector);
  const whole = item.status === "DOWNLOADED";
  say(part(".revision"), [...item.revisions, revisionOf(item.model)].join(" · "));
  say(part(".chip"), whole ? "verified" : "partial");
  part(".chip").dataset.tone = whole ? "good" : "warn";
  const amount = whole ? size(item.size_bytes) : `${size(item.have_bytes)} of ${size(item.size_bytes)} ${percent(item.have_bytes, item.size_bytes)}`;
  say(part(".facts"), amount);
  part(".fault").hidden = !item.error_message;
  say(part(".fault"), item.error_message ?? "");
  part("[data-action=repair]").hidden = whole;
  const pin = part("[data-action=pin]");
  pin.setAttribute("aria-pressed", String(item.pinned));
  pin.setAttribute("aria-label", `Keep whatever the quota wants: ${item.model.hf_repo}`);
  say(pin, item.pinned ? "Kept ✓" : "Keep");
}

function confirmed(title, text) {
  const dialog = $("confirm");
  say($("confirm-title"), title);
  say($("confirm-text"), text);
  return new Promise((resolve) => {
    let answer = false;
    $("confirm-yes").onclick = () => {
      answer = true;
      dialog.close();
    };
    $("confirm-no").onclick = () => dialog.close();
    dialog.onclose = () => resolve(answer);
    dialog.showModal();
  });
}
