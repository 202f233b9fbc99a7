"use strict";
for (const table of document.querySelectorAll("table.rows")) {
  const body = table.tBodies[0];
  table.querySelectorAll("th").forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      table.classList.remove("grouped"); // show the name in every row
      const numbers = head.classList.contains("number");
      const cell = row => row.cells[column].textContent;
      const rows = Array.from(body.rows).sort((a, b) => numbers ? Number(cell(a)) - Number(cell(b)) : cell(a) < cell(b) ? -1 : cell(a) > cell(b) ? 1 : 0);
      body.append(...(down ? rows.reverse() : rows));
    });
  });
  table.parentElement.previousElementSibling?.querySelector("input")?.addEventListener("input", event => {
    const wanted = event.target.value.toLowerCase();
    table.classList.remove("grouped");
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}
// Print the SQL, too.
let closed = [];
addEventListener("beforeprint", () => { closed = [...document.querySelectorAll("details:not([open])")]; for (const d of closed) d.open = true; });
addEventListener("afterprint", () => { for (const d of closed) d.open = false; });
