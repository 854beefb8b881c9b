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
    if (answer.url && new URL(answer.url).pathname === "/login") return toSignIn();
    if (!answer.ok) return tell("could not be loaded");
    const html = await answer.text().catch(() => null);
    if (html === null || address !== `${path}?version=${range.value}`) return;
    then.innerHTML = html; // the server's own page, in which it has escaped what people wrote
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
  count();
}

document.querySelectorAll("form[data-bulk]").forEach(choose);
