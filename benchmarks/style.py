"""The transfer of a style from one photograph to another.

The ascent uses one network. The result is measured with this network and with a second one that took no part. In both
networks the layers are those that `style` and `content` choose by default.
"""

import torch
from torch import Tensor
from tqdm import tqdm

import direct_ascent as da
from benchmarks.common import HERE, climb_image, load_photograph, save_sheet
from das_core.ascent.recipe import STYLE
from das_core.common.images import fit_square
from das_core.models.layers.activations import ActivationJudge
from das_core.models.sources.starters import SECOND_OPINION, STARTER, load_starter
from das_core.objectives.objective import Objective
from das_core.objectives.style import StyleScore, measure_content_distance
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.spec import StackSpec

SPEC = StackSpec(224, 224, levels=linear_levels(336, 4))

# Pairs of photographs: the first gives the content, the second gives the style
PAIRS = (
    ("cat", "immunohistochemistry"),
    ("astronaut", "coffee"),
    ("coffee", "retina"),
    ("rocket", "brick"),
    ("camera", "hubble_deep_field"),
    ("cat", "gravel"),
)
# The weight of the content and the contrast of the workflow *Style transfer*
CONTENT_WEIGHT, CONTRAST = 0.3, 0.95


def report() -> str:
    """Run the benchmark, save its pictures beside RESULTS.md, and return its section for RESULTS.md."""
    climber, judge = load_starter(STARTER), load_starter(SECOND_OPINION)
    rows, images = [], []
    for begin, end in tqdm(PAIRS, desc="style"):
        content, style = load_photograph(begin), load_photograph(end)
        stack = ImageStack.from_image(SPEC, content, contrast=CONTRAST)
        asked: list[Objective] = [da.style(style).on(climber)]
        asked.append(CONTENT_WEIGHT * da.content(content).on(climber))
        image = climb_image(asked, stack, STYLE.augmentation, STYLE.optimizer, STYLE.steps)
        images += [fit_square(content, SPEC.width)[0], fit_square(style, SPEC.width)[0], image[0]]
        cells = [begin, end]
        for model in (climber, judge):
            objective = da.style(style).on(model)
            before, after = (_distance(objective, shown) for shown in (stack.image(), image))
            layer = da.content(content).on(model).list_terms()[0].judge
            assert isinstance(layer, ActivationJudge)
            features = [layer(fit_square(shown, model.size))[layer.layers[0].name] for shown in (image, content, style)]
            kept, lost = (float(measure_content_distance(features[0], other)) ** 0.5 for other in features[1:])
            cells += [f"{before:.2f} → {after:.2f} ({after / before:.0%})", f"{kept:.2f}, {lost:.2f}"]
        rows.append(f"| {' | '.join(cells)} |")
    save_sheet(images, HERE / "style.jpg")
    table = "\n".join(rows)
    return f"""Style transfer with the recipe style: {climber.name} climbs, and
{judge.name} took no part.
Distance: of Gram matrices to those of the style, |G - T|² / |T|², summed over the layers and the colours, before and
after. Content: the distance of the features of the image to those of the content image, and to those of the style
image, each as a share of the latter's size.

| content | style | distance, {climber.name} | content | distance, {judge.name} | content |
|---|---|---|---|---|---|
{table}

![content, style, result](style.jpg)
"""


def _distance(objective: Objective, image: Tensor) -> float:
    style = objective.list_terms()[0].score
    assert isinstance(style, StyleScore)
    with torch.no_grad():
        return float(style.measure_distances(style.judge(fit_square(image, style.judge.size))).sum())
