// Steers Optimize while it climbs, by the panel of web/steer_panel.js. The server's half is in nodes/bridge/controls.py
// and nodes/ascent/steering.py.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { findNode } from "./find_node.js";
import "./finish_now.js"; // first, so that the panel stands below its button
import { Panel, sendAct } from "./steer_panel.js";

const NODE = "DAS_Optimize";
const RESULT = "das_ascent"; // what the node has among its results: which ascent has ended
const PREVIEW = "b_preview_with_metadata"; // the event with which the page learns of a preview
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
// the panel. A preview of a workflow that is not open waits for its panel; that of a subgraph that is not open is shown
// on the subgraph's node, too. A page that was loaded again in the midst of a run asks what the ascent is.
api.addEventListener(PREVIEW, (event) => {
  const { nodeId, blob, jobId, promptId } = event.detail; // The name of the last one depends on the version of the page.
  const panel = findPanel(nodeId);
  if (!panel && !told.has(nodeId)) return;
  event.stopImmediatePropagation();
  panel?.load(blob);
  if (told.has(nodeId)) previews.set(nodeId, blob);
  else sendAct({ node_id: nodeId, prompt_id: jobId ?? promptId }, null);
  const outer = String(nodeId).split(":").slice(0, -1).join(":");
  if (outer && panel?.isAway)
    api.dispatchCustomEvent(PREVIEW, { ...event.detail, nodeId: outer, displayNodeId: outer });
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
