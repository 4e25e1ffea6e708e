// The panel with which one steers Optimize: a slider for each objective, and the live preview, in which one chooses an
// image of a batch, places the focus, or protects what a brush covers. After a run, More climbs on for as many steps
// again, and Larger at twice the size.
//
// What was steered is the value of the hidden input `acts`. Workflow files store the values of widgets by position, so
// this one is stored as a property of the node instead.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { findNode } from "./find_node.js";
import { Picture } from "./steer_picture.js";

const PROPERTY = "das_acts";
const SEEDS = "das_seeds"; // a property: what became of seeds after a run, before something was steered
const CONTROL = "control_after_generate"; // the widget that changes the seed before it after a run
const GAP = 4;
const MARGIN = 10; // around an element on a node, as the page sets it

// The words of the panel, and in other languages.
const WORDS = ["focus", "protect", "choose", "more", "larger", "undo", "anew", "weigh", "repeats", "seed"];
const TEXTS = {
  en: ["focus", "protect", "choose", "More", "Larger", "undo", "a new one", "slider", "Run makes it again", "seed"],
  zh: ["焦点", "保护", "选择", "继续", "放大", "撤销", "换一幅", "滑块", "运行会得到同一幅", "种子"],
  ja: ["焦点", "保護", "選ぶ", "続ける", "拡大", "元に戻す", "新しい絵", "スライダー", "実行すると同じ絵", "シード"],
  ko: ["초점", "보호", "선택", "더 진행", "더 크게", "실행 취소", "새 그림", "슬라이더", "실행하면 같은 그림", "시드"],
  fr: [
    "foyer",
    "protéger",
    "choisir",
    "Continuer",
    "Agrandir",
    "annuler",
    "une autre",
    "curseur",
    "Exécuter la refait",
    "graine",
  ],
};
const TIPS = {
  focus: "Click into the picture: from there it grows.",
  protect: "Paint over what stays as it is. The wheel makes the brush larger or smaller.",
  choose: "Click on the image that goes on; the others stay as they are.",
  more: "Climb on from this picture, for as many steps again.",
  larger: "Go on at twice the size, for a third of the steps.",
  undo: "Forget the last act; the next Run does the others again.",
  anew: "Make another picture: without what was steered, and with another seed.",
  slider: "How much it counts. 0: not at all. 1: as its weight says. 3: three times. After a run: for More and Larger.",
};

const ANEW =
  "A setting has changed, or the picture is not in memory any more: the run begins again from its first step. With other settings it makes another picture.";

function say(word) {
  const texts = TEXTS[app.extensionManager.setting.get("Comfy.Locale")] ?? TEXTS.en;
  return texts[WORDS.indexOf(word)];
}

function warn(detail) {
  app.extensionManager?.toast?.add({ severity: "warn", summary: "Direct Ascent Optimize", detail, life: 6000 });
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

// Reads a list that was stored as JSON. It may come with the workflow of a stranger: the server says what is wrong.
function readList(text) {
  try {
    const list = JSON.parse(text);
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

export class Panel {
  constructor(node) {
    this.node = node;
    this.state = null; // what the server tells of the run that is going on
    this.last = null; // what it has told last
    this.ended = null; // what it has told of the run that is over: its steps, picture, last state, whether it can be larger
    this.asked = false; // whether More or Larger was pressed, and its run has not begun
    this.mode = null; // what the mouse does in the preview: focus, protect or choose
    this.prompt = {}; // what the run was queued with: a promise of the inputs of each node, by its id
    this.height = 0;
    const column = { display: "flex", flexDirection: "column", gap: `${GAP}px`, height: "100%", overflow: "hidden" };
    this.element = make("div", { ...column, font: "11px sans-serif", color: "var(--input-text)" });
    const row = { gap: `${GAP}px`, alignItems: "center", flexWrap: "wrap" };
    this.sliders = make("div", { gap: "2px 6px", gridTemplateColumns: "minmax(0, 1fr) minmax(0, 1fr) 3em" });
    this.modes = make("div", row);
    this.after = make("div", row);
    this.picture = new Picture(
      (image, ...place) => (this.mode === "choose" ? this.steer("choose", [image]) : this.steer("place", ...place)),
      (stroke) => this.steer("protect", [stroke]),
    );
    // What comes and goes during a run stands below the picture, which keeps its place.
    this.element.append(this.sliders, this.modes, this.picture.canvas, this.after);
    // Sliding and painting must not zoom or drag the graph.
    const isAct = ({ target }) => target !== this.picture.canvas || this.mode;
    for (const event of ["pointerdown", "wheel"])
      this.element.addEventListener(event, (e) => isAct(e) && e.stopPropagation());
    const getHeight = () => this.height && this.height + 2 * MARGIN;
    this.widget = node.addDOMWidget("steer", "das_steer", this.element, {
      serialize: false,
      hideOnZoom: false,
      getMinHeight: getHeight,
      getMaxHeight: () => (this.picture.isOpen ? undefined : getHeight()),
    });
    this.widget.serialize = false;
    const acts = this.find("acts");
    if (acts) {
      acts.hidden = true; // Older pages do not know that by themselves.
      acts.serialize = false;
      acts.serializeValue = () => this.acts || undefined; // Not in the prompt: it is optional.
    }
    this.show();
  }

  find(name) {
    return this.node.widgets?.find((widget) => widget.name === name);
  }

  get acts() {
    return String(this.node.properties[PROPERTY] ?? "");
  }

  // What the server tells when an ascent begins, when it was steered, and when it ends.
  follow(state) {
    const isNew = state.prompt_id !== this.state?.prompt_id;
    this.state = state;
    this.ended = null;
    if (isNew) {
      this.prompt = findPrompt(state.prompt_id);
      this.mode = this.listModes().includes("choose") ? "choose" : null;
    }
    if (state.acts) this.keep(state.acts);
    if (isNew && this.asked && state.goes_on) warn(ANEW);
    if (isNew) this.asked = false;
    if (state.refused.length) warn(state.refused.join("\n"));
    this.show();
  }

  // Whether the graph of the node is not open.
  get isAway() {
    return this.node.graph !== app.canvas.graph;
  }

  // Shows a preview, or the finished picture.
  async load(blob) {
    await this.picture.load(blob);
    this.show();
  }

  // No run is going on any more.
  rest() {
    this.state = null;
    this.show();
  }

  // The node has a result.
  async end(ended) {
    this.ended = ended;
    this.last = ended.state;
    this.prompt = findPrompt(ended.prompt_id); // In a tab that was opened again nothing else tells it.
    this.rest();
    const answer = await api.fetchApi(`/view?${new URLSearchParams(ended.image)}`);
    if (answer.ok && this.ended === ended) await this.load(await answer.blob());
  }

  // Keeps acts, and the seeds of the run to which they belong: another picture would need other acts.
  async keep(acts) {
    const { properties } = this.node;
    properties[PROPERTY] = acts;
    for (const [id, { inputs }] of Object.entries(await this.prompt)) {
      for (const [seed, control] of listSeeds(id)) {
        if (typeof inputs[seed.name] !== "number") continue;
        seed.value = inputs[seed.name];
        const key = `${id} ${seed.name}`;
        properties[SEEDS] = { [key]: control.value, ...properties[SEEDS] };
        control.value = "fixed";
      }
    }
    this.show();
  }

  // Forgets what was steered; `anew`: for another picture.
  clear(anew = false) {
    const { properties } = this.node;
    for (const [key, value] of Object.entries(properties[SEEDS] ?? {})) {
      const [id, name] = key.split(" ");
      const [seed, control] = listSeeds(id).find(([seed]) => seed.name === name) ?? [];
      if (!control?.options.values?.includes(value)) continue;
      control.value = value;
      // It changes the seed after a run only, and the next run has to have another one.
      if (anew && value === "randomize") seed.value = Math.floor(Math.random() * 2 ** 50);
    }
    properties[PROPERTY] = "";
    delete properties[SEEDS];
    this.show();
  }

  undo() {
    const acts = readList(this.acts).slice(0, -1);
    if (!acts.length) return this.clear();
    this.node.properties[PROPERTY] = JSON.stringify(acts);
    this.show();
  }

  async goOn(scale) {
    if (!this.goesOn) return; // A double click goes on once.
    const { done, state } = this.ended;
    const moved = Object.entries(this.last.factors).filter(([name, factor]) => factor !== state.factors[name]);
    const acts = [[done, "go_on", scale], ...moved.map((slid) => [0, "weigh", ...slid])];
    await this.keep(JSON.stringify([...readList(this.acts), ...acts]));
    this.asked = true;
    app.queuePrompt(0);
  }

  // Once acts are taken back, another picture than this one would go on.
  get goesOn() {
    return !this.state && this.ended?.state.acts === this.acts;
  }

  async steer(...act) {
    if (this.goesOn && act[0] === "weigh") this.last = foresee(this.last, act); // More and Larger go on with it.
    if (!this.state) return; // The run has ended in the midst of a stroke.
    const before = this.state;
    const expected = foresee(before, act);
    this.state = expected;
    this.show();
    const answer = await sendAct(before, act);
    const { refused } = answer.ok ? await answer.json() : { refused: await answer.text() };
    if (!refused) return;
    warn(refused);
    if (this.state !== expected) return;
    this.state = before;
    this.show();
  }

  show() {
    const { state, picture } = this;
    this.last = state ?? this.last;
    const names = Object.keys(this.last?.factors ?? {});
    this.showSliders(names.length > 1 ? names : []);
    if (!this.listModes().includes(this.mode)) this.mode = null;
    this.modes.replaceChildren(...this.listModes().map((mode) => this.makeMode(mode)));
    this.after.replaceChildren(...this.listAfter());
    for (const part of [this.sliders, this.modes, this.after])
      part.style.display = part.childElementCount ? (part === this.sliders ? "grid" : "flex") : "none";
    picture.acts = this.mode && { isStroke: this.mode === "protect" };
    // At the end, chosen images stay framed; nothing lies over what has become of them.
    picture.draw(this.last && { ...this.last, acts: state ? readList(state.acts).slice(0, state.so_far) : [] });
    picture.canvas.title = TIPS[this.mode] ?? "";
    this.fit();
  }

  listModes() {
    if (!this.state) return [];
    const { focus, paints, images, chosen } = this.state;
    const modes = { choose: images > 1 && chosen.length > 1, focus, protect: paints };
    return Object.keys(modes).filter((mode) => modes[mode]);
  }

  makeMode(mode) {
    const button = makeButton(mode, () => {
      this.mode = this.mode === mode ? null : mode;
      this.show();
    });
    if (this.mode === mode) button.style.boxShadow = "inset 0 0 0 1px currentColor";
    return button;
  }

  listAfter() {
    const parts = [];
    if (this.goesOn) {
      parts.push(makeButton("more", () => this.goOn(1)));
      parts.push(makeButton("larger", () => this.goOn(2)));
    }
    if (!this.acts) return parts;
    const seed = this.node.properties[SEEDS] ? `, ${say("seed")} ${this.find("seed").value}` : "";
    const textContent = `${say("repeats")}: ${countActs(readList(this.acts))}${seed}`;
    const title = "What you did. Run does it again, with the same seed: the same picture.";
    if (!this.state) {
      const undo = makeButton("undo", () => this.undo());
      undo.style.marginLeft = "auto";
      parts.push(
        undo,
        makeButton("anew", () => {
          this.clear(true);
          app.queuePrompt(0);
        }),
      );
    }
    return [...parts, make("span", { width: "100%" }, { textContent, title })];
  }

  showSliders(names) {
    const known = [...this.sliders.querySelectorAll("input")];
    if (known.map((slider) => slider.name).join("\n") !== names.join("\n"))
      this.sliders.replaceChildren(...names.flatMap((name) => this.makeSlider(name)));
    for (const slider of this.sliders.querySelectorAll("input")) {
      slider.disabled = !this.state && !this.goesOn; // Then it says what was set.
      if (slider !== document.activeElement) this.slide(slider, this.last.factors[slider.name]);
    }
  }

  makeSlider(name) {
    const label = make("span", { overflowWrap: "anywhere" }, { textContent: name });
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
    slider.nextSibling.textContent = `× ${Number(factor).toFixed(1)}`;
  }

  // Makes the node as tall as the panel needs, and as tall as before when the panel needs less.
  fit() {
    const { node, grown, picture } = this;
    const rows = [this.sliders, this.modes, this.after].filter((row) => row.style.display !== "none");
    const width = this.element.clientWidth || node.size[0] - 2 * MARGIN;
    const height = rows.reduce((sum, row) => sum + row.offsetHeight + GAP, 0) + picture.getHeight(width);
    if (height === this.height) return;
    this.height = height;
    this.element.style.minHeight = `${height}px`;
    // A height that the user has set since then is kept.
    const before = grown?.since === node.size[1] ? grown.before : node.size[1];
    const since = Math.max(before, node.computeSize()[1]);
    this.grown = { before, since };
    node.setSize([node.size[0], since]);
    node.setDirtyCanvas?.(true, true);
  }
}

// Sends an act to the node that runs; null asks it what the ascent is.
export function sendAct({ node_id, prompt_id }, act) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ node_id, prompt_id, act });
  return api.fetchApi("/direct_ascent/act", { method: "POST", headers, body });
}

// What the server will tell after an act, so that it is seen at once: it counts from the next step, which may take long.
function foresee(state, act) {
  if (act[0] === "choose") return { ...state, chosen: act[1] };
  if (act[0] === "weigh") return { ...state, factors: { ...state.factors, [act[1]]: act[2] } };
  const acts = [...readList(state.acts).slice(0, state.so_far), [0, ...act]];
  return { ...state, acts: JSON.stringify(acts), so_far: acts.length };
}

// What was done, each word once: "choose, protect (3), More".
function countActs(acts) {
  const counts = new Map();
  for (const act of acts) {
    const [, kind, scale] = Array.isArray(act) ? act : [];
    const word = { place: "focus", go_on: scale > 1 ? "larger" : "more" }[kind] ?? kind;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => `${say(word) ?? word}${count > 1 ? ` (${count})` : ""}`).join(", ");
}

// The seeds of a node that change after a run, each with the widget that changes it.
function listSeeds(nodeId) {
  const widgets = findNode(nodeId)?.widgets ?? [];
  const places = [...widgets.keys()].filter((place) => place > 0 && widgets[place].name === CONTROL);
  return places.map((place) => [widgets[place - 1], widgets[place]]);
}

// The inputs of all nodes of a run. Those on the page have changed since: seeds change as soon as a run is queued.
async function findPrompt(promptId) {
  const queue = await (await api.fetchApi("/queue")).json();
  const running = queue.queue_running.find(([, id]) => id === promptId);
  if (running) return running[2];
  const history = await (await api.fetchApi(`/history/${promptId}`)).json();
  return history[promptId]?.prompt[2] ?? {};
}
