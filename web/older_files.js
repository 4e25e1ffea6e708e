// Renames inputs in workflow files of versions before 1.0 when they are opened: inputs that have moved into a
// DynamicCombo keep the values that the file has for them. moved_inputs.json lists the moved inputs.
// nodes/moved_inputs.py does the same for prompts that the server receives.
import { app } from "../../scripts/app.js";

const MOVED = await (await fetch(new URL("moved_inputs.json", import.meta.url))).json();
const OPTION = "custom";
const DYNAMIC = "COMFY_DYNAMICCOMBO_V3";
const WIDGETS = ["INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", DYNAMIC];

app.registerExtension({
  name: "DirectAscent.OlderFiles",
  init() {
    // For a file in API format that is dropped on the page. Such a file sets widgets by their names.
    const { loadApiJson } = app;
    app.loadApiJson = function (prompt, ...others) {
      return loadApiJson.call(this, migratePrompt(prompt), ...others);
    };
  },
  beforeRegisterNodeDef(nodeType, nodeData) {
    const table = MOVED[nodeData.name];
    if (!table) return;
    const { configure } = nodeType.prototype;
    nodeType.prototype.configure = function (saved) {
      return configure.call(this, migrate(saved, table, nodeData.input));
    };
  },
});

// Returns the data of a node in a workflow file, converted to the form of current files.
function migrate(saved, { choice, moved, later }, specs) {
  const isMoved = (name) => moved.includes(name.split(".")[0]);
  const names = saved.inputs?.filter((input) => input.widget).map((input) => input.widget.name) ?? [];
  if (!Array.isArray(saved.widgets_values) || !names.some(isMoved)) return saved;
  const rename = (name) => (isMoved(name) ? `${choice}.${name}` : name);

  const values = { [choice]: OPTION };
  for (const [name, value] of Object.entries(later)) values[rename(name)] = value;
  const stored = [...saved.widgets_values];
  const controls = {};
  for (const name of names) {
    if (!stored.length) break;
    values[rename(name)] = stored.shift();
    if (specs.required[name]?.[1]?.control_after_generate) controls[name] = stored.shift();
  }
  const inputs = saved.inputs.map((input) => ({
    ...input,
    name: rename(input.name),
    ...(input.widget && { widget: { ...input.widget, name: rename(input.widget.name) } }),
  }));
  return { ...saved, inputs, widgets_values: [...listValues(specs, "", values, controls)] };
}

function migratePrompt(prompt) {
  const nodes = Object.entries(prompt).map(([id, node]) => {
    const { choice, moved, later } = MOVED[node?.class_type] ?? {};
    const inputs = Object.entries(node?.inputs ?? {});
    const isMoved = ([name]) => moved.includes(name.split(".")[0]);
    if (!choice || choice in node.inputs || !inputs.some(isMoved)) return [id, node];
    // At the end: an outer input such as `focus` must come before its inner inputs, because it makes their widgets.
    const lacking = Object.entries(later).filter(([name]) => !(name in node.inputs));
    const all = [...inputs, ...lacking];
    const renamed = all.map(([name, value]) => [isMoved([name]) ? `${choice}.${name}` : name, value]);
    return [id, { ...node, inputs: { [choice]: OPTION, ...Object.fromEntries(renamed) } }];
  });
  return Object.fromEntries(nodes);
}

// Yields the values of widgets in the order in which the page stores them. After the value of a DynamicCombo come the
// values of the inputs inside its chosen option.
function* listValues(specs, prefix, values, controls) {
  for (const [own, [type, settings = {}]] of Object.entries({ ...specs.required, ...specs.optional })) {
    const isWidget = Array.isArray(type) || WIDGETS.includes(type);
    if (!isWidget || settings.forceInput) continue;
    const name = prefix + own;
    const options = Array.isArray(type) ? type : settings.options?.map((option) => option.key ?? option);
    const value = values[name] ?? settings.default ?? options?.[0];
    yield value;
    if (settings.control_after_generate) yield controls[name] ?? "fixed";
    const chosen = type === DYNAMIC && settings.options.find((option) => option.key === value);
    if (chosen) yield* listValues(chosen.inputs, `${name}.`, values, controls);
  }
}
