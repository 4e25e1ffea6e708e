// Shows a freshly opened template of this pack at the zoom and place in its file. The page would show all of it, which
// makes large workflows too small to read. The mark is removed, so that nothing else is ever moved.
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
