"use strict";
// A manifest may say anything: what it says goes into the page as text, and into addresses as a path below its folder.
const find = (id) => document.getElementById(id);
const on = (id, kind, task) => find(id).addEventListener(kind, task);
const [grid, detail, panes, search, sort, filters] = ["grid", "detail", "panes", "search", "sort", "filters"].map(find);
const [GAP, LINE, HEADING] = [16, 22, 60]; // between cards; the heights of a line below a picture and of a heading
const MAX_CHOICES = 40; // values of a column that have check boxes
const DATA = /^data:(image\/[\w.+-]+|application\/json)[;,]/i; // other addresses are paths
const FOLDER = /^(?![\s/])(?!.*\/\/)[^\\:?#\p{Cc}]+$/u; // a relative path
const NUMBER = /^(NaN|-?Infinity|-?\d{16,})$/; // as text, because JSON or a browser has no such number
const { compare } = new Intl.Collator(undefined, { numeric: true });
const collections = []; // that of this page, and perhaps a second one
const groups = [];
const byKey = new Map(); // items by their part of an address
let [columns, items] = [[], []]; // of both collections
let [shown, rows, across] = [[], [], 1]; // items in the order of the grid; headings and rows of so many cards
let [opened, pinned] = [[], null]; // one item, or two side by side, of which the first is pinned

function make(name, properties, ...children) {
  const [tag, className = ""] = name.split(".");
  const element = Object.assign(document.createElement(tag), { className, ...properties });
  element.append(...children);
  return element;
}
const encode = (text) => encodeURIComponent(String(text).toWellFormed());
const decode = (text) => new URLSearchParams(`text=${text.replaceAll("+", "%2B")}`).get("text"); // accepts anything
const locate = (base, file) => (DATA.test(file) ? file : base + String(file).split("/").map(encode).join("/"));
const makeKey = (number, id) => (number ? "@" : "") + encode(id);
const toNumber = (value) => (["", null, undefined].includes(value) ? Number.NaN : Number(value));
// Short for reading; what is compared and searched has all digits.
const format = (value, digits = 4) =>
  String(typeof value === "number" && value % 1 ? Number(value.toPrecision(digits)) : (value ?? ""));

// Called by manifest.js, that of this page or of another folder.
function collect(text) {
  const base = document.currentScript?.dataset.base ?? "./";
  const found = { columns: [], groups: [], items: [], note: "", noun: "items", ...JSON.parse(text), base };
  if (found.format === 1) collections.push(found);
}

function readItem(entry, number, own, values) {
  const collection = collections[number];
  const item = { message: "", pictures: [], lists: [], texts: [], downloads: [], ...entry, number, collection, values };
  item.group = own[item.group ?? collection.groups.length] ?? null;
  item.mark = values[columns.findIndex(({ name }) => name === collection.mark)];
  item.name = `${item.id}\n${item.title}`.toLowerCase();
  const entries = item.lists.flatMap(([title, list]) => [title, ...list.map(({ text }) => text)]);
  const others = [item.group?.name, item.message, ...values, ...item.pictures.map(({ caption }) => caption)];
  item.words = [item.name, ...others, ...item.texts.flat(), ...entries].join("\n").toLowerCase();
  item.key = makeKey(number, item.id);
  byKey.set(item.key, item);
  return item;
}

function readCollection(one, number) {
  const title = collections.length > 1 ? `${one.title}: ` : "";
  const own = one.groups.map(({ name, text = "" }) => ({ name: title + name, text }));
  if (title && one.items.some((item) => !("group" in item))) own.push({ name: `${title}others`, text: "" });
  const places = columns.map(({ name }) => one.columns.indexOf(name));
  const read = (value = null) => (typeof value === "boolean" ? ["no", "yes"][Number(value)] : value);
  const readValues = ({ values }) => places.map((place) => read(values?.[place]));
  items.push(...one.items.map((item) => readItem(item, number, own, readValues(item))));
  groups.push(...own);
}

function makeFilter(column, number) {
  const { name } = column;
  const known = [...new Set(items.map((item) => item.values[number]))].filter((value) => value !== null);
  column.numeric = known.every((value) => typeof value === "number" || NUMBER.test(value));
  known.sort(column.numeric ? (a, b) => a - b : compare);
  const box = make("details", { hidden: known.length < 2 }, make("summary", {}, name), make("div", {}));
  Object.assign(box.dataset, { name, number });
  const add = (text, field) => box.lastChild.append(make("label", {}, make("input", field), ` ${text}`));
  const check = { name: "choice", type: "checkbox", defaultChecked: true };
  const type = column.numeric ? "number" : "search";
  if (known.length <= MAX_CHOICES) for (const value of known) add(format(value), { ...check, value });
  else for (const word of column.numeric ? ["from", "to"] : ["contains"]) add(word, { name: word, type, step: "any" });
  return box;
}

const ALLOWS = {
  choice: (value, unwanted) => String(value) !== unwanted,
  from: (value, wanted) => toNumber(value) >= Number(wanted),
  to: (value, wanted) => toNumber(value) <= Number(wanted),
  contains: (value, wanted) => `${value ?? ""}`.toLowerCase().includes(wanted.toLowerCase()),
};
// The tests of a filter that are set: each a function of an item.
function readFilter(box) {
  const isSet = ({ name, checked, value }) => (name === "choice" ? !checked : value);
  const fields = [...box.querySelectorAll("input")].filter(isSet);
  box.classList.toggle("active", fields.length > 0);
  const read = ({ values }) => values[box.dataset.number];
  return fields.map((field) => (item) => ALLOWS[field.name](read(item), field.value));
}

// Items without a value come last, whatever the order.
function sortBy(column, list, sign) {
  const { numeric } = columns[column];
  const read = ({ values }) => (numeric ? toNumber(values[column]) : values[column]);
  const isKnown = (item) => read(item) !== null && !Number.isNaN(read(item));
  const order = (a, b) => sign * (numeric ? Number(a > b) - Number(a < b) : compare(a, b));
  const known = list.filter(isKnown).sort((a, b) => order(read(a), read(b)));
  return [...known, ...list.filter((item) => !isKnown(item))];
}

function update() {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const tests = [...filters.children].flatMap(readFilter);
  shown = items.filter((item) => tests.every((test) => test(item)) && wanted.every((one) => item.words.includes(one)));
  const falling = find("falling").checked;
  if (sort.value) shown = sortBy(sort.value, shown, falling ? -1 : 1);
  else if (falling) shown.reverse();
  // What is called so comes before what only mentions it.
  const isCalled = ({ name }) => wanted.every((word) => name.includes(word));
  if (wanted.length && !sort.value) shown = [...shown.filter(isCalled), ...shown.filter((item) => !isCalled(item))];
  const count = (test) => shown.filter(test).length;
  const [failed, rated, good] = [(one) => one.failed, (one) => one.mark, (one) => one.mark === "yes"].map(count);
  const total = collections.reduce((sum, collection) => sum + collection.total, 0);
  find("summary").textContent =
    (shown.length === total ? "" : `${shown.length.toLocaleString("en")} of `) +
    `${total.toLocaleString("en")} ${collections[0].noun}${failed ? `, ${failed} failed` : ""}` +
    (rated ? `, ${good} of ${rated} ${collections[0].mark}` : "");
  for (const { button } of groups) button.disabled = !shown.some((item) => item.group?.button === button);
  scrollTo(0, 0);
  lay();
}

// Find the places of all rows; those near the view are in the page.
function lay() {
  const before = rows.find((row) => row.bottom > scrollY)?.start;
  const width = grid.clientWidth + GAP;
  across = Math.max(2, Math.floor(width / (Number(find("size").value) + GAP)));
  const height = width / across + LINE * (sort.value || collections.some(({ mark }) => mark) ? 2 : 1);
  const begins = (place) => !sort.value && shown[place].group !== shown[place - 1]?.group;
  rows = [];
  const measure = () => rows.at(-1)?.bottom ?? 0;
  const add = (row, size) => rows.push({ ...row, top: measure(), bottom: measure() + size });
  for (let start = 0, end = 0; start < shown.length; start = end) {
    const { group } = shown[start];
    if (group && begins(start)) add({ group }, HEADING);
    do end += 1;
    while (end < shown.length && end - start < across && !begins(end));
    add({ group, start, end }, height);
  }
  grid.style.setProperty("--side", `${width / across - GAP}px`);
  document.body.style.setProperty("--head", `${find("head").offsetHeight}px`);
  grid.style.height = `${measure()}px`;
  grid.replaceChildren(...(rows.length ? [] : ["Nothing here is like that."]));
  draw();
  if (before) reveal(findRow(before));
}

function draw(wanted) {
  const view = -grid.getBoundingClientRect().top;
  let after = null;
  for (const row of rows.toReversed()) {
    const near = row.bottom > view - innerHeight && row.top < view + 2 * innerHeight;
    if (near || row === wanted) row.element ??= grid.insertBefore(makeRow(row), after);
    else if (!row.element?.contains(document.activeElement)) row.element = row.element?.remove();
    after = row.element ?? after;
  }
  const current = !sort.value && rows.find((row) => row.bottom > view + find("head").offsetHeight + 1)?.group;
  for (const group of groups) group.button.classList.toggle("current", group === current);
}

const findRow = (index) => rows.find(({ start, end }) => start <= index && index < end);
// Scroll until a row is in view, and give one of its cards the focus.
function reveal(row, index, block = "nearest") {
  if (!row) return;
  draw(row);
  row.element.scrollIntoView({ block });
  row.element.children[index - row.start]?.focus({ preventScroll: true });
}

function makeImage({ collection }, alt, ...files) {
  const sources = files.filter(Boolean).map((file) => locate(collection.base, file));
  const image = make("img", { alt, loading: "lazy", decoding: "async" });
  image.onerror = () => {
    if (sources.length) image.src = sources.shift();
    else image.replaceWith(make("span.empty", {}, "The picture is missing."));
  };
  image.src = sources.shift() ?? "";
  return image;
}

function makeThumbnail(item) {
  const [picture] = item.pictures;
  if (picture) return makeImage(item, picture.caption ?? "", picture.thumbnail, picture.file);
  return make(item.failed ? "span.empty bad" : "span.empty", {}, item.message || "no picture");
}

function makeCard(item, index) {
  const good = item.mark === "yes";
  const mark = item.mark ? make(good ? "b.good" : "b.bad", {}, good ? `✓ ${item.collection.mark} ` : "✗ ") : "";
  const about = sort.value ? [item.group?.name, format(item.values[sort.value])].filter(Boolean).join(" · ") : "";
  const lines = [make("span", {}, item.title), make("small", {}, mark, about)];
  const card = make("a.card", { href: `#/${item.key}`, title: item.title }, makeThumbnail(item), ...lines);
  Object.assign(card.dataset, { index, id: item.id });
  return card;
}

function makeRow({ top, group, start, end }) {
  const row = make(end ? "div.row" : "h2.row", {});
  if (end) row.append(...shown.slice(start, end).map((item, place) => makeCard(item, start + place)));
  else row.append(group.name, make("small", {}, group.text));
  row.style.top = `${top}px`;
  return row;
}

function makeGroup(group) {
  group.button = make("button", { type: "button" }, group.name, make("small", {}, group.text));
  group.button.onclick = () => {
    sort.value = "";
    update();
    const isFirst = (row) => row.group === group;
    reveal(rows.find(isFirst), null, "start");
  };
  return group.button;
}

function makeEntry(item, { text, value, item: id, file }, largest) {
  const target = id && byKey.get(makeKey(item.number, id));
  const entry = make(target || file ? "a" : "span", {});
  if (target) entry.href = `#/${target.key}`;
  else if (file) Object.assign(entry, { href: locate(item.collection.base, file), target: "_blank" });
  if (target || file) entry.append(file ? makeImage(item, "", file) : makeThumbnail(target));
  entry.append(make("span", {}, text));
  if (Number.isNaN(toNumber(value))) return make("li", {}, entry);
  const bar = make(value < 0 ? "i.negative" : "i", {});
  bar.style.width = `${(100 * Math.abs(value)) / largest}%`;
  entry.append(make("small", {}, format(value, 3)), bar);
  return make("li", {}, entry);
}

function makeList(item, [title, entries]) {
  const largest = Math.max(...entries.map(({ value }) => Math.abs(toNumber(value)) || 0));
  const list = make("ul", {}, ...entries.map((entry) => makeEntry(item, entry, largest)));
  return make(list.querySelector("img") ? "section.pictured" : "section", {}, make("h3", {}, title), list);
}

function makeDownload({ collection, id }, [title, file]) {
  const name = `${collection.title}_${id}`.replace(/[^\w-]+/g, "_");
  const download = DATA.test(file) ? `${name}.${file.match(/\w+(?=[;,])/)[0]}` : "";
  // A browser downloads no file beside a page without a server, it opens it: not in the place of this page.
  return make("a.button", { href: locate(collection.base, file), download, target: "_blank" }, title);
}

function makeFigure(item, { file, caption = "", thumbnail }) {
  const image = makeImage(item, caption, file, thumbnail);
  const whole = make("a", { href: locate(item.collection.base, file), target: "_blank" }, image);
  return make("figure", {}, DATA.test(file) ? image : whole, make("figcaption", {}, caption));
}

function makePane(item) {
  const figures = item.pictures.map((picture) => makeFigure(item, picture));
  const known = item.values.map((value, place) => [columns[place].name, format(value)]);
  const facts = [...known, ["message", figures.length ? item.message : ""], ...item.texts, ["id", item.id]];
  const lines = facts.map((fact) => (fact[1] ? make("tr", {}, ...fact.map((text) => make("td", {}, text))) : ""));
  const pictures = make("div.pictures", {}, ...(figures.length ? figures : [makeThumbnail(item)]));
  const downloads = make("p.downloads", {}, ...item.downloads.map((download) => makeDownload(item, download)));
  const sections = item.lists.map((list) => makeList(item, list));
  const left = make("div", {}, pictures, downloads, ...sections.filter((section) => section.className));
  const right = make("div", {}, ...sections.filter((section) => !section.className), make("table", {}, ...lines));
  const place = [item.group?.name, item.group?.text].filter(Boolean).join(" · ");
  return make("article", {}, make("header", {}, make("h2", {}, item.title), make("p.quiet", {}, place)), left, right);
}

function pin(item) {
  pinned = item;
  find("pinned").textContent = item ? `Comparing with ${item.title} ×` : "";
}

function go(item, how = "assign") {
  if (item) location[how](`#/${pinned && pinned !== item ? `${pinned.key}/` : ""}${item.key}`);
}

// The item before or after the one that is open, in the order of the grid if it is there.
function findNeighbour(by) {
  const list = shown.includes(opened.at(-1)) ? shown : items;
  const place = list.indexOf(opened.at(-1)) + by;
  return list[list[place] === pinned ? place + by : place];
}

function toggleCompare() {
  const item = opened.at(-1);
  pin((opened.length === 1 && item) || null);
  // The item of the same name in the other collection, if there is one.
  const twin = pinned && (byKey.get(makeKey(1 - item.number, item.id)) ?? findNeighbour(1) ?? findNeighbour(-1));
  go(twin || item);
}

function route() {
  const parts = location.hash.slice(1).split("/").filter(Boolean).slice(0, 2);
  const last = opened.at(-1);
  opened = parts.map((part) => byKey.get(makeKey(part[0] === "@", decode(part.replace(/^@/, "")))));
  document.title = [...opened.map((item) => item?.title), collections[0].title].filter(Boolean).join(" – ");
  if (parts.length > 1) pin(opened[0] ?? null);
  const missing = parts.map((part) => make("p", {}, `There is no “${decode(part)}” here.`));
  panes.replaceChildren(...opened.map((item, place) => (item ? makePane(item) : missing[place])));
  panes.classList.toggle("two", parts.length > 1);
  find("compare").textContent = parts.length > 1 ? "Stop comparing" : "Compare";
  if (parts.length && !detail.open) detail.showModal();
  panes.scrollTop = 0;
  if (parts.length) return;
  detail.close();
  if (document.activeElement !== search) reveal(findRow(shown.indexOf(last)), shown.indexOf(last));
}

function press(event) {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select")) return;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  const index = Math.min(Number(target.closest(".card")?.dataset.index) + by, shown.length - 1);
  if (key === "/") {
    detail.close();
    search.focus();
  } else if (detail.open && key === "c") toggleCompare();
  else if (detail.open && /Left|Right/.test(key)) go(findNeighbour(by), "replace");
  else if (index >= 0) reveal(findRow(index), index);
  else return;
  event.preventDefault();
}

function click(event) {
  // One menu at a time, and a click elsewhere closes it.
  for (const box of filters.querySelectorAll("details[open]")) if (!box.contains(event.target)) box.open = false;
  const link = event.target.closest("a[href^='#/']");
  if (!link || !pinned || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(byKey.get(link.getAttribute("href").slice(2)));
}

function show() {
  columns = [...new Set(collections.flatMap((one) => one.columns))].map((name) => ({ name }));
  for (const [number, collection] of collections.entries()) readCollection(collection, number);
  find("title").textContent = collections.map(({ title }) => title).join(" | ");
  find("note").textContent = collections[0].note;
  find("groups").append(...groups.map(makeGroup));
  filters.append(...columns.map(makeFilter));
  sort.append(...columns.map(({ name }, number) => new Option(name, number)));
  addEventListener("scroll", () => draw(), { passive: true });
  new ResizeObserver(lay).observe(find("head"));
  addEventListener("hashchange", route);
  document.addEventListener("keydown", press);
  document.addEventListener("click", click);
  on("size", "input", lay);
  for (const id of ["search", "options"]) on(id, "input", update);
  on("options", "reset", () => setTimeout(update));
  on("more", "click", () => find("more").setAttribute("aria-expanded", !find("panel").toggleAttribute("hidden")));
  on("previous", "click", () => go(findNeighbour(-1), "replace"));
  on("next", "click", () => go(findNeighbour(1), "replace"));
  on("compare", "click", toggleCompare);
  on("pinned", "click", () => pin(null));
  on("detail", "close", () => opened.length && location.assign("#/"));
  update();
  route();
}

async function start() {
  const say = (text) => find("problem").append(text);
  if (find("manifest")) collect(find("manifest").textContent);
  if (!collections.length) return say("The file manifest.js of this page is missing, or of another version.");
  const other = new URLSearchParams(location.search).get("with");
  if (other !== null && FOLDER.test(other)) {
    const base = `${locate("./", other.replace(/\/$/, ""))}/`;
    const script = make("script", { src: `${base}manifest.js` });
    script.dataset.base = base;
    document.head.append(script);
    await new Promise((done) => Object.assign(script, { onload: done, onerror: done }));
    if (collections.length < 2) say(`There is no page that this one can read in ${other}.`);
  } else if (other !== null) say(`with=${other}: give a path from this page to another folder, such as ../other.`);
  show();
}
addEventListener("DOMContentLoaded", start);
