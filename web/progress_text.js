// Shows the text that a node sends: its progress, the time it took, a warning or an error. The text stays after the run,
// until the node runs again; that of an error only until the next run begins.

import { app } from "../../scripts/app.js";
import { findNode } from "./find_node.js";

const PREFIX = "DAS_";
const ASCENT = "das_ascent"; // what Optimize has among its results, with its last text
const TEXT_WIDGET = "$$node-text-preview";
const ENDS = ["execution_success", "execution_error", "execution_interrupted"];

const LETTERS = 34,
  LINES = 2; // 34 letters in each of 2 lines fit on a node of the classic renderer
const LINE_HEIGHT = 16,
  BORDER = 26;

const lastTexts = new Map(); // from the id of a node to the node and its last text in the run
let failed = null; // the node on which the last run has ended with an error
const grown = new WeakMap(); // from a node that was made taller for a long text to its heights before and after

function findText(node) {
  return node.widgets?.find((one) => one.name === TEXT_WIDGET);
}

// Makes room for the text of a node. Also keeps it out of workflow files, in which the frontend of ComfyUI 0.8.0 would
// store it after the values of the widgets: files keep values by position, so an input that a later version of the pack
// adds could get the text as its value.
function arrange(node, text) {
  const widget = findText(node);
  if (!widget) return;
  widget.serialize = false;
  // Nodes 2.0, the newer renderer, makes a node taller by itself.
  if (!LiteGraph.vueNodesMode) makeRoom(node, widget, text);
}

// Makes a node taller for a long text, and as tall as before for a short one. Otherwise the classic renderer would cut
// off the text after two lines, and make the text boxes of the node smaller.
function makeRoom(node, widget, text) {
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
    // A height that the user has set since then is kept.
    if (node.size[1] === heights.since) node.setSize([node.size[0], heights.before]);
  }
  node.setDirtyCanvas?.(true);
}

function isOurs(node) {
  return node?.comfyClass?.startsWith(PREFIX);
}

// Shows a text by an event like that of the server. The frontend's listener for this event looks for the node only in
// the graph that is open.
function show(node, text) {
  if (node.graph === app.canvas.graph)
    app.api.dispatchCustomEvent("progress_text", { nodeId: String(node.id), text, node });
}

function onText({ detail }) {
  const { nodeId, text } = detail;
  const isShown = "node" in detail; // dispatched by `show`
  const node = isShown ? detail.node : findNode(nodeId);
  if (!isShown) lastTexts.set(String(nodeId), { text, node });
  // The frontend finds the node by its id alone, also in the workflow of another tab, where it may be a note.
  if (node?.isVirtualNode) setTimeout(() => node.removeWidget(findText(node)));
  if (!isOurs(node)) return;
  // Delayed, because the frontend's own listener has to add the widget first.
  setTimeout(() => {
    // The frontend of ComfyUI 0.8.0 finds no node inside a subgraph.
    if (!isShown && String(nodeId).includes(":")) show(node, text);
    else arrange(node, text);
  });
}

function clear(node) {
  const widget = isOurs(node) && findText(node);
  if (!widget) return;
  widget.value = " ";
  arrange(node, " ");
}

// Frontends from 1.58 on remove the texts when a run ends. The last texts of our nodes are shown again, because they
// tell the outcome.
function restoreTexts() {
  for (const [nodeId, { text }] of lastTexts) {
    const node = findNode(nodeId);
    if (!isOurs(node) || !text.trim() || findText(node)) continue;
    show(node, text);
  }
}

// Texts that came while another graph was open are shown when the graph of their node opens.
function showMissed() {
  // Another workflow may have a node of the same id.
  for (const [nodeId, { text, node }] of lastTexts)
    if (isOurs(node) && findNode(nodeId) === node && text.trim()) show(node, text);
}

app.registerExtension({
  name: "DirectAscent.ProgressText",

  setup() {
    app.api.addEventListener("execution_start", () => {
      lastTexts.clear();
      clear(failed);
    });
    app.api.addEventListener("executing", ({ detail: nodeId }) => nodeId && clear(findNode(nodeId)));
    app.api.addEventListener("execution_error", ({ detail }) => {
      failed = findNode(detail.node_id);
    });
    app.api.addEventListener("progress_text", onText);
    // Delayed, because the frontend's own listeners have to run first.
    for (const end of ENDS) app.api.addEventListener(end, () => setTimeout(restoreTexts));
    app.canvas.canvas.addEventListener("litegraph:set-graph", () => setTimeout(showMissed));
  },

  // Newer frontends call this when the user returns to a workflow tab, after its nodes have been created anew.
  onNodeOutputsUpdated(outputs) {
    for (const [id, result] of Object.entries(outputs)) {
      const node = findNode(id);
      const text = result?.[ASCENT]?.[0]?.text;
      if (text && isOurs(node) && !findText(node)) show(node, text);
    }
  },
});
