// Nodes that show their results: gives new ones room for it, and shows the text of those whose result is a text.
// ComfyUI's page draws the images of all nodes, but texts only of its own.

import { app } from "../../scripts/app.js";
import { findNode } from "./find_node.js";

// The least width and height of a new node. Without it, those that have no widgets are 140 pixels wide, where no chart is
// legible, and tall charts are drawn narrow.
const SIZES = {
    DAS_Classify: [300, 0],
    DAS_Similarity: [300, 0],
    DAS_ObjectiveScore: [300, 0],
    DAS_PlotHistory: [300, 290],
    DAS_Spectrum: [300, 420],
    DAS_StackLevels: [300, 450],
    DAS_ListLayers: [560, 0],
    DAS_SaveStack: [300, 0],
};
// The height of the texts of nodes whose result is one, and those whose lines break: a table's must not.
const TEXT_HEIGHTS = { DAS_ListLayers: 180, DAS_SaveStack: 40 };
const FLOWING = new Set(["DAS_SaveStack"]);
const WIDGET = "result";

function addTextWidget(node, height, flows) {
    const area = document.createElement("textarea");
    area.readOnly = true;
    area.wrap = flows ? "soft" : "off";
    area.spellcheck = false;
    area.dataset.dasResult = "";
    // The columns of a table stand below each other in a monospaced font only.
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
    // What is scrolled or selected here must not zoom or drag the canvas.
    for (const event of ["wheel", "pointerdown"]) area.addEventListener(event, (e) => e.stopPropagation());
    const widget = node.addDOMWidget(WIDGET, "das_text_result", area, {
        serialize: false, // not an input of the node: it stays out of the prompt,
        getMinHeight: () => height,
        getValue: () => area.value,
        setValue: (text) => {
            area.value = text;
        },
    });
    widget.serialize = false; // and out of the workflow file.
}

function grow(node, [minWidth, minHeight]) {
    const [width, height] = node.computeSize();
    node.setSize([Math.max(node.size[0], width, minWidth), Math.max(node.size[1], height, minHeight)]);
}

function showText(node, result) {
    const widget = node.widgets?.find((candidate) => candidate.name === WIDGET);
    if (widget && result?.text) widget.value = [result.text].flat().join("\n");
}

app.registerExtension({
    name: "DirectAscent.Results",
    beforeRegisterNodeDef(nodeType, nodeData) {
        const size = SIZES[nodeData.name];
        if (!size) return;
        const textHeight = TEXT_HEIGHTS[nodeData.name];
        const { onNodeCreated, onConfigure, onExecuted } = nodeType.prototype;
        nodeType.prototype.onNodeCreated = function () {
            onNodeCreated?.apply(this, arguments);
            // Now, and not when there is a text: Nodes 2.0 of older pages draws no widget that comes later.
            if (textHeight) addTextWidget(this, textHeight, FLOWING.has(nodeData.name));
            grow(this, size);
        };
        if (!textHeight) return;
        nodeType.prototype.onConfigure = function () {
            onConfigure?.apply(this, arguments);
            grow(this, size); // workflow files of earlier versions have a node without room for the text
        };
        nodeType.prototype.onExecuted = function (result) {
            onExecuted?.apply(this, arguments);
            showText(this, result);
        };
    },
    // Newer pages call this when one comes back to a tab, whose nodes are made anew then.
    onNodeOutputsUpdated(outputs) {
        for (const [id, result] of Object.entries(outputs)) {
            const node = findNode(id);
            if (node?.type in TEXT_HEIGHTS) showText(node, result);
        }
    },
});
