// Makes room for results on new nodes that show their results, and shows the text on nodes whose result is a text.
// ComfyUI's page shows the images of all nodes, but the texts of its own nodes only.

import { app } from "../../scripts/app.js";
import { findNode } from "./find_node.js";

// The least width and height of a new node in pixels. Otherwise a node without widgets would be 140 pixels wide, too
// narrow for a legible chart, and tall charts would be drawn narrow.
const SIZES = {
  DAS_Classify: [300, 0],
  DAS_Similarity: [300, 0],
  DAS_Describe: [300, 0],
  DAS_ObjectiveScore: [300, 0],
  DAS_PlotHistory: [300, 290],
  DAS_StackLevels: [300, 450],
  DAS_ListLayers: [560, 0],
  DAS_FeatureAtlas: [400, 0],
  DAS_TeachJudge: [400, 0],
  DAS_SaveStack: [300, 0],
};
// TEXT_HEIGHTS: the nodes whose result is a text, each with the height of the text in pixels. FLOWING: those of them
// whose lines may wrap; the lines of a table must not.
const TEXT_HEIGHTS = {
  DAS_Describe: 150,
  DAS_ListLayers: 180,
  DAS_FeatureAtlas: 180,
  DAS_TeachJudge: 125,
  DAS_SaveStack: 40,
};
const FLOWING = new Set(["DAS_SaveStack"]);
const WIDGET = "result";

function addTextWidget(node, height, flows) {
  const area = document.createElement("textarea");
  area.readOnly = true;
  area.wrap = flows ? "soft" : "off";
  area.spellcheck = false;
  area.dataset.dasResult = "";
  // Monospaced, because only such a font aligns the columns of a table.
  Object.assign(area.style, {
    width: "100%",
    height: "100%",
    minHeight: `${height}px`,
    boxSizing: "border-box",
    padding: "4px 6px",
    border: "none",
    resize: "none",
    font: "11px/1.35 monospace",
    color: "var(--input-text)",
    background: "var(--comfy-input-bg)",
  });
  // Scrolling or selecting in the text must not zoom or drag the canvas.
  for (const event of ["wheel", "pointerdown"]) area.addEventListener(event, (e) => e.stopPropagation());
  const widget = node.addDOMWidget(WIDGET, "das_text_result", area, {
    serialize: false, // the text is not an input of the node, so it is not stored in the prompt
    getMinHeight: () => height,
    getValue: () => area.value,
    setValue: (text) => {
      area.value = text;
    },
  });
  widget.serialize = false; // it is not stored in the workflow file either
}

function grow(node, [minWidth, minHeight]) {
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width, minWidth), Math.max(node.size[1], height, minHeight)]);
}

function show(id, result) {
  const node = findNode(id);
  if (!(node?.comfyClass in TEXT_HEIGHTS) || !result?.text) return;
  const widget = node.widgets?.find((candidate) => candidate.name === WIDGET);
  if (widget) widget.value = [result.text].flat().join("\n");
}

app.registerExtension({
  name: "DirectAscent.Results",
  setup() {
    app.api.addEventListener("executed", ({ detail }) => show(detail.display_node ?? detail.node, detail.output));
  },
  nodeCreated(node) {
    const size = SIZES[node.comfyClass];
    if (!size) return;
    // Added now, before there is a text: in older frontends Nodes 2.0 draws no widget that is added later.
    const textHeight = TEXT_HEIGHTS[node.comfyClass];
    if (textHeight) addTextWidget(node, textHeight, FLOWING.has(node.comfyClass));
    grow(node, size);
  },
  // Newer frontends call this when the user returns to a workflow tab, after its nodes have been created anew.
  onNodeOutputsUpdated(outputs) {
    for (const [id, result] of Object.entries(outputs)) show(id, result);
  },
});
