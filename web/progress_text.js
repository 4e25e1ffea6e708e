// The text that a running node shows stays out of workflow files. The page of ComfyUI 0.8.0 would store it behind the
// values of the widgets, which files keep by position: there it could be taken for the value of an input to come.

import { app } from "../../scripts/app.js";

app.registerExtension({
  name: "DirectAscent.ProgressText",

  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("DAS_")) return;
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
