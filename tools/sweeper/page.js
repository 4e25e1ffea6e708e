"use strict";
// All texts go into the page as texts, never as HTML: prompts may hold anything.
const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const columns = ["status", ...data.columns];
const MAX_CHOICES = 40;
const filters = new Map(); // column -> test of a value
let ascending = true;

const make = (tag, text = "", attributes = {}) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.textContent = text;
  return element;
};
const getValue = (cell, column) => (column === "status" ? cell.status : cell.values[column]);
// A whole number that JavaScript would round, as its digits: page.py writes it so.
const isBig = (value) => typeof value === "object" && value !== null && typeof value.$big === "string";
const format = (value) => {
  if (isBig(value)) return value.$big;
  if (value === true) return "yes";
  if (value === false) return "no";
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(4)));
  return value === undefined || value === null ? "–" : String(value);
};

function compare(a, b) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  if (isBig(a) || isBig(b)) return String(format(a)).localeCompare(String(format(b)), undefined, { numeric: true });
  if (typeof a === "string" || typeof b === "string")
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  return a - b;
}

// The workflow of a cell: that of the sweep, with the nodes replaced whose inputs the cell sets.
function workflowOf(cell) {
  const base = data.prompts[cell.values.workflow] ?? Object.values(data.prompts)[0];
  const prompt = structuredClone(base);
  for (const [id, inputs] of Object.entries(cell.changes)) if (Object.hasOwn(prompt, id)) prompt[id].inputs = inputs;
  return prompt;
}

function caption(cell) {
  const box = make("figcaption");
  const parts = data.axes.map((axis) => format(cell.values[axis]));
  box.append(make("span", parts.join(" · ") || cell.id));
  if (cell.values.recognised !== undefined) {
    const seen = cell.values.recognised;
    box.append(" ", make("b", seen ? "✓ recognised" : "✗", { className: seen ? "yes" : "no" }));
  }
  return box;
}

function card(cell) {
  const figure = make("figure", "", { tabIndex: 0 });
  figure.dataset.cell = cell.id;
  figure.append(
    cell.image
      ? make("img", "", {
          src: cell.image,
          alt: data.axes.map((axis) => format(cell.values[axis])).join(", "),
          loading: "lazy",
        })
      : make("div", cell.message ?? "no picture", { className: "empty" }),
  );
  figure.append(caption(cell));
  figure.addEventListener("click", () => open(cell));
  figure.addEventListener("keydown", (event) => {
    if (event.key === "Enter") open(cell);
  });
  return figure;
}

const cards = new Map(data.cells.map((cell) => [cell, card(cell)]));

function show() {
  const words = find("search").value.trim().toLowerCase();
  const column = find("sort").value;
  const shown = data.cells.filter(
    (cell) =>
      [...filters].every(([name, test]) => test(getValue(cell, name))) &&
      (!words || JSON.stringify([cell.values, cell.message, cell.texts]).toLowerCase().includes(words)),
  );
  if (column) {
    shown.sort((a, b) => {
      const [x, y] = [getValue(a, column), getValue(b, column)];
      // Cells without a value come last, whatever the order.
      return x === undefined || y === undefined || ascending ? compare(x, y) : -compare(x, y);
    });
  } else if (!ascending) shown.reverse();
  find("cells").replaceChildren(...shown.map((cell) => cards.get(cell)));
  const failed = shown.filter((cell) => cell.status === "failed").length;
  const judged = shown.filter((cell) => cell.values.recognised !== undefined);
  const seen = judged.filter((cell) => cell.values.recognised).length;
  find("summary").textContent =
    `${shown.length} of ${data.total} cells` +
    (failed ? `, ${failed} failed` : "") +
    (judged.length ? `, ${seen} of ${judged.length} recognised` : "");
}

function addFilter(column) {
  const values = data.cells.map((cell) => getValue(cell, column));
  const distinct = [...new Set(values)].sort(compare);
  if (distinct.length < 2) return;
  const box = make("details");
  const body = make("div");
  const set = (test) => {
    test ? filters.set(column, test) : filters.delete(column);
    box.classList.toggle("active", Boolean(test));
    show();
  };
  if (distinct.length <= MAX_CHOICES) {
    const boxes = distinct.map((value) => {
      const input = make("input", "", { type: "checkbox", checked: true });
      const label = make("label");
      label.append(input, " ", format(value));
      body.append(label);
      return input;
    });
    body.addEventListener("change", () => {
      const chosen = new Set(distinct.filter((_, i) => boxes[i].checked));
      set(chosen.size < distinct.length ? (value) => chosen.has(value) : null);
    });
  } else if (distinct.every((value) => value === undefined || typeof value === "number")) {
    const [low, high] = ["from", "to"].map((word) => {
      const input = make("input", "", { type: "number", step: "any" });
      const label = make("label", `${word} `);
      label.append(input);
      body.append(label);
      return input;
    });
    body.addEventListener("input", () => {
      const [a, b] = [low, high].map((input) => (input.value === "" ? null : Number(input.value)));
      set(
        a === null && b === null
          ? null
          : (value) => value !== undefined && (a === null || value >= a) && (b === null || value <= b),
      );
    });
  } else {
    const input = make("input", "", { type: "search", placeholder: "contains" });
    body.append(input);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase();
      set(words ? (value) => format(value).toLowerCase().includes(words) : null);
    });
  }
  box.dataset.column = column;
  box.append(make("summary", column), body);
  find("filters").append(box);
}

function open(cell) {
  const name = `${data.name}_${cell.id.slice(0, 8)}`.replace(/[^\w-]+/g, "_");
  const [file] = cell.pictures;
  find("picture").src = cell.image ?? "";
  find("picture").alt = cell.message ?? "";
  // The file beside this page, if it is still there, is larger; its name may hold anything.
  const address = file ? file.split("/").map(encodeURIComponent).join("/") : "";
  for (const id of ["full", "png"]) {
    find(id).hidden = id === "png" && !address;
    if (address) find(id).href = address;
    else find(id).removeAttribute("href");
  }
  find("png").download = file?.split("/").pop() ?? "";
  URL.revokeObjectURL(find("json").href);
  const text = JSON.stringify(workflowOf(cell), null, 2).replace(/\{\s*"\$big":\s*"(-?\d+)"\s*\}/g, "$1");
  find("json").href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  find("json").download = `${name}.json`;
  const rows = [...columns.map((column) => [column, getValue(cell, column)]), ["message", cell.message]];
  rows.push(...Object.entries(cell.texts).map(([title, texts]) => [title, texts.join("\n")]), ["cell", cell.id]);
  find("values").replaceChildren(
    ...rows
      .filter(([, value]) => value !== undefined)
      .map(([title, value]) => {
        const row = make("tr");
        row.append(make("td", title), make("td", format(value)));
        return row;
      }),
  );
  find("detail").showModal();
}

find("sort").append(
  make("option", "order of the grid", { value: "" }),
  ...columns.map((name) => make("option", name, { value: name })),
);
columns.forEach(addFilter);
find("sort").addEventListener("change", show);
find("search").addEventListener("input", show);
find("direction").addEventListener("click", () => {
  ascending = !ascending;
  find("direction").textContent = ascending ? "ascending" : "descending";
  show();
});
find("size").addEventListener("input", () =>
  document.documentElement.style.setProperty("--size", `${find("size").value}px`),
);
find("clear").addEventListener("click", () => {
  filters.clear();
  find("search").value = "";
  find("filters").replaceChildren();
  columns.forEach(addFilter);
  show();
});
// One menu at a time, and a click elsewhere closes it.
document.addEventListener("click", (event) => {
  for (const box of document.querySelectorAll("#filters details[open]"))
    if (!box.contains(event.target)) box.open = false;
});
show();
