"""Small judges and objectives for quick ascents."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

import direct_ascent as da
from das_core.ascent.plan import make_plan
from das_core.ascent.scoring import Scoring
from das_core.models.labels import number_labels
from das_core.objectives.term import Score
from das_core.views.draws import Draws, ViewKey

SPEC = da.StackSpec(32, 32, 8)
VIEWS = da.views.Augmentation(6, da.views.Windows(8))


def classifier(size: int = 32, classes: int = 10, seed: int = 0) -> da.Classifier:
    """Return a convolutional classifier with random weights, smooth, so that gradients can be compared closely."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            last := nn.Linear(512, classes),
        )
        # The logits become as far apart as those of a trained network.
        last.weight.data *= 30
    module = module.eval().requires_grad_(False)
    half = (0.5, 0.5, 0.5)
    return da.Classifier("toy", module, size, half, half, labels=number_labels(classes))


def ask(score: Score, judge: da.Judge | None = None, name: str = "output", **settings: Any) -> da.Objective:
    return da.Objective((da.Term(name, score, judge, **settings),))


def output_objective(judge: da.Judge, name: str = "output", weight: float = 1.0) -> da.Objective:
    return ask(lambda output, images: output.flatten(1).mean(dim=1), judge, name, weight=weight)


class Mean(nn.Module):
    """The mean of each view."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(1, 2, 3))[:, None]


def half(right: bool) -> Tensor:
    """Return a mask (1, 48, 64) over the left or the right half."""
    mask = torch.zeros(1, 48, 64)
    mask[:, :, 32 * right : 32 + 32 * right] = 1
    return mask


def score(objective: da.Objective, output: Any, images: Tensor | None = None) -> Tensor:
    """Return what the only term of an objective says of the output of a judge, or of the pixels of a canvas."""
    (term,) = objective.list_terms()
    return term.score(output, torch.zeros(0, dtype=torch.int64) if images is None else images)


def answer(objective: da.Objective, views: Tensor) -> Tensor:
    """Return what the only term of an objective says of views, which its judge sees."""
    (term,) = objective.list_terms()
    assert term.judge is not None
    return score(objective, term.judge(views))


def make_scoring(
    stack: da.ImageStack,
    objectives: da.Objective | Sequence[da.Objective],
    augmentation: da.views.Augmentation,
    seed: int,
) -> Scoring:
    return Scoring(stack, make_plan(objectives, stack.spec, stack.batch), augmentation, seed)


def judge(module: nn.Module, size: int = 16) -> da.Judge:
    """Return a judge that passes views to its module without normalisation, 0..1."""
    return da.Judge("toy", module, size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def make_draws(
    count: int, coarse_progress: float = 1.0, *, first: int = 0, items: int = 1, progress: float = 1.0
) -> Draws:
    """Return the draws of `count` views, from view number `first` on, of each of `items` images."""
    keys = [ViewKey(0, item, 0, view) for item in range(items) for view in range(first, first + count)]
    return Draws(keys, torch.device("cpu"), coarse_progress, progress)


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Return normal noise of a shape, always the same for a seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def random_views(size: int, count: int = 1) -> Tensor:
    """Return views (count, 3, size, size) of noise in 0..1, always the same."""
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def count_batch_norms(module: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


def count_hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def toy_class(target: int = 3, weight: float = 1.0, seed: int = 0) -> da.Objective:
    return weight * da.classes(target, "logit").on(classifier(seed=seed))


def climb(
    stack: da.ImageStack | None = None,
    objectives: Any = None,
    augmentation: da.views.Augmentation = VIEWS,
    **settings: Any,
) -> da.Result:
    asked = objectives or [toy_class()]
    return da.Ascent(stack or da.ImageStack.gray(SPEC), asked, augmentation, **{"steps": 5, **settings}).run()
