// The text that a running node shows: how far it is, how long it took, what it did not understand.

import { app } from "../../scripts/app.js";
import { findNode } from "./find_node.js";

const PREFIX = "DAS_";
const TEXT_WIDGET = "$$node-text-preview";
const ENDS = ["execution_success", "execution_error", "execution_interrupted"];

const LETTERS = 34, LINES = 2; // of a text that a node shows without growing, in the classic page
const LINE_HEIGHT = 16, BORDER = 26;

const lastTexts = new Map(); // by id of a node: the text of the last run, and the node
const grown = new WeakMap(); // by node that has grown for a long text: its height before and since

// The classic page cuts off what is longer than two lines, and takes the room from the text boxes of the node.
function makeRoom(node, text) {
  const widget = node.widgets?.find((one) => one.name === TEXT_WIDGET);
  if (!widget) return;
  const lines = text.split("\n").reduce((sum, line) => sum + Math.ceil(line.length / LETTERS), 0);
  const heights = grown.get(node);
  if (lines > LINES) {
    const before = heights?.before ?? node.size[1];
    widget.options.getMinHeight = () => BORDER + lines * LINE_HEIGHT;
    node.setSize([node.size[0], Math.max(node.size[1], before + (lines - 1) * LINE_HEIGHT)]);
    grown.set(node, { before, since: node.size[1] });
  } else if (heights) {
    grown.delete(node);
    widget.options.getMinHeight = undefined;
    // What somebody has set by hand since then stays.
    if (node.size[1] === heights.since) node.setSize([node.size[0], heights.before]);
  }
  node.setDirtyCanvas?.(true);
}

function isOurs(node) {
  return node?.comfyClass?.startsWith(PREFIX);
}

// As the page does it when a text comes from the server; it looks for the node in the graph on the screen.
function show(node, text) {
  if (node.graph === app.canvas.graph)
    app.api.dispatchCustomEvent("progress_text", { nodeId: String(node.id), text, node });
}

function onText({ detail }) {
  const { nodeId, text } = detail;
  const isShown = "node" in detail; // by us
  const node = isShown ? detail.node : findNode(nodeId);
  if (!isShown) lastTexts.set(String(nodeId), { text, node });
  if (!isOurs(node)) return;
  // After the page's own listener, which adds the widget.
  setTimeout(() => {
    // The page of ComfyUI 0.8.0 finds no node inside a subgraph.
    if (!isShown && String(nodeId).includes(":")) show(node, text);
    // Nodes 2.0 makes the room by itself.
    else if (!LiteGraph.vueNodesMode) makeRoom(node, text);
  });
}

// Pages since frontend 1.58 take the texts away when a run ends; what our nodes have said last is worth reading then.
function restoreTexts() {
  for (const [nodeId, { text }] of lastTexts) {
    const node = findNode(nodeId);
    if (!isOurs(node) || !text.trim() || node.widgets?.some((widget) => widget.name === TEXT_WIDGET)) continue;
    show(node, text);
  }
}

// Texts that came while another graph was on the screen are shown when theirs opens.
function showMissed() {
  for (const [nodeId, { text, node }] of lastTexts)
    // Another workflow may have a node of the same id.
    if (isOurs(node) && findNode(nodeId) === node && text.trim()) show(node, text);
}

app.registerExtension({
  name: "DirectAscent.ProgressText",

  setup() {
    app.api.addEventListener("execution_start", () => lastTexts.clear());
    app.api.addEventListener("progress_text", onText);
    // After the page's own listeners.
    for (const end of ENDS) app.api.addEventListener(end, () => setTimeout(restoreTexts));
    app.canvas.canvas.addEventListener("litegraph:set-graph", () => setTimeout(showMissed));
  },

  // The text stays out of workflow files. The page of ComfyUI 0.8.0 would store it behind the values of the widgets,
  // which files keep by position: there it could be taken for the value of an input to come.
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith(PREFIX)) return;
    const before = node.onSerialize;
    node.onSerialize = function (data) {
      before?.apply(this, arguments);
      // The names of what the page adds to a node begin so.
      const stored = (widget) => widget.serialize !== false && !widget.name?.startsWith("$$");
      const count = (this.widgets ?? []).findLastIndex(stored) + 1;
      if (data.widgets_values?.length > count) data.widgets_values.length = count;
    };
  },
});
