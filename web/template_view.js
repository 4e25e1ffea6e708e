// Shows a newly opened template of this pack with the zoom and the position that its file stores. The page itself would
// fit the whole workflow into the window, which makes large workflows too small to read. Template files have a mark,
// `direct_ascent`, which is removed here, so that only newly opened templates are moved.
import { app } from "../../scripts/app.js";

app.registerExtension({
  name: "DirectAscent.TemplateView",
  afterConfigureGraph() {
    const extra = app.graph.extra;
    if (extra?.direct_ascent !== "template") return;
    delete extra.direct_ascent;
    app.canvas.ds.scale = extra.ds.scale;
    app.canvas.ds.offset = [...extra.ds.offset];
    app.canvas.setDirty(true, true);
  },
});
