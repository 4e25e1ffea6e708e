// Gives links and slots of this pack a colour by their type. ComfyUI has colours only for its own types.
import { app } from "../../scripts/app.js";

const COLORS = {
  DAS_CLASSIFIER: "#d178ff",
  DAS_CLIP: "#b39ddb",
  "DAS_CLASSIFIER,DAS_CLIP": "#c28bed",
  DAS_OBJECTIVE: "#9ccc65",
  DAS_STACK: "#4dd0e1",
  DAS_AUGMENTATION: "#26a69a",
  DAS_HISTORY: "#ffb74d",
  DAS_LOOK: "#f48fb1",
};

app.registerExtension({
  name: "DirectAscent.LinkColors",
  // Not in `setup`: the page sets the colours of its palette after it, and these would be lost.
  afterConfigureGraph() {
    Object.assign(app.canvas.default_connection_color_byType, COLORS);
    Object.assign(app.canvas.constructor.link_type_colors, COLORS);
    // Nodes 2.0, the newer renderer, takes the colours of slots from style sheets.
    for (const [type, color] of Object.entries(COLORS))
      document.documentElement.style.setProperty(`--color-datatype-${type}`, color);
  },
});
