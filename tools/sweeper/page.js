"use strict";
// Values are found by the number of their column, never by a name, and go into the page as texts: both may be anything.
const find = (id) => document.getElementById(id);
const columns = JSON.parse(find("columns").textContent);
const cells = [...document.querySelectorAll("figure")].map((figure) => ({
  figure,
  row: JSON.parse(figure.dataset.row),
  texts: JSON.parse(figure.dataset.texts),
}));
const judged = find("summary").dataset.recognised;
let ascending = true;

const make = (tag, text) => {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
};
// Short for reading; what is compared and searched has all digits.
const format = (value, column) => {
  if (value === null) return "–";
  const fraction = columns[column].numeric && /[.e]/.test(value) && Number.isFinite(Number(value));
  return fraction ? String(Number(Number(value).toPrecision(4))) : value;
};

function compare(a, b, column) {
  // Cells without a value come last, whatever the order.
  if (a === null || b === null) return (a === null) - (b === null);
  const order = columns[column].numeric ? Number(a) - Number(b) : a.localeCompare(b, undefined, { numeric: true });
  return ascending ? order : -order;
}

// The tests of all filters that are set: each a function of the row of a cell.
function readFilters() {
  return [...find("filters").querySelectorAll("details")].flatMap((box) => {
    const column = Number(box.dataset.column);
    const off = new Set([...box.querySelectorAll("input[type=checkbox]:not(:checked)")].map((input) => input.value));
    const tests = off.size ? [(row) => !off.has(row[column])] : [];
    for (const input of box.querySelectorAll("input:not([type=checkbox])")) {
      const wanted = input.value.toLowerCase();
      if (!wanted) continue;
      tests.push((row) => {
        if (row[column] === null) return false;
        if (input.name === "words") return row[column].toLowerCase().includes(wanted);
        return input.name === "low" ? Number(row[column]) >= Number(wanted) : Number(row[column]) <= Number(wanted);
      });
    }
    box.classList.toggle("active", tests.length > 0);
    return tests;
  });
}

function show() {
  const words = find("search").value.trim().toLowerCase();
  const tests = readFilters();
  const shown = cells.filter(
    ({ figure, row, texts }) =>
      tests.every((test) => test(row)) &&
      (!words || [...row, figure.dataset.message, ...texts.flat()].join("\n").toLowerCase().includes(words)),
  );
  const column = find("sort").value;
  if (column) shown.sort((a, b) => compare(a.row[column], b.row[column], column));
  else if (!ascending) shown.reverse();
  find("cells").replaceChildren(...shown.map((cell) => cell.figure));
  const failed = shown.filter((cell) => cell.figure.dataset.failed === "True").length;
  const rated = shown.filter((cell) => cell.row[judged]);
  const seen = rated.filter((cell) => cell.row[judged] === "yes").length;
  find("summary").textContent =
    `${shown.length} of ${find("summary").dataset.total} cells` +
    (failed ? `, ${failed} failed` : "") +
    (rated.length ? `, ${seen} of ${rated.length} recognised` : "");
}

function open({ figure, row, texts }) {
  const { cell, file, message, workflow } = figure.dataset;
  find("picture").src = figure.querySelector("img")?.src ?? "";
  find("picture").alt = message;
  // The file beside this page, if it is still there, is larger.
  for (const id of ["full", "png"]) {
    find(id).hidden = id === "png" && !file;
    if (file) find(id).href = file;
    else find(id).removeAttribute("href");
  }
  find("json").href = workflow;
  find("json").download = `${document.title}_${cell.slice(0, 8)}`.replace(/[^\w-]+/g, "_") + ".json";
  const rows = row.map((value, column) => [columns[column].name, value === null ? null : format(value, column)]);
  rows.push(["message", message || null], ...texts, ["cell", cell]);
  find("values").replaceChildren(
    ...rows
      .filter(([, value]) => value !== null)
      .map(([title, value]) => {
        const line = make("tr", "");
        line.append(make("td", title), make("td", value));
        return line;
      }),
  );
  find("detail").showModal();
}

for (const cell of cells) {
  cell.figure.addEventListener("click", () => open(cell));
  cell.figure.addEventListener("keydown", (event) => {
    if (event.key === "Enter") open(cell);
  });
}
for (const id of ["sort", "search", "filters"]) find(id).addEventListener("input", show);
find("filters").addEventListener("submit", (event) => event.preventDefault());
find("direction").addEventListener("click", () => {
  ascending = !ascending;
  find("direction").textContent = ascending ? "ascending" : "descending";
  show();
});
find("size").addEventListener("input", () =>
  document.documentElement.style.setProperty("--size", `${find("size").value}px`),
);
find("clear").addEventListener("click", () => {
  find("search").value = "";
  find("filters").reset();
  show();
});
// One menu at a time, and a click elsewhere closes it.
document.addEventListener("click", (event) => {
  for (const box of document.querySelectorAll("#filters details[open]"))
    if (!box.contains(event.target)) box.open = false;
});
show();
