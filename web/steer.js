// Steers Optimize while it climbs: a panel on the node has a slider for each objective, and shows the live preview, in
// which one places the focus, protects what a brush covers, or chooses an image of a batch. After a run, Larger goes on
// at twice the size. The server's half is in nodes/bridge/controls.py and nodes/ascent/steering.py.
//
// What was steered is the value of the hidden input `acts`. Workflow files store the values of widgets by position, so
// this one is stored as a property of the node instead.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { findNode } from "./find_node.js";
import "./finish_now.js"; // first, so that the panel stands below its button
import { Picture } from "./steer_picture.js";

const NODE = "DAS_Optimize";
const PROPERTY = "das_acts";
const ENDS = ["execution_success", "execution_error", "execution_interrupted"];
const CONTROL = "control_after_generate"; // the widget that changes the seed before it after a run
const GAP = 4;
const MARGIN = 10; // around an element on a node, as the page sets it

// The words of the panel, and in other languages.
const ENGLISH = {
  focus: "focus",
  protect: "protect",
  choose: "choose",
  larger: "Larger",
  clear: "clear",
  acts: "acts",
};
const WORDS = {
  zh: { focus: "焦点", protect: "保护", choose: "选择", larger: "放大", clear: "清除", acts: "操作" },
  ja: { focus: "焦点", protect: "保護", choose: "選ぶ", larger: "拡大", clear: "消去", acts: "操作" },
  ko: { focus: "초점", protect: "보호", choose: "선택", larger: "더 크게", clear: "지우기", acts: "조작" },
  fr: { focus: "foyer", protect: "protéger", choose: "choisir", larger: "Agrandir", clear: "effacer", acts: "actes" },
};
const TIPS = {
  focus: "Click into the picture: from there it grows.",
  protect: "Paint over what stays as it is.",
  choose: "Click on the image that goes on; the others stay as they are.",
  larger: "Go on at twice the size, for a third of the steps.",
  clear: "Forget what was steered, for a run without it.",
  slider: "How much it counts. 0: not at all. 1: as its weight says. 3: three times as much.",
};

const panels = new WeakMap(); // from a node to its panel
let running = new Set(); // the panels whose nodes run
// What the server has told of the runs that are going on, by node id: a tab that is opened again makes its nodes anew.
const told = new Map();

function say(word) {
  return (WORDS[app.ui.settings.getSettingValue("Comfy.Locale")] ?? ENGLISH)[word];
}

function warn(detail) {
  app.extensionManager?.toast?.add({ severity: "warn", summary: NODE.slice(4), detail, life: 6000 });
}

function make(tag, style, more = {}) {
  const element = Object.assign(document.createElement(tag), more);
  Object.assign(element.style, style);
  return element;
}

function makeButton(word, act) {
  const style = { padding: "2px 8px", border: "none", borderRadius: "4px", cursor: "pointer", font: "inherit" };
  const button = make("button", style, { textContent: say(word), title: TIPS[word], onclick: act });
  Object.assign(button.style, { color: "var(--input-text)", background: "var(--comfy-input-bg)" });
  button.dataset.dasSteer = word;
  return button;
}

class Panel {
  constructor(node) {
    this.node = node;
    this.state = null; // what the server has told of the last run
    this.mode = null; // what the mouse does in the preview: focus, protect or choose
    this.prompt = {}; // what the last run was queued with: a promise of the inputs of each node, by its id
    this.before = new Map(); // what became of seeds after a run, before something was steered
    this.height = 0;
    this.element = make("div", { display: "flex", flexDirection: "column", gap: `${GAP}px`, overflow: "hidden" });
    Object.assign(this.element.style, { font: "11px sans-serif", color: "var(--input-text)" });
    const row = { gap: `${GAP}px`, alignItems: "center", flexWrap: "wrap" };
    this.sliders = make("div", { gap: "2px 6px", gridTemplateColumns: "minmax(0, 1fr) minmax(0, 1fr) 2em" });
    this.modes = make("div", row);
    this.after = make("div", row);
    this.picture = new Picture(
      (image, ...place) => (this.mode === "choose" ? this.steer("choose", [image]) : this.steer("place", ...place)),
      (stroke) => this.steer("protect", [stroke]),
      () => this.fit(),
    );
    this.element.append(this.sliders, this.modes, this.picture.canvas, this.after);
    // Sliding and painting must not zoom or drag the graph.
    for (const event of ["pointerdown", "wheel"]) this.element.addEventListener(event, (e) => e.stopPropagation());
    const getHeight = () => this.height && this.height + 2 * MARGIN;
    const options = { serialize: false, getMinHeight: getHeight, getMaxHeight: getHeight };
    this.widget = node.addDOMWidget("steer", "das_steer", this.element, options);
    this.widget.serialize = false;
    const acts = this.find("acts");
    if (acts) {
      acts.serialize = false;
      acts.serializeValue = () => this.acts || undefined; // Not in the prompt: it is optional.
    }
    this.show();
  }

  find(name) {
    return this.node.widgets?.find((widget) => widget.name === name);
  }

  // The text of the acts. It may come with the workflow of a stranger: the server says what is wrong with it.
  get acts() {
    return String(this.node.properties[PROPERTY] ?? "");
  }

  listActs() {
    try {
      const acts = JSON.parse(this.acts);
      return Array.isArray(acts) ? acts : [];
    } catch {
      return [];
    }
  }

  get isRunning() {
    return running.has(this);
  }

  // What the server tells when an ascent begins, when it was steered, and when it ends.
  follow(state) {
    if (!this.isRunning) this.mode = null;
    running.add(this);
    if (state.prompt_id !== this.state?.prompt_id) this.prompt = findPrompt(state.prompt_id);
    this.state = state;
    this.picture.sheet = state;
    if (state.acts) this.keep(state.acts);
    if (state.refused.length) warn(state.refused.join("\n"));
    this.show();
  }

  // Keeps acts, and the seeds of the run to which they belong: another picture would need other acts.
  async keep(acts) {
    this.node.properties[PROPERTY] = acts;
    for (const [id, { inputs }] of Object.entries(await this.prompt)) {
      const widgets = findNode(id)?.widgets ?? [];
      widgets.forEach((control, place) => {
        const seed = widgets[place - 1];
        if (control.name !== CONTROL || typeof inputs[seed?.name] !== "number") return;
        seed.value = inputs[seed.name];
        if (!this.before.has(control)) this.before.set(control, control.value);
        control.value = "fixed";
      });
    }
  }

  clear() {
    this.node.properties[PROPERTY] = "";
    for (const [control, value] of this.before) control.value = value;
    this.before.clear();
    this.show();
  }

  async enlarge() {
    await this.keep(JSON.stringify([...this.listActs(), [this.state.done, "larger"]]));
    this.show();
    app.queuePrompt(0);
  }

  async steer(...act) {
    const { node_id, prompt_id } = this.state;
    const answer = await api.fetchApi("/direct_ascent/act", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ node_id, prompt_id, act }),
    });
    const { refused } = answer.ok ? await answer.json() : { refused: await answer.text() };
    if (refused) warn(refused);
  }

  show() {
    const { state, isRunning } = this;
    const names = isRunning ? Object.keys(state.factors) : [];
    this.showSliders(names.length > 1 ? names : []);
    this.modes.replaceChildren(...(isRunning ? this.listModes() : []));
    this.after.replaceChildren(...(isRunning ? [] : this.listAfter()));
    for (const part of [this.sliders, this.modes, this.after])
      part.style.display = part.childElementCount ? (part === this.sliders ? "grid" : "flex") : "none";
    this.picture.isOpen = Boolean(isRunning && this.mode);
    this.picture.paints = this.mode === "protect";
    this.picture.draw();
    this.fit();
  }

  listModes() {
    const { focus, paints, images, chosen } = this.state;
    const modes = { focus, protect: paints, choose: images > 1 && chosen.length > 1 };
    return Object.keys(modes)
      .filter((mode) => modes[mode])
      .map((mode) => {
        const button = makeButton(mode, () => {
          this.mode = this.mode === mode ? null : mode;
          this.show();
        });
        if (this.mode === mode) button.style.boxShadow = "inset 0 0 0 1px currentColor";
        return button;
      });
  }

  listAfter() {
    const parts = this.state?.done && this.state.enlarges ? [makeButton("larger", () => this.enlarge())] : [];
    if (!this.acts) return parts;
    const count = make(
      "span",
      { marginLeft: "auto" },
      {
        textContent: `${say("acts")}: ${this.listActs().length}`,
        title: "What you did; the next Run does it again.",
      },
    );
    return [...parts, count, makeButton("clear", () => this.clear())];
  }

  showSliders(names) {
    const known = [...this.sliders.querySelectorAll("input")];
    if (known.map((slider) => slider.name).join("\n") !== names.join("\n"))
      this.sliders.replaceChildren(...names.flatMap((name) => this.makeSlider(name)));
    for (const slider of this.sliders.querySelectorAll("input"))
      if (slider !== document.activeElement) this.slide(slider, this.state.factors[slider.name]);
  }

  makeSlider(name) {
    const style = { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" };
    const label = make("span", style, { textContent: name, title: name });
    const more = { type: "range", min: 0, max: 3, step: 0.1, name, title: TIPS.slider };
    const slider = make("input", { width: "100%", minWidth: 0, margin: 0 }, more);
    slider.addEventListener("input", () => this.slide(slider, slider.value));
    slider.addEventListener("change", () => {
      slider.blur();
      this.steer("weigh", name, Number(slider.value));
    });
    return [label, slider, make("span", {})];
  }

  slide(slider, factor) {
    slider.value = factor;
    slider.nextSibling.textContent = Number(factor).toFixed(1);
  }

  // Makes the node as much taller or smaller as the panel.
  fit() {
    const parts = [...this.element.children].filter((part) => part.style.display !== "none");
    const height = parts.reduce((sum, part) => sum + part.offsetHeight + GAP, 0);
    if (height === this.height) return;
    const { node } = this;
    const before = this.widget.options.getMinHeight();
    this.height = height;
    const grown = this.widget.options.getMinHeight() - before;
    this.element.style.minHeight = `${height}px`;
    node.setSize([node.size[0], node.size[1] + grown]);
    node.setDirtyCanvas?.(true, true);
  }
}

// The inputs of all nodes of a run. Those on the page have changed since: seeds change as soon as a run is queued.
async function findPrompt(promptId) {
  const queue = await (await api.fetchApi("/queue")).json();
  return queue.queue_running.find(([, id]) => id === promptId)?.[2] ?? {};
}

function findPanel(nodeId) {
  return panels.get(findNode(nodeId));
}

app.registerExtension({
  name: "DirectAscent.Steer",

  setup() {
    api.addEventListener("direct_ascent.acts", ({ detail }) => {
      told.set(detail.node_id, detail);
      findPanel(detail.node_id)?.follow(detail);
    });
    api.addEventListener("b_preview_with_metadata", ({ detail }) =>
      findPanel(detail.nodeId)?.picture.load(detail.blob),
    );
    for (const end of ENDS)
      api.addEventListener(end, () => {
        const over = running;
        running = new Set();
        told.clear();
        for (const panel of over) panel.show();
      });
  },

  nodeCreated(node) {
    if (node.comfyClass === NODE) panels.set(node, new Panel(node));
  },

  // A workflow was opened: its nodes have their properties now.
  loadedGraphNode(node) {
    const panel = panels.get(node);
    const state = panel && [...told.values()].find(({ node_id }) => findNode(node_id) === node);
    if (state) panel.follow(state);
    else panel?.show();
  },
});
