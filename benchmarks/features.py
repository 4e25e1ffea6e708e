"""Features inside models: ascents on single channels, and the transfer of a style from one photograph to another.

Channels: for random channels of an early, a middle and a late layer of two networks, the activation for the image of an
ascent is compared with the activations for all sample photographs. Style: the ascent uses one network. The result is
measured with this network and with a second one that took no part. In both networks the layers are those that
`style_objective` and `content_objective` choose by default.
"""

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.common import HERE, PLAIN, SUBJECTS, climb_image, load_photograph, save_sheet
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.common.images import fit_square
from das_core.models.classifier import Classifier
from das_core.models.layers.activations import ActivationJudge, make_activation_judge
from das_core.models.sources.starters import SECOND_OPINION, STARTER, load_starter
from das_core.objectives.content import content_objective, measure_content_distance
from das_core.objectives.feature import feature_objective
from das_core.objectives.style import StyleScore, style_objective
from das_core.objectives.term import Objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

LAYERS = ("blocks.2", "blocks.4", "blocks.6")
CHANNELS, FEATURE_STEPS, FEATURE_VIEWS = 10, 30, 4
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
CONTENT_WEIGHT, CONTRAST, STYLE_STEPS = 0.3, 0.95, 80
STYLE_VIEWS = Augmentation(8, Windows(), ())
# The weight of the content, the contrast, the steps, the views and the optimizer of
# example_workflows/api/style_transfer.json
STYLE = NormalizedAscent(step_size=0.04, momentum=0.0, coarse_to_fine=0.0, tilt=0.0)


def report() -> str:
    """Run the benchmark, save its pictures beside RESULTS.md, and return its section for RESULTS.md."""
    models = load_starter(STARTER), load_starter(SECOND_OPINION)
    return f"""{_features(models)}

{_styles(*models)}"""


def _features(models: tuple[Classifier, ...]) -> str:
    rows, won, count = [], 0, 0
    for model in models:
        images = []
        shown = torch.cat([fit_square(load_photograph(subject), model.size) for subject in SUBJECTS])
        for name in LAYERS:
            seen = make_activation_judge(model, [name])
            found = torch.cat([_means(seen(part)[name]) for part in shown.split(4)])
            shares, above = [], 0
            for channel in _channels(seen.layers[0].channels):
                objective = feature_objective(model, name, "channel", channel)
                image = climb_image(
                    [objective],
                    ImageStack.gray(SPEC),
                    Augmentation(FEATURE_VIEWS, transforms=PLAIN),
                    steps=FEATURE_STEPS,
                )
                own = float(_means(seen(fit_square(image, model.size))[name])[0, channel])
                theirs = found[:, channel]
                above += own > float(theirs.max())
                shares.append((own - float(theirs.mean())) / float(theirs.std()))
                images.append(image[0])
            middle = sorted(shares)[len(shares) // 2]
            rows.append(f"| {model.name} | {name} | {above} of {CHANNELS} | {min(shares):.1f} | {middle:.1f} |")
            won, count = won + above, count + CHANNELS
        save_sheet(images, HERE / _file(model))
    table = "\n".join(rows)
    pictures = "\n\n".join(f"![{model.name}]({_file(model)})" for model in models)
    return f"""{CHANNELS} random channels of each of {len(LAYERS)} layers, {FEATURE_STEPS} steps from grey,
{FEATURE_VIEWS} views in their own colours, no focus. The mean activation of a channel for its image, shown whole,
is above that for every one of the {len(SUBJECTS)} sample photographs for {won} of {count} channels. In the table: by
how many standard deviations of the photographs it is above their mean.

| network | layer | above all photographs | least | median |
|---|---|---|---|---|
{table}

{pictures}"""


def _file(model: Classifier) -> str:
    return f"features_{model.name.rpartition('-')[2].lower()}.jpg"


def _channels(count: int) -> list[int]:
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:CHANNELS].tolist()


def _means(features: Tensor) -> Tensor:
    return features.flatten(2).mean(dim=2)


def _styles(climber: Classifier, judge: Classifier) -> str:
    rows, images = [], []
    for begin, end in tqdm(PAIRS, desc="style"):
        content, style = load_photograph(begin), load_photograph(end)
        stack = ImageStack.from_image(SPEC, content, contrast=CONTRAST)
        asked: list[Objective] = [style_objective(climber, style)]
        asked.append(content_objective(climber, content, weight=CONTENT_WEIGHT))
        image = climb_image(asked, stack, STYLE_VIEWS, STYLE, STYLE_STEPS)
        images += [fit_square(content, SPEC.width)[0], fit_square(style, SPEC.width)[0], image[0]]
        cells = [begin, end]
        for model in (climber, judge):
            objective = style_objective(model, style)
            before, after = (_distance(objective, shown) for shown in (stack.image(), image))
            layer = content_objective(model, content).terms[0].judge
            assert isinstance(layer, ActivationJudge)
            features = [layer(fit_square(shown, model.size))[layer.layers[0].name] for shown in (image, content, style)]
            kept, lost = (float(measure_content_distance(features[0], other)) ** 0.5 for other in features[1:])
            cells += [f"{before:.2f} → {after:.2f} ({after / before:.0%})", f"{kept:.2f}, {lost:.2f}"]
        rows.append(f"| {' | '.join(cells)} |")
    save_sheet(images, HERE / "features_style.jpg")
    table = "\n".join(rows)
    return f"""Style transfer with the settings of the workflow style_transfer: {climber.name} climbs, and
{judge.name} took no part.
Distance: of Gram matrices to those of the style, |G - T|² / |T|², summed over the layers and the colours, before and
after. Content: the distance of the features of the image to those of the content image, and to those of the style
image, each as a share of the latter's size.

| content | style | distance, {climber.name} | content | distance, {judge.name} | content |
|---|---|---|---|---|---|
{table}

![content, style, result](features_style.jpg)
"""


def _distance(objective: Objective, image: Tensor) -> float:
    style = objective.terms[0].score
    assert isinstance(style, StyleScore)
    with torch.no_grad():
        return float(style.measure_distances(style.judge(fit_square(image, style.judge.size))).sum())
