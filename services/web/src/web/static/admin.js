// What the audit and the admins' pages do better with a script: each works without.
"use strict";

// While a verification runs, its seal is asked for again until it is over.
async function followSeal() {
  const seal = document.querySelector("[data-verifying]");
  if (!seal) return;
  const answer = await window.desk.ask("/audit/seal");
  if (answer && answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = seal.querySelector("[name=next]");
    seal.replaceWith(page.querySelector("#seal"));
    const now = document.querySelector("#seal [name=next]");
    if (now) now.value = next ? next.value : location.pathname + location.search;
  }
  setTimeout(followSeal, 1500);
}

// The answer to "verify now" may take ten seconds: until it is there, how far it is.
function showBegun(event) {
  if (!event.target.matches("#seal form")) return;
  setTimeout(() => {
    document.querySelector("#seal").setAttribute("data-verifying", "");
    followSeal();
  }, 1000);
}

// What is under way on a page is asked for again until it is over.
async function follow() {
  const part = document.querySelector("[data-again]");
  if (!part) return;
  const answer = await window.desk.ask(location.href);
  if (answer && answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("[data-live]");
    if (next && next.textContent !== part.textContent) part.replaceWith(next);
  }
  setTimeout(follow, 1500);
}

// A policy's form goes to the server and back for each row more or less, and for each try: here without losing the place on the page.
async function step(event) {
  const form = event.target, button = event.submitter;
  if (!form.matches("[data-steps]") || !button || /^(?:save|remove)$/.test(button.value)) return;
  event.preventDefault();
  const trying = button.value === "try";
  const fields = new URLSearchParams(new FormData(form, button));
  form.setAttribute("aria-busy", "true");
  form.querySelectorAll("button").forEach((each) => { each.disabled = true; });
  const answer = await fetch(form.action, { method: "POST", body: fields }).catch(() => null);
  if (answer && answer.redirected) return location.assign(answer.url);
  if (answer && answer.status === 401) return form.submit(); // the sign-in page keeps what was written
  const page = answer && new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page && page.querySelector("[data-policy]");
  if (!next) {
    form.removeAttribute("aria-busy");
    form.querySelectorAll("button").forEach((each) => { each.disabled = false; });
    const said = page && page.querySelector("main p");
    return window.desk.toast(said ? said.textContent : "The desk cannot be reached. Try again in a moment.");
  }
  const known = new Set([...form.querySelectorAll("input, select, textarea")].map((each) => each.id));
  document.querySelector("[data-policy]").replaceWith(next);
  const added = [...next.querySelectorAll("input[id], select[id], textarea[id]")].find((each) => !known.has(each.id));
  const wrong = next.querySelector("[aria-invalid]");
  const target = wrong || (trying ? next.querySelector("[data-tried]") : added || next.querySelector(`[value="${CSS.escape(button.value)}"]`));
  if (target) target.focus();
}

function openWeek(event) {
  if (event.target.matches("[data-counts]")) document.querySelector("[data-week]").open = event.target.value === "working";
}

addEventListener("submit", step);
addEventListener("submit", showBegun);
addEventListener("change", openWeek);
followSeal();
setTimeout(follow, 1000);
