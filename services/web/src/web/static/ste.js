// What the pages do better with a script: each works without.
"use strict";

const signedIn = document.body.dataset.signedIn;
// The server draws times in the reader's zone from the first page on, once the browser has said which that is.
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !/(?:^|; )zone=/.test(document.cookie)) {
    document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  }
}

// A form that was sent is not sent again while its answer is on the way. Its key would make one thing of both anyway.
function sendOnce(form) {
  const enable = (enabled) => form.querySelectorAll("button").forEach((button) => { button.disabled = !enabled; });
  form.addEventListener("submit", () => setTimeout(() => enable(false)));
  addEventListener("pageshow", (event) => { if (event.persisted) enable(true); }); // back from the answer
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
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
if (signedIn) addEventListener("keydown", pressed);
