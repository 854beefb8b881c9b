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
