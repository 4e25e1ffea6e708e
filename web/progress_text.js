// The text that a running node shows: how far it is, how long it took, what it did not understand.

import { app } from "../../scripts/app.js";

const PREFIX = "DAS_";
const TEXT_WIDGET = "$$node-text-preview";
const ENDS = ["execution_success", "execution_error", "execution_interrupted"];

const LETTERS = 34, LINES = 2; // of a text that a node shows without growing, in the classic page
const LINE_HEIGHT = 16, BORDER = 26;

const lastTexts = new Map();
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

function onText({ detail }) {
  lastTexts.set(String(detail.nodeId), detail.text);
  const node = app.graph.getNodeById(detail.nodeId);
  // After the page's own listener, which adds the widget. Nodes 2.0 makes the room by itself.
  if (node?.comfyClass?.startsWith(PREFIX) && !LiteGraph.vueNodesMode) setTimeout(() => makeRoom(node, detail.text));
}

// Pages since frontend 1.58 take the texts away when a run ends; what our nodes have said last is worth reading then.
function restoreTexts() {
  for (const [nodeId, text] of lastTexts) {
    const node = app.graph.getNodeById(nodeId);
    if (!node?.comfyClass?.startsWith(PREFIX) || !text.trim()) continue;
    if (node.widgets?.some((widget) => widget.name === TEXT_WIDGET)) continue;
    app.api.dispatchCustomEvent("progress_text", { nodeId, text });
  }
}

app.registerExtension({
  name: "DirectAscent.ProgressText",

  setup() {
    app.api.addEventListener("execution_start", () => lastTexts.clear());
    app.api.addEventListener("progress_text", onText);
    // After the page's own listeners.
    for (const end of ENDS) app.api.addEventListener(end, () => setTimeout(restoreTexts));
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
