// The keyboard: j and k go through the rows of a list, o opens one, x chooses it, and ? says what there is.
// Single keys can be turned off, since whoever speaks to their computer presses many without meaning to.
"use strict";

const KEYS = [
  ["j", "next row"], ["k", "previous row"], ["o", "open it"], ["x", "choose it, where many can be changed at once"],
  ["/", "search"], ["n", "new ticket"], ["?", "this list"], ["Esc", "close what is open"],
];
const OFF = "keys-off";
const typing = (at) => at.isContentEditable || at.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=range])");
const rows = () => [...document.querySelectorAll("[data-row]")];
const current = () => document.activeElement?.closest("[data-row]") ?? document.querySelector("[data-row].here");

function goTo(row) {
  rows().forEach((other) => other.classList.toggle("here", other === row));
  row.querySelector("[data-open]").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const all = rows(), at = all.indexOf(current());
  if (all.length) goTo(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + by))]);
}

function choose() {
  current()?.querySelector("[data-pick]")?.click();
}

function help() {
  const dialog = document.querySelector("dialog.keys") ?? made();
  dialog.querySelector("input").checked = !localStorage.getItem(OFF);
  dialog.showModal();
}

function element(name, properties, ...content) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...content);
  return made;
}

function made() {
  const dialog = document.createElement("dialog");
  dialog.className = "keys card";
  dialog.setAttribute("aria-labelledby", "keys-title");
  const keys = element("dl", {}, ...KEYS.flatMap(([key, meaning]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, meaning)]));
  const single = element("input", { type: "checkbox" });
  const form = element("form", { method: "dialog" }, element("h2", { id: "keys-title" }, "Keyboard shortcuts"), keys);
  form.append(element("p", {}, element("label", {}, single, " Use single keys")), element("button", {}, "Close"));
  dialog.append(form);
  single.addEventListener("change", (event) => {
    if (event.target.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  return dialog;
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && event.target.matches("[data-shortcut]")) return event.target.blur();
  if (typing(event.target) || localStorage.getItem(OFF)) return;
  const row = document.activeElement?.matches("[data-open]") ? document.activeElement : current()?.querySelector("[data-open]");
  const shortcut = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "o" && row) row.click();
  else if (event.key === "x" && current()) choose();
  else if (event.key === "?") help();
  else if (shortcut?.tagName === "INPUT") { shortcut.focus(); shortcut.select(); }
  else if (shortcut) shortcut.click();
  else return;
  event.preventDefault();
}

addEventListener("keydown", pressed);
addEventListener("focusin", (event) => {
  const row = event.target.closest?.("[data-row]");
  if (row) rows().forEach((other) => other.classList.toggle("here", other === row));
});
document.querySelectorAll("[data-keys]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", help);
});
