// The text that a running node shows: how far it is, how long it took, what it did not understand.

import { app } from "../../scripts/app.js";

const PREFIX = "DAS_";
const TEXT_WIDGET = "$$node-text-preview";
const ENDS = ["execution_success", "execution_error", "execution_interrupted"];

const lastTexts = new Map();

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
    app.api.addEventListener("progress_text", ({ detail }) => lastTexts.set(String(detail.nodeId), detail.text));
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
