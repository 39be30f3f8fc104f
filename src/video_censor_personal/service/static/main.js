// The page: login, the form, and what connects its parts.
import { call } from "./api.js";
import { Downloads } from "./downloads.js";
import { $, say } from "./elements.js";
import { Events } from "./events.js";
import { Models } from "./models.js";

const REFRESH_MS = 30000;
const CONNECTION = { connecting: "Connecting", open: "Live", lost: "Reconnecting" };

const announce = (text) => say($("announcement"), text);

function onFault(error) {
  if (error.status === 401) return show(false);
  say($("alert"), error.message);
  $("alert").hidden = false;
}

const models = new Models({ onFault, announce });
const downloads = new Downloads({ onEnd: () => models.refresh(), announce, onFault });
const events = new Events(
  (kind, facts) => {
    downloads.take(kind, facts);
    if (kind === "snapshot") models.refresh();
  },
  (state) => {
    $("connection").dataset.state = state;
    say($("connection-text"), CONNECTION[state]);
  },
  () => models.load().catch((error) => error.status === 401 && show(false)),
);

function show(signedIn) {
  $("signed-in").hidden = !signedIn;
  $("logout").hidden = !signedIn;
  $("login").hidden = signedIn;
  if (signedIn) return events.start();
  events.stop();
  downloads.clear();
  $("connection").dataset.state = "connecting";
  say($("connection-text"), "Not logged in");
  $("token").focus();
}

async function enter() {
  await models.load();
  $("alert").hidden = true;
  show(true);
}

$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await call("POST", "api/session", { token: $("token").value.trim() });
    $("token").value = "";
    await enter();
    $("repo").focus();
  } catch (error) {
    say($("alert"), error.message);
    $("alert").hidden = false;
    $("token").select();
  }
});

$("logout").addEventListener("click", async () => {
  await call("DELETE", "api/session").catch(onFault);
  show(false);
});

$("add-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const patterns = $("patterns").value.split(/[\s,]+/).filter(Boolean);
  const hf_commit = $("revision").value.trim() || null;
  try {
    const job = await call("POST", "api/downloads", { hf_repo: $("repo").value.trim(), hf_commit, patterns });
    $("alert").hidden = true;
    event.target.reset();
    downloads.take("state", job);
  } catch (error) {
    onFault(error);
  }
  $("repo").focus();
});

setInterval(() => {
  if (!$("signed-in").hidden && document.visibilityState === "visible") models.refresh();
}, REFRESH_MS);

// The address that the service printed carries the token behind the #, which no browser sends on.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  history.replaceState(null, "", location.pathname);
  await call("POST", "api/session", { token }).catch(onFault);
}
const { signed_in } = await call("GET", "api/session").catch(() => ({ signed_in: false }));
await (signed_in ? enter().catch(onFault) : show(false));
document.body.dataset.ready = "true";
