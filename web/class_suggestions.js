// Suggests class names while the user types into Class Objective, or into Keyframes for a classifier. A list below the
// text box has names that contain the text since the last comma, line break or number of a keyframe, and before them
// words that stand for several classes, such as "all parrot"; where there is no text, an arrow key down lists all names.
// Arrow keys select a name; Tab, Enter or a click inserts it; Escape closes the list.

import { app } from "../../scripts/app.js";

const NODE = "DAS_ClassObjective";
const KEYFRAMES = "DAS_Keyframes";
const HEIGHT = 200; // the most pixels of the list, which scrolls
const LEAST = 2; // the fewest letters for which names are suggested
const LEAST_UNKNOWN = 4; // the fewest letters of a word that is reported as unknown

let list = null; // the open list: { box, area, names, chosen, listening }; null if there is none

// Returns what Class Objective knows: the "names" of classes, or the "kinds" that may stand after "all". A name that two
// classes share has the index of the class before it.
function find(what) {
  return LiteGraph.registered_node_types[NODE]?.nodeData?.input?.required?.classes?.[1]?.[what] ?? [];
}

// Returns the node of the open graph to which a text box belongs, and the name of the widget of the text box.
function findWidget(area) {
  const { graph } = app.canvas;
  // Nodes 2.0, the newer renderer, draws a node as an HTML element with the id of the node. The classic renderer
  // draws nodes on a canvas and lays text boxes over it.
  const id = area.closest("[data-node-id]")?.dataset.nodeId;
  if (id) return [graph.getNodeById(id), area.labels[0]?.textContent.trim()];
  const isIts = (widget) => widget.element === area;
  const node = graph.nodes.find(({ widgets }) => widgets?.some(isIts));
  return [node, node?.widgets.find(isIts).name];
}

// Returns whether a widget is a text of classes: a widget of the node itself, or a widget of a subgraph node that is
// linked to it inside the subgraph.
function isClasses(node, name) {
  if (node?.type === KEYFRAMES) {
    const slot = node.inputs.findIndex((input) => input.name === "model");
    const model = node.getInputNode(slot)?.outputs[node.getInputLink(slot).origin_slot];
    return model?.type !== "DAS_CLIP"; // Which takes any words.
  }
  if (!node?.subgraph) return node?.type === NODE;
  const { subgraph } = node;
  const input = subgraph.inputs.find((one) => one.name === name || one.label === name);
  return (input?.linkIds ?? []).some((id) => {
    const link = subgraph.getLink(id);
    const target = link && subgraph.getNodeById(link.target_id);
    return isClasses(target, target?.inputs[link.target_slot].name);
  });
}

// Returns the text from the last comma, slash or line break to the caret, and where it begins and ends. The number of a
// keyframe, a minus sign or an opening parenthesis before the name is left out, and so is "all", which `isKind` tells.
function readWord(area) {
  const before = area.value.slice(0, area.selectionStart);
  const written = before.split(/[\n,]| \/ /).at(-1);
  const [begin, all] = written.match(/^\s*(?:\d+\s*:\s*(?=[-(\p{L}]|$))?[-(]?\s*(all\s+)?/iu);
  const word = written.slice(begin.length);
  return { word, isKind: Boolean(all), start: before.length - word.length, end: before.length };
}

function rank(name, word) {
  const text = name.toLowerCase();
  return text.startsWith(word) ? 0 : text.includes(` ${word}`) ? 1 : text.includes(word) ? 2 : -1;
}

function match({ word, isKind }) {
  const sought = word.trim().toLowerCase();
  if (sought.length < LEAST) return [];
  // A sunflower is a flower.
  const kinds = find("kinds").filter((kind) => kind.startsWith(sought) || sought.endsWith(kind));
  if (isKind) return kinds.filter((kind) => kind !== sought);
  const found = find("names").map((name) => [rank(name, sought), name]);
  const kept = found.filter(([place]) => place >= 0).sort((a, b) => a[0] - b[0] || a[1].length - b[1].length);
  const names = kept.map(([, name]) => name);
  return names.some((name) => name.toLowerCase() === sought) ? [] : [...kinds.map((kind) => `all ${kind}`), ...names];
}

// Returns the hint for a word that no usual name contains; "" for a short word, a number, a WordNet id, or a word with
// a colon (before a weight) or a closing parenthesis, also full-width.
function explain({ word, isKind }) {
  const sought = word.trim().toLowerCase();
  const names = find("names");
  if (sought.length < LEAST_UNKNOWN || !names.length || /^[\dn]\d*$/.test(sought) || /[:)\uff1a\uff09]/.test(sought))
    return "";
  if ((isKind ? find("kinds") : names).some((name) => name.toLowerCase().includes(sought))) return "";
  // The node also knows second names of classes, which are not in the list.
  return `No class in the list is called “${sought.slice(0, 30)}”. Text Objective takes any words.`;
}

function close() {
  list?.box.remove();
  list?.listening.abort();
  list = null;
}

function take(name) {
  const { area } = list;
  const { start, end } = readWord(area);
  // If two classes share the name, the index is inserted, because it names only one of them.
  const written = /^\d+ /.test(name) ? name.split(" ")[0] : name;
  area.setRangeText(written, start, end, "end");
  close();
  area.dispatchEvent(new Event("input", { bubbles: true }));
  close(); // the event has opened the list again
  area.focus();
}

function show(area, names, hint = "") {
  close();
  const box = document.createElement("div");
  box.dataset.dasSuggestions = "";
  const { left, bottom } = area.getBoundingClientRect();
  Object.assign(box.style, {
    position: "fixed",
    left: `${left}px`,
    top: `${bottom + 2}px`,
    zIndex: 10000,
    minWidth: "180px",
    maxHeight: `${HEIGHT}px`,
    overflowY: "auto",
    padding: "2px",
    borderRadius: "4px",
    border: "1px solid var(--border-color)",
    background: "var(--comfy-menu-bg)",
    color: "var(--input-text)",
    font: "13px sans-serif",
  });
  // Without the focus in its text box the list closes, so a press must not take the focus.
  box.addEventListener("pointerdown", (event) => event.preventDefault());
  for (const name of names) {
    const row = document.createElement("div");
    row.textContent = name;
    Object.assign(row.style, { padding: "3px 8px", cursor: "pointer", borderRadius: "3px" });
    row.addEventListener("pointerdown", () => take(name));
    box.append(row);
  }
  if (hint) {
    box.dataset.dasSuggestions = "hint";
    box.append(hint);
    Object.assign(box.style, { padding: "5px 10px", opacity: 0.8, pointerEvents: "none" });
  }
  document.body.append(box);
  const listening = new AbortController();
  const { signal } = listening;
  area.addEventListener("keydown", onKey, { capture: true, signal });
  area.addEventListener("focusout", close, { signal });
  // The wheel moves or zooms the canvas. The list does not move with it, so it closes.
  const onWheel = ({ target }) => box.contains(target) || close();
  document.addEventListener("wheel", onWheel, { capture: true, passive: true, signal });
  list = { box, area, names, chosen: -1, listening };
}

function choose(step) {
  list.chosen = (list.chosen + step + list.names.length) % list.names.length;
  [...list.box.children].forEach((row, number) => {
    row.style.background = number === list.chosen ? "var(--comfy-input-bg)" : "";
  });
  list.box.children[list.chosen].scrollIntoView({ block: "nearest" });
}

function onInput({ target }) {
  if (!(target instanceof HTMLTextAreaElement) || !isClasses(...findWidget(target))) return;
  const written = readWord(target);
  const names = match(written);
  const hint = names.length ? "" : explain(written);
  if (names.length || hint) show(target, names, hint);
  else close();
}

// Lists all names, where nothing is written yet.
function onArrow({ key, target }) {
  if (list || key !== "ArrowDown" || !(target instanceof HTMLTextAreaElement)) return;
  if (isClasses(...findWidget(target)) && !readWord(target).word.trim()) show(target, find("names"));
}

function onKey(event) {
  if (!list?.names.length) return;
  const { key } = event;
  if (key === "ArrowDown") choose(1);
  else if (key === "ArrowUp") choose(list.chosen < 0 ? 0 : -1);
  else if (key === "Tab") take(list.names[Math.max(list.chosen, 0)]);
  else if (key === "Enter" && list.chosen >= 0) take(list.names[list.chosen]);
  else if (key === "Escape") close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

app.registerExtension({
  name: "DirectAscent.ClassSuggestions",
  setup() {
    // The document listens, because nodes have no reference to the text boxes that Nodes 2.0 makes.
    document.addEventListener("input", onInput, true);
    document.addEventListener("keydown", onArrow, true);
  },
});
