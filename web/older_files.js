// Keeps the pictures of workflow files of former versions, which have no values for the widgets that came later: the page
// fills these with the defaults of today, which make other pictures. They are set to what changes nothing instead.
import { app } from "../../scripts/app.js";

// By node, the later widgets and the values that change nothing.
const NEUTRAL = {
    DAS_Augmentation: { color_shift: 0, grayscale: 0 },
    DAS_Optimize: { focus: "everywhere", "focus.emphasis": 0, denoise: "off" },
};

app.registerExtension({
    name: "DirectAscent.OlderFiles",
    beforeRegisterNodeDef(nodeType, nodeData) {
        const neutral = NEUTRAL[nodeData.name];
        if (!neutral) return;
        const { onConfigure } = nodeType.prototype;
        nodeType.prototype.onConfigure = function (saved) {
            onConfigure?.apply(this, arguments);
            const values = saved?.widgets_values;
            if (!Array.isArray(values)) return;
            const names = this.widgets.filter((widget) => widget.serialize !== false).map((widget) => widget.name);
            for (const [name, value] of Object.entries(neutral)) {
                // A choice that is set takes the widgets of the former choice away.
                const widget = this.widgets.find((widget) => widget.name === name);
                if (widget && names.indexOf(name) >= values.length) widget.value = value;
            }
        };
    },
});
