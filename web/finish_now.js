// The button "Finish now" on Optimize. It ends the ascent; the result is the picture after the last complete step. The
// step that is running is abandoned, unless it is the first. The server's half of the button is in
// nodes/bridge/controls.py.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { findNode } from "./find_node.js";

const NODE = "DAS_Optimize";
const BUTTON = "Finish now";

// The label of the button in other languages. Its name stays English, because the page finds widgets by their names.
const LABELS = { zh: "立即完成", ja: "ここで完了", ko: "지금 완료", fr: "Terminer" };

// The nodes that are running, as far as the server has told this page: from the id of a node to the id of its prompt.
let running = new Map();

// From a node to its button, which is grey while there is nothing to finish.
const buttons = new Map();

function findRun(node) {
  for (const [nodeId, promptId] of running) if (findNode(nodeId) === node) return { nodeId, promptId };
  return null;
}

function tell(summary, detail) {
  app.extensionManager?.toast?.add({ severity: "info", summary, detail, life: 5000 });
}

async function finish(node) {
  const run = findRun(node);
  if (run) {
    const answer = await api.fetchApi("/direct_ascent/finish", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ node_id: run.nodeId, prompt_id: run.promptId }),
    });
    if (answer.ok && (await answer.json()).finishing) return;
  }
  tell("Nothing to finish", "Direct Ascent Optimize is not running. Press Finish now while it climbs.");
}

function setRunning(nodes) {
  running = nodes;
  for (const [node, button] of buttons) {
    if (node.graph) button.disabled = !findRun(node);
    else buttons.delete(node);
  }
  app.canvas?.setDirty(true, false);
}

app.registerExtension({
  name: "DirectAscent.FinishNow",

  setup() {
    // The server sends this at every step, to the page that queued the prompt.
    api.addEventListener("progress_state", ({ detail }) => {
      const states = Object.entries(detail.nodes).filter(([, node]) => node.state === "running");
      setRunning(new Map(states.map(([nodeId]) => [nodeId, detail.prompt_id])));
    });
    for (const end of ["execution_success", "execution_error", "execution_interrupted"])
      api.addEventListener(end, () => setRunning(new Map()));
  },

  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    // Workflow files store the values of widgets by position, so the button must come after them and not be stored.
    const button = node.addWidget("button", BUTTON, null, () => finish(node), { serialize: false });
    button.serialize = false;
    const label = LABELS[app.extensionManager.setting.get("Comfy.Locale")];
    if (label) button.label = `${label} (${BUTTON})`; // help pages use the English name
    button.tooltip = "End the ascent now, with the picture of the last whole step as its result. Cancel discards it.";
    button.disabled = true;
    buttons.set(node, button);
  },
});
