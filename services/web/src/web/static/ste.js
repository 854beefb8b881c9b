// What the pages do better with a script: each works without.
"use strict";

const signedIn = document.body.dataset.signedIn;
const here = () => location.pathname + location.search;

function toSignIn() {
  location.assign("/login?next=" + encodeURIComponent(here()));
}

// The server draws times in the reader's zone from the first page on, once the browser has said which that is.
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !/(?:^|; )zone=/.test(document.cookie)) {
    document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  }
}

// A form that was sent is not sent again while its answer is on the way. Its key would make one thing of both anyway.
function sendOnce(form) {
  form.addEventListener("submit", () => setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; })));
}

// -- the bell ---------------------------------------------------------------------------------------------------------------------------

function showUnread(count) {
  const shown = document.querySelector("[data-unread]");
  shown.textContent = count;
  shown.hidden = !count;
}

function toast(text, href) {
  const note = document.createElement(href ? "a" : "p");
  note.className = "toast";
  note.textContent = text;
  if (href) note.href = href;
  document.querySelector("[data-toasts]").append(note);
  setTimeout(() => note.remove(), 8000);
}

function listen() {
  const source = new EventSource("/api/notifications/stream");
  source.addEventListener("unread", (event) => showUnread(JSON.parse(event.data).count));
  source.addEventListener("notification", (event) => {
    const told = JSON.parse(event.data);
    toast(told.subject, told.ticket_id ? `/tickets/${told.ticket_id}` : "/notifications");
  });
  source.addEventListener("error", async () => {
    if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    const answer = await fetch("/api/auth/me").catch(() => null);
    if (answer && answer.status === 401) toSignIn();
    else setTimeout(listen, 3000);
  });
  addEventListener("pagehide", () => source.close());
}

// -- the keyboard -----------------------------------------------------------------------------------------------------------------------

function move(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("here"));
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))];
  rows.forEach((row) => row.classList.toggle("here", row === next));
  next.querySelector("[data-open]").focus();
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(?:INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  const row = document.querySelector("[data-row].here [data-open]");
  const shortcut = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "o" && row) row.click();
  else if (shortcut) shortcut.tagName === "INPUT" ? shortcut.focus() : shortcut.click();
  else return;
  event.preventDefault();
}

tellZone();
document.querySelectorAll("form[data-once]").forEach(sendOnce);
if (signedIn) {
  listen();
  addEventListener("keydown", pressed);
}
