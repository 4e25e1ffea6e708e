// Shows the tooltips of inner inputs, which are widgets inside a DynamicCombo, in the language of the page.
//
// For such a widget, newer frontends show the English tooltip of the schema even if a locale file has a translation.
// This script deletes the translated tooltips from the schema, so that the page looks up the translations. If the
// language is English, nothing is deleted: a tooltip of the schema is about the chosen option only, while a locale file
// has one tooltip for all options that have an input of the same name.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

let translations = {};

async function loadTranslations() {
  const language = app.ui.settings.getSettingValue("Comfy.Locale");
  if (!language || language === "en") return {};
  const answer = await api.fetchApi("/i18n");
  return (answer.ok && (await answer.json())[language]?.nodeDefs) || {};
}

function removeTranslated(inputs, parent, translated) {
  for (const [name, [, settings]] of Object.values(inputs ?? {}).flatMap((group) => Object.entries(group ?? {}))) {
    const path = parent ? `${parent}_${name}` : name;
    if (parent && translated[path]?.tooltip) delete settings?.tooltip;
    for (const option of settings?.options ?? []) removeTranslated(option?.inputs, path, translated);
  }
}

app.registerExtension({
  name: "DirectAscent.TranslatedTooltips",

  // The page waits for this before it registers nodes.
  async init() {
    try {
      translations = await loadTranslations();
    } catch (error) {
      console.warn("Direct Ascent: tooltips of inner inputs stay English.", error);
    }
  },

  beforeRegisterNodeDef(_nodeType, nodeData) {
    if (!nodeData.name?.startsWith("DAS_")) return;
    removeTranslated(nodeData.input, "", translations[nodeData.name]?.inputs ?? {});
  },
});
