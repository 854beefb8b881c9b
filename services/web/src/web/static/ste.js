// What the pages do better with a script: each works without.
"use strict";

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

tellZone();
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
