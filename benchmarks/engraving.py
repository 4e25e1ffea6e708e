"""Engraving: the fine structure and the colours of pictures, compared with those of photographs of the same size.

Fine hatching raises the score of a classifier, and an ascent covers every surface with hatching, like an engraving.
Three numbers measure the hatching. Sparsity is higher in photographs than in hatched pictures: the gradient of the
luminance of a photograph is large in few places only, whereas hatching has about the same gradient everywhere. Calm,
the share of small patches with nearly constant luminance, is higher in photographs. Contrast within small patches is
lower in photographs. Colours are compared in CIELAB.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from skimage.color import rgb2lab
from torch import Tensor

from benchmarks.classes import WISHES
from benchmarks.common import load_photograph
from benchmarks.pictures import make_pictures
from benchmarks.recipes import PICTURE, SKETCH, Recipe
from benchmarks.text import PROMPTS
from das_core.common.images import fit_square

# Sample photographs, in focus, of scenes and of surfaces. Their fine structure is measured.
PHOTOGRAPHS = ("astronaut", "brick", "camera", "cat", "clock", "coffee", "grass", "gravel", "moon", "retina", "rocket")
# Sample photographs in colour. Their colours are measured.
COLOURED = ("astronaut", "cat", "coffee", "immunohistochemistry", "retina", "rocket")
RECIPES = (PICTURE, SKETCH)

COUNT = 6  # number of classes, and the number of prompts, of which every recipe makes a picture
# The side of a patch in pixels, and the standard deviation of its luminance below which it counts as calm
PATCH, CALM = 8, 0.03
_LUMINANCE = (0.2126, 0.7152, 0.0722)  # The shares of red, green and blue in the luminance of Rec. 709.


@dataclass(frozen=True)
class Structure:
    """The fine structure and the colours of one image."""

    # E[g²] / E[g]² of the magnitude g of the gradient of the luminance: 1 if g is the same everywhere, 1.3 for white
    # noise, 3 to 4 for photographs, 0 for an image of one colour
    sparsity: float
    calm: float  # the share of patches whose luminance deviates by less than `CALM`
    contrast: float  # the mean deviation of the luminance within a patch
    lightness: float  # L* of CIELAB; green_red is a*, and blue_yellow is b*
    lightness_spread: float
    green_red: float
    green_red_spread: float
    blue_yellow: float
    blue_yellow_spread: float
    chroma: float  # the mean distance from grey in the plane of a* and b*


def measure_structure(image: Tensor) -> Structure:
    """Return the fine structure and the colours of an image (1, 3, H, W), 0..1, of at least 8 pixels a side."""
    pixels = image[0].double()
    luminance = torch.einsum("c,chw->hw", torch.tensor(_LUMINANCE, dtype=torch.float64), pixels)
    # A difference along an axis has one value less than the image along this axis; both are cut to the same shape.
    gradient = torch.hypot(luminance.diff(dim=0)[:, :-1], luminance.diff(dim=1)[:-1])
    patches = luminance.unfold(0, PATCH, PATCH).unfold(1, PATCH, PATCH)
    deviations = patches.flatten(2).std(dim=2, correction=0)
    lightness, green_red, blue_yellow = np.moveaxis(rgb2lab(pixels.permute(1, 2, 0).numpy()), 2, 0)
    return Structure(
        # The clamp prevents a division by 0: in an image of one colour all gradients are 0.
        float(gradient.square().mean() / gradient.mean().square().clamp(min=1e-12)),
        float((deviations < CALM).double().mean()),
        float(deviations.mean()),
        float(lightness.mean()),
        float(lightness.std()),
        float(green_red.mean()),
        float(green_red.std()),
        float(blue_yellow.mean()),
        float(blue_yellow.std()),
        float(np.hypot(green_red, blue_yellow).mean()),
    )


def average(structures: Sequence[Structure]) -> Structure:
    """Return the mean of one or more structures: each of its numbers is the mean of this number over `structures`."""
    names = [field.name for field in fields(Structure)]
    return Structure(*(sum(getattr(one, name) for one in structures) / len(structures) for name in names))


def report() -> str:
    """Measure, and return the section for RESULTS.md."""
    rows = []
    for recipe in RECIPES:
        for what, ask, wishes in (
            ("classes", Recipe.ask_class, WISHES[:COUNT]),
            ("prompts", Recipe.ask_text, PROMPTS[:COUNT]),
        ):
            images, _ = make_pictures(recipe, ask, wishes, 0)
            found = average([measure_structure(image[None]) for image in images])
            rows.append(_format_row(f"{recipe.title}, {what} | {images.shape[-1]}", found))
    for side in (224, 448):
        photographs = [fit_square(load_photograph(name), side).clamp(0, 1) for name in PHOTOGRAPHS]
        coloured = [fit_square(load_photograph(name), side).clamp(0, 1) for name in COLOURED]
        structure, colours = (average(list(map(measure_structure, images))) for images in (photographs, coloured))
        # The numbers about colours come from `COLOURED`, the other numbers from `PHOTOGRAPHS`.
        both = replace(colours, sparsity=structure.sparsity, calm=structure.calm, contrast=structure.contrast)
        rows.append(_format_row(f"photographs | {side}", both))
    table = "\n".join(rows)
    return f"""The first {COUNT} classes of "Classes" and prompts of "Text", seed 0, and {len(PHOTOGRAPHS)} photographs
of scikit-image; the colours are those of {len(COLOURED)} coloured ones. Sparsity: E[g²] / E[g]² of the gradient of the
luminance, 1.3 for white noise. Calm: the share of patches of {PATCH} x {PATCH} pixels whose luminance deviates by less
than {CALM}. Contrast: the mean deviation within patches. Lightness, green to red and blue to yellow: mean ± deviation
of L*, a* and b* of CIELAB, 0 for grey in the last two. Chroma: the mean distance from grey.

| settings | pixels | sparsity | calm | contrast | lightness | green to red | blue to yellow | chroma |
|---|---|---|---|---|---|---|---|---|
{table}
"""


def _format_row(head: str, found: Structure) -> str:
    return (
        f"| {head} | {found.sparsity:.2f} | {found.calm:.2f} | {found.contrast:.3f} "
        f"| {found.lightness:.0f} ± {found.lightness_spread:.0f} "
        f"| {found.green_red:.0f} ± {found.green_red_spread:.0f} "
        f"| {found.blue_yellow:.0f} ± {found.blue_yellow_spread:.0f} | {found.chroma:.0f} |"
    )
