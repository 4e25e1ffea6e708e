// Steers Optimize while it climbs, by the panel of web/steer_panel.js. The server's half is in nodes/bridge/controls.py
// and nodes/ascent/steering.py.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { findNode } from "./find_node.js";
import "./finish_now.js"; // first, so that the panel stands below its button
import { Panel } from "./steer_panel.js";

const NODE = "DAS_Optimize";
const RESULT = "das_ascent"; // what the node has among its results: which ascent has ended
const ENDS = ["execution_success", "execution_error", "execution_interrupted"];

const panels = new WeakMap(); // from a node to its panel
// What the server has told of the runs that are going on, by node id, and the last preview of each: a tab that is opened
// again makes its nodes anew.
const told = new Map();
const previews = new Map();

function findPanel(nodeId) {
  return panels.get(findNode(nodeId));
}

function end(nodeId, result) {
  const [ended] = result?.[RESULT] ?? [];
  if (ended) findPanel(nodeId)?.end(ended);
}

// Here and not in `setup`, so that it comes before the page's own listener, which would show the picture once more below
// the panel. A preview that the panel cannot show, as inside a subgraph that is not open, stays with the page; one of a
// workflow that is not open waits for its panel.
api.addEventListener("b_preview_with_metadata", (event) => {
  const { nodeId, blob } = event.detail;
  if (told.has(nodeId)) previews.set(nodeId, blob);
  const waits = told.has(nodeId) && !findNode(nodeId);
  if (waits || findPanel(nodeId)?.watch(blob)) event.stopImmediatePropagation();
});

app.registerExtension({
  name: "DirectAscent.Steer",

  setup() {
    api.addEventListener("direct_ascent.acts", ({ detail }) => {
      told.set(detail.node_id, detail);
      findPanel(detail.node_id)?.follow(detail);
    });
    api.addEventListener("executed", ({ detail }) => end(detail.display_node ?? detail.node, detail.output));
    for (const over of ENDS)
      api.addEventListener(over, () => {
        for (const nodeId of told.keys()) findPanel(nodeId)?.rest();
        told.clear();
        previews.clear();
      });
  },

  nodeCreated(node) {
    if (node.comfyClass === NODE) panels.set(node, new Panel(node));
  },

  // A workflow was opened: its nodes have their properties now.
  loadedGraphNode(node) {
    const panel = panels.get(node);
    const state = panel && [...told.values()].find(({ node_id }) => findNode(node_id) === node);
    if (!state) {
      panel?.show();
      return;
    }
    panel.follow(state);
    if (previews.has(state.node_id)) panel.load(previews.get(state.node_id));
  },

  // Newer frontends call this when the user returns to a workflow tab, after its nodes have been created anew.
  onNodeOutputsUpdated(outputs) {
    for (const [id, result] of Object.entries(outputs)) end(id, result);
  },
});
