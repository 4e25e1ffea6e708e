// Sorts the templates of this pack in the template browser as the README does: those for newcomers come first, those
// that download models or need a model file come last. ComfyUI itself lists them in the order of the file system.
import { api } from "../../scripts/api.js";

const ORDER = [
  "class_to_image",
  "text_to_image",
  "sketch",
  "best",
  "style_transfer",
  "deep_dream",
  "inpaint",
  "wallpaper_1024",
  "timelapse",
  "morph",
  "living_picture",
  "infinite_zoom",
  "zoom_text",
  "camera",
  "film_style",
  "two_regions",
  "fade",
  "inspect",
  "feature_gallery",
  "edit_levels",
  "continue",
  "strict_views",
  "prompt_to_prompt",
  "prompt_ensemble",
  "four_variations",
  "reconstruct_from_embedding",
  "style_blend",
  "text_to_image_then_diffusion",
  "guided_diffusion",
  "best_of_batch",
  "diffusion_then_ascent",
  "diffusion_as_denoiser",
  "restore_while_growing",
  "comfyui_clip",
];

const pack = decodeURIComponent(new URL(import.meta.url).pathname.split("/").at(-2));
const { getWorkflowTemplates } = api;
api.getWorkflowTemplates = async function (...given) {
  const templates = await getWorkflowTemplates.apply(this, given);
  const place = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  templates[pack]?.sort((one, other) => place(one) - place(other));
  return templates;
};
