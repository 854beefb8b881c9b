// Signing in and the own account: what is easier with a script.
"use strict";

// A password can be looked at while it is typed. It is hidden again before it is sent, so that no browser keeps it as a text.
document.querySelectorAll("input[data-reveal]").forEach((input) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain reveal";
  button.setAttribute("aria-controls", input.id);
  const word = document.createElement("span");
  button.append(word, Object.assign(document.createElement("span"), { className: "hidden", textContent: " what you type" }));
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    word.textContent = shown ? "Hide" : "Show";
  };
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  input.after(button);
  show(false);
});

document.querySelectorAll("[data-select]").forEach((input) => input.addEventListener("focus", () => input.select()));

document.querySelectorAll("[data-copy]").forEach((button) => {
  if (!navigator.clipboard) return; // only where the address is a secure one
  const name = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const from = document.getElementById(button.dataset.copy);
    const lines = [...from.querySelectorAll("li")].map((line) => line.textContent.trim());
    await navigator.clipboard.writeText(lines.length ? lines.join("\n") : from.value ?? from.textContent.trim());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = name; }, 3000);
  });
});

document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => print());
});
