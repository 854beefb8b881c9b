// What the pages of tickets do better with a script: each works without.
"use strict";

// Coming back to a list from a ticket, one is where one was: at the row, with the keyboard too.
const opened = () => "opened " + location.pathname + location.search;

function keepPlace(rows) {
  rows.addEventListener("click", (event) => {
    const row = event.target.closest("[data-open]")?.closest("[data-ticket]");
    if (row) sessionStorage.setItem(opened(), row.dataset.ticket);
  });
  const row = rows.querySelector(`[data-ticket="${CSS.escape(sessionStorage.getItem(opened()) ?? "")}"]`);
  sessionStorage.removeItem(opened());
  if (!row) return;
  row.classList.add("here");
  row.querySelector("[data-open]").focus({ preventScroll: true });
  row.scrollIntoView({ block: "center" });
}

// A menu closes like one: by Escape, and by a click elsewhere.
function closeMenus(event) {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (event.type === "keydown" ? event.key !== "Escape" : menu.contains(event.target)) return;
    menu.open = false;
    if (event.type === "keydown") menu.querySelector("summary").focus();
  });
}

document.querySelectorAll("[data-rows]").forEach(keepPlace);
addEventListener("keydown", closeMenus);
addEventListener("click", closeMenus);

// Every window goes back to the list that it came from; the server knows the last one of all windows only.
function wayBack(link) {
  const from = sessionStorage.getItem("list");
  if (from) link.href = from;
}

// The slider over a ticket's versions: the newest is the page itself, with what was typed into it.
function travel(form) {
  const range = form.elements.version, said = form.querySelector("output"), path = form.getAttribute("action");
  const live = document.querySelector("[data-live]"), then = document.querySelector("[data-then]");
  let asked = new AbortController();

  function tell(text) {
    said.textContent = text;
    range.setAttribute("aria-valuetext", text);
  }

  function showNow() {
    if (!live) return location.assign(path);
    then.hidden = true;
    live.hidden = false;
    history.replaceState(null, "", path);
  }

  async function show() {
    asked.abort();
    asked = new AbortController();
    const address = `${path}?version=${range.value}`, isNow = range.value === range.max;
    tell(isNow ? "now" : `version ${range.value} of ${range.max}`);
    if (isNow) return showNow();
    const answer = await fetch(`${address}&part=then`, { signal: asked.signal }).catch((error) => error);
    if (answer.name === "AbortError") return;
    if (answer.url && new URL(answer.url).pathname === "/login") return location.assign(`/login?next=${encodeURIComponent(address)}`);
    if (!answer.ok) return tell("could not be loaded");
    const html = await answer.text().catch(() => null);
    if (html === null || address !== `${path}?version=${range.value}`) return;
    then.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    then.hidden = false;
    if (live) live.hidden = true;
    history.replaceState(null, "", address);
  }

  range.addEventListener("input", show);
}

if (location.pathname === "/tickets") sessionStorage.setItem("list", location.pathname + location.search);
document.querySelectorAll("[data-back]").forEach(wayBack);
document.querySelectorAll("form[data-travel]").forEach(travel);

// What is chosen is counted, and the buttons wait until something is.
function choose(form) {
  const boxes = [...document.querySelectorAll("[data-pick]")], all = form.querySelector("[data-all]"), text = all.textContent;

  function count() {
    const chosen = boxes.filter((box) => box.checked).length;
    all.textContent = chosen ? `${chosen} chosen: ${chosen === boxes.length ? "none" : "all"} of this page` : text;
  }

  all.setAttribute("role", "button");
  all.addEventListener("click", (event) => {
    event.preventDefault();
    const every = boxes.every((box) => box.checked);
    boxes.forEach((box) => { box.checked = !every; });
    count();
  });
  all.addEventListener("keydown", (event) => { if (event.key === " ") { event.preventDefault(); all.click(); } });
  addEventListener("change", count);
  addEventListener("pageshow", count); // the browser may have put back what was chosen
  count();
}

document.querySelectorAll("form[data-bulk]").forEach(choose);

// What was begun is kept in this window until it is sent: a page that is left, or a session that ends, takes nothing of it away.
function keepDraft(form) {
  const name = `draft ${document.body.dataset.signedIn} ${form.dataset.draft}`;
  const fields = [...form.elements].filter((field) => field.name && field.type !== "hidden" && "value" in field && field.type !== "submit");
  const isAsServed = (field) => field.value === (field.tagName === "SELECT" ? field.querySelector("[selected]")?.value : field.defaultValue);

  function keep() {
    if (fields.every(isAsServed)) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(Object.fromEntries(fields.map((field) => [field.name, field.value]))));
  }

  function bringBack(kept) {
    if (!fields.every(isAsServed) || fields.every((field) => !(field.name in kept) || field.value === kept[field.name])) return;
    fields.forEach((field) => { field.value = kept[field.name] ?? field.value; });
    form.closest("details")?.setAttribute("open", "");
    const said = Object.assign(document.createElement("p"), { className: "draft hint", textContent: "This is what you had begun. " });
    said.setAttribute("role", "status");
    const drop = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: "Begin anew" });
    drop.addEventListener("click", () => { form.reset(); keep(); said.remove(); fields[0].focus(); });
    said.append(drop);
    form.append(said);
  }

  form.addEventListener("input", keep);
  form.addEventListener("change", keep);
  form.addEventListener("submit", () => sessionStorage.setItem(SENT, name));
  bringBack(JSON.parse(sessionStorage.getItem(name) ?? "{}"));
}

// A form that was sent is done with once the desk says so.
const SENT = "draft sent";
if (sessionStorage.getItem(SENT) && document.querySelector(".notice.done")) {
  sessionStorage.removeItem(sessionStorage.getItem(SENT));
  sessionStorage.removeItem(SENT);
}
document.querySelectorAll("form[data-draft]").forEach(keepDraft);
