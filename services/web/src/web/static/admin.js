// What the audit and the admins' pages do better with a script: each works without.
"use strict";

// While a verification runs, its seal is asked for again until it is over.
async function followSeal() {
  const seal = document.querySelector("[data-verifying]");
  if (!seal) return;
  const answer = await fetch("/audit/seal").catch(() => null);
  if (answer && answer.redirected) return toSignIn();
  if (answer && answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = seal.querySelector("[name=next]");
    seal.replaceWith(page.querySelector("#seal"));
    const now = document.querySelector("#seal [name=next]");
    if (now) now.value = next ? next.value : location.pathname + location.search;
  }
  setTimeout(followSeal, 1500);
}

// What is under way on a page is asked for again until it is over.
async function follow() {
  const part = document.querySelector("[data-again]");
  if (!part) return;
  const answer = await fetch(location.href).catch(() => null);
  if (answer && answer.redirected) return toSignIn();
  if (answer && answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("[data-live]");
    if (next && next.textContent !== part.textContent) part.replaceWith(next);
  }
  setTimeout(follow, 1500);
}

followSeal();
setTimeout(follow, 1000);
