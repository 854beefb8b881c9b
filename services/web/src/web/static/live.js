// What moves while one looks: the bell, what is new, whether we are connected, whether one is still signed in.
// One tab of a browser holds the stream and tells the others; where there are no locks, each has its own. `window.desk` is what other scripts use of it.

const signedIn = document.body.dataset.signedIn;
const toasts = document.querySelector("[data-toasts]");
const bell = document.querySelector("[data-unread]");
const title = document.title.replace(/^\(\d+\) /, "");
const MOST_TOASTS = 3;
const SHOWN_FOR = 10_000; // milliseconds; what it says stands in the inbox too
const PATIENCE = 6_000; // milliseconds without a stream before we speak of it
const LONGEST_WAIT = 60_000;

// -- saying things ----------------------------------------------------------------------------------------------------------------------

function showUnread(count) {
  bell.textContent = count;
  bell.hidden = !count;
  document.title = count ? `(${count}) ${title}` : title;
  document.dispatchEvent(new CustomEvent("unread", { detail: count }));
}

// Says something in the corner, politely. A `name` is of something that is so for a while: it stays until it is said anew, or unsaid.
function toast(text, { href, detail, name } = {}) {
  unsay(name);
  const note = document.createElement("div");
  note.className = "toast";
  if (name) note.dataset.name = name;
  const said = document.createElement(href ? "a" : "strong");
  said.textContent = text;
  if (href) said.href = href;
  note.append(said);
  if (detail) note.append(Object.assign(document.createElement("p"), { className: "quiet", textContent: detail }));
  const dismiss = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: "×" });
  dismiss.setAttribute("aria-label", `Dismiss: ${text}`);
  dismiss.addEventListener("click", () => note.remove());
  note.append(dismiss);
  toasts.append(note);
  const passing = [...toasts.children].filter((other) => !other.dataset.name);
  passing.slice(0, -MOST_TOASTS).forEach((other) => other.remove());
  if (!name) fade(note);
  return note;
}

// It goes by itself, but not while somebody reads it or has reached it by keyboard.
function fade(note) {
  let timer;
  const later = () => { timer = setTimeout(() => note.remove(), SHOWN_FOR); };
  const wait = () => clearTimeout(timer);
  for (const event of ["pointerenter", "focusin"]) note.addEventListener(event, wait);
  for (const event of ["pointerleave", "focusout"]) note.addEventListener(event, later);
  later();
}

function unsay(name) {
  if (name) toasts.querySelectorAll(`[data-name="${name}"]`).forEach((note) => note.remove());
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape") toasts.querySelector(".toast:last-child:not([data-name])")?.remove();
});

// -- still signed in? -------------------------------------------------------------------------------------------------------------------

let over = false;
const typed = new Set(); // forms in which something was written that is not sent yet

document.addEventListener("input", (event) => { if (event.target.form?.method === "post") typed.add(event.target.form); });
document.addEventListener("submit", (event) => typed.delete(event.target));

// The session is over. Nobody who is writing is torn away: what they send is kept for them by the sign-in page.
function signedOut() {
  if (over) return undefined; // said already
  over = true;
  stop();
  const back = "/login?next=" + encodeURIComponent(location.pathname + location.search);
  if (![...typed].some((form) => form.isConnected)) return location.assign(back);
  return toast("You are signed out", { name: "session", detail: "What you have written stays here. Send it, and you are asked to sign in first." });
}

// Like `fetch` for our own addresses; a session that is over leads to sign-in. Returns null then, and when nobody answers.
async function ask(address, options = {}) {
  const answer = await fetch(address, { credentials: "same-origin", ...options }).catch(() => null);
  const refused = answer?.status === 401 || (answer?.redirected && new URL(answer.url).pathname === "/login");
  if (refused) signedOut();
  return refused ? null : answer;
}

// Asks who we are. Another person than the page was made for is somebody who has signed in in another tab.
async function stillMe() {
  const answer = await ask("/api/auth/me");
  if (answer?.ok && (await answer.json()).id !== signedIn) location.reload();
  return Boolean(answer?.ok);
}

async function count() {
  const answer = await ask("/api/notifications/unread-count");
  if (answer?.ok) showUnread((await answer.json()).count);
}

// -- the stream -------------------------------------------------------------------------------------------------------------------------

let leader = false; // whether the stream is this tab's
let source = null;
let channel = null;
let release = () => {}; // gives the stream to another tab, or gives up waiting for it
let tries = 0;
let retrying = 0; // timer: when we try again
let silent = 0; // timer: when we speak of the silence

const take = {
  unread: ({ count: number }) => showUnread(number),
  notification: (told) => {
    document.dispatchEvent(new CustomEvent("notification", { detail: told }));
    if (document.hidden) return; // the title says it
    toast(told.subject, { href: `/notifications/${encodeURIComponent(told.id)}?ticket=${Number(told.ticket_id)}`, detail: told.message });
  },
  signedOut,
  silence: () => {
    if (navigator.onLine) toast("The desk does not answer", { name: "connection", detail: "New things do not appear by themselves until it does." });
  },
  voice: () => {
    if (toasts.querySelector('[data-name="connection"]')) toast("Connected again");
    unsay("connection");
  },
};

function tell(kind, data = null) {
  channel?.postMessage({ kind, data });
  take[kind](data);
}

function listen() {
  hangUp();
  source = new EventSource("/api/notifications/stream");
  for (const kind of ["unread", "notification"]) source.addEventListener(kind, (event) => tell(kind, JSON.parse(event.data)));
  source.addEventListener("open", opened);
  source.addEventListener("error", broken);
}

async function opened() {
  clearTimeout(silent);
  silent = 0;
  if (!tries) return;
  tries = 0;
  if (await stillMe()) tell("voice");
}

async function broken() {
  tries += 1;
  silent ||= setTimeout(() => tell("silence"), PATIENCE);
  if (source?.readyState !== EventSource.CLOSED) return; // it tries again by itself
  hangUp();
  if (!navigator.onLine) return; // `online` begins anew
  const answer = await fetch("/api/auth/me").catch(() => null);
  if (answer?.status === 401) tell("signedOut");
  else if (leader) retrying = setTimeout(listen, Math.min(LONGEST_WAIT, 1_500 * 2 ** Math.min(tries, 6)) * (0.5 + Math.random() / 2));
}

function hangUp() {
  clearTimeout(retrying);
  clearTimeout(silent);
  silent = 0;
  source?.close();
  source = null;
}

function lead() {
  leader = true;
  listen();
}

function start() {
  if (!navigator.locks || !window.BroadcastChannel) return lead();
  const name = `bell-${signedIn}`;
  channel = new BroadcastChannel(name);
  channel.addEventListener("message", ({ data }) => take[data.kind](data.data));
  const waiting = new AbortController();
  release = () => waiting.abort();
  const held = () => new Promise((resolve) => {
    release = resolve;
    lead();
  });
  return navigator.locks.request(name, { signal: waiting.signal }, held).catch(() => {}); // given up: the page is left
}

function stop() {
  leader = false;
  hangUp();
  release();
  channel?.close();
  channel = null;
}

// -- coming and going -------------------------------------------------------------------------------------------------------------------

addEventListener("offline", () => {
  hangUp();
  toast("You are offline", { name: "connection", detail: "What you see may be old, and nothing can be sent until you are back." });
});

addEventListener("online", () => {
  unsay("connection");
  toast("You are online again");
  count();
  tries = 1; // so that who we are is asked again
  if (leader) listen();
});

addEventListener("pagehide", stop);
addEventListener("pageshow", async (event) => {
  if (!event.persisted) return;
  over = false;
  if (!(await stillMe())) return;
  count();
  start();
});

window.desk = { ask, toast, unsay };
start();
