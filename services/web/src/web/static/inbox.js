// The inbox with a script: marks without a new page, and a word about what has come since.

let fresh = 0;

document.addEventListener("notification", () => {
  fresh += 1;
  const link = document.createElement("a");
  link.className = "button";
  link.href = location.search.includes("unread=true") ? "/notifications?unread=true" : "/notifications";
  link.textContent = fresh === 1 ? "1 new notification: show it" : `${fresh} new notifications: show them`;
  document.querySelector("[data-fresh]").replaceChildren(link);
});

document.addEventListener("unread", ({ detail: count }) => {
  const shown = document.querySelector("[data-unread-tab]");
  shown.textContent = count;
  shown.hidden = !count;
});

document.querySelectorAll("form[data-marks]").forEach((form) => form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const row = form.closest("[data-row]");
  const reads = row.classList.contains("unread");
  const address = `/api/notifications/${encodeURIComponent(form.dataset.marks)}/read`;
  const answer = await window.desk.ask(address, { method: reads ? "PUT" : "DELETE" });
  if (!answer) return window.desk.toast("Nothing was marked", { detail: "The desk does not answer. Try again in a moment." });
  if (!answer.ok) return form.submit(); // the page says why
  row.classList.toggle("unread", !reads);
  row.querySelector("[data-mark]")?.remove();
  if (!reads) {
    const said = Object.assign(document.createElement("span"), { className: "hidden", textContent: ", unread" });
    said.dataset.mark = "";
    row.querySelector("[data-open]").append(said);
  }
  form.action = form.action.replace(/[a-z]+$/, reads ? "unread" : "read");
  form.querySelector("button").textContent = reads ? "Mark as unread" : "Mark as read";
}));
