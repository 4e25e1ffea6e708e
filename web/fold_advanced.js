// Folds the advanced widgets away in the classic renderer too, and lets a node be as tall as the widgets that it shows.
// Nodes 2.0 folds them by itself, but both renderers take the least height of a node from `computeSize`, which would
// count them: an Optimize whose recipe is custom would be mostly empty. "Show Advanced" in the menu of a node shows them.

import { app } from "../../scripts/app.js";

const NO_HEIGHT = () => [0, -4]; // the classic renderer adds 4 pixels to every widget

app.registerExtension({
  name: "DirectAscent.FoldAdvanced",
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("DAS_")) return;
    const { computeSize } = node;
    // The page calls this whenever a choice has brought other widgets, or the advanced ones are shown or hidden.
    node.computeSize = function (out) {
      const folded = (this.widgets ?? []).filter((widget) => widget.options?.advanced);
      // A linked widget is what happens to a seed after a run.
      for (const widget of folded.flatMap((one) => [one, ...(one.linkedWidgets ?? [])])) {
        widget.advanced = true;
        if (this.showAdvanced) delete widget.computeSize;
        else widget.computeSize = NO_HEIGHT;
      }
      return computeSize.call(this, out);
    };
    node.setSize([node.size[0], node.computeSize()[1]]);
  },
});
