"""The tiles of an activation atlas: where activations lie in its plane, and what photographs and classes they have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from sklearn.manifold import TSNE
from torch import Tensor, nn

from ..common.devices import keep_copy
from ..common.own_thread import hearing_own_thread
from ..common.seeding import make_generator
from ..common.text import shorten
from ..models.frozen import uncompile
from ..models.judge import Judge
from ..models.layers.layer import Layer
from ..models.photographs import AT_ONCE
from ..objectives.objective import Objective, make_objective
from .items import Array
from .photographs import CROPS, find_grid
from .units import Units, watch

_LEAST_COSINE = 0.1  # As in lucid: smaller ones count as this, so that every position has a gradient.


@dataclass(frozen=True, eq=False, kw_only=True)
class Means(Units):
    """Directions of length 1, `vectors` (N, C), from the mean `center` (C,) of all activations to those of tiles."""

    center: Tensor
    vectors: Tensor
    made_of: str  # A digest of all activations.

    @property
    def digest(self) -> str:
        """What pictures of the units depend on beside the weights of the judge."""
        return self.made_of

    def ask(self, judge: Judge, numbers: Sequence[int], sign: int = 1) -> Objective:
        """Return the objective of these directions, one for each image."""
        score = partial(self.score, tuple(numbers))
        return make_objective(self.name, [(watch(judge, [self]), score)], images=len(numbers))

    def read(self, output: Any, before: bool = False) -> Tensor:
        """Return how far activations go along all directions, (V, N, positions)."""
        found = super().read(output)
        return keep_copy(self.vectors, found) @ (found - keep_copy(self.center, found)[:, None])

    def score(self, numbers: Sequence[int], output: Any, images: Tensor) -> Tensor:
        """Return for every view, (V,), how far activations go along the direction of its image, of `numbers`, times the
        cosine between both (Carter et al., 2019): the mean over positions."""
        lengths = (super().read(output) - keep_copy(self.center, output[self.name])[:, None]).norm(dim=1)
        asked = [numbers[image % len(numbers)] for image in images.tolist()]
        along = torch.stack([each[number] for each, number in zip(self.read(output), asked, strict=True)])
        return (along * (along / lengths.clamp(min=1e-9)).clamp(min=_LEAST_COSINE)).mean(dim=1)


def sample_activations(
    judge: Judge, layer: Layer, photographs: Tensor, places: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Return some random positions in each photograph, (N, places), and the activations there, (N * places, C)."""
    rows, columns, others = find_grid(layer)
    inner = torch.arange(others, others + rows * columns).reshape(rows, columns)
    inner = (inner[1:-1, 1:-1] if min(rows, columns) > 4 else inner).flatten()  # At the border, a layer sees padding.
    order = torch.rand(len(photographs), len(inner), generator=make_generator(seed)).argsort(dim=1)
    positions, units, found = inner[order[:, :places]], Units(layer.name, "mean", layer.channels, layer), list[Tensor]()
    for part, at in zip(photographs.split(AT_ONCE), positions.split(AT_ONCE), strict=True):
        with torch.no_grad():
            active = units.read(watch(judge, [units])(judge.bring(part.float() / 255))).cpu()
        found.append(active.gather(2, at[:, None].expand(-1, layer.channels, -1)).movedim(1, 2).flatten(0, 1))
    return positions, torch.cat(found)


def make_layout(count: int, seed: int) -> Callable[[Array], Any]:
    """Return t-SNE of `count` points, as a function that `activation_atlas` takes."""
    layout: Callable[[Array], Any] = TSNE(perplexity=min(30, count / 4), random_state=int(seed) % 2**32).fit_transform
    return layout


def lay_out(activations: Tensor, layout: Callable[[Array], Any]) -> Tensor:
    """Return points (N, 2), 0..1, which are near to each other if the activations (N, C) differ alike from their mean.
    The outermost hundredths are at the edges."""
    points = torch.as_tensor(layout(F.normalize(activations - activations.mean(dim=0), dim=1).numpy())).float()
    if points.shape != (len(activations), 2) or not bool(points.isfinite().all()):
        raise ValueError(f"layout returns {shorten(tuple(points.shape))}; points ({len(activations)}, 2) are needed")
    low, high = points.quantile(torch.tensor([0.01, 0.99]), dim=0)
    return ((points - low) / (high - low).clamp(min=1e-9)).clamp(0, 1)


def find_nearest(
    differences: Tensor, tiles: Tensor, shown: Sequence[int], vectors: Tensor, positions: Tensor
) -> Tensor:
    """Return for each tile that is shown the photographs and positions, (tiles, `CROPS`, 2), of its activations with
    the largest cosine with its direction, each of another photograph; -1 where there are no more."""
    places = torch.full((len(shown), CROPS, 2), -1)
    for number, tile in enumerate(shown):
        own, best = (tiles == tile).nonzero().flatten(), dict[int, int]()
        alike = F.cosine_similarity(differences[own], vectors[number : number + 1])
        for at in own[alike.argsort(descending=True)].tolist():
            best.setdefault(at // positions.shape[1], int(positions.flatten()[at]))
        chosen = list(best.items())[:CROPS]
        places[number, : len(chosen)] = torch.tensor(chosen)
    return places


def measure_effects(judge: Judge, layer: Layer, means: Tensor, center: Tensor) -> Tensor:
    """Return by how much the log-probability of each class is raised, (N, classes), when a layer has one of `means`
    (N, C) at every position, compared with `center` (C,)."""
    part, found, back = uncompile(judge.module).get_submodule(layer.name), list[Tensor](), torch.tensor(layer.order)

    def replace_output(some: Tensor, module: nn.Module, inputs: Any, output: Any) -> Any:
        whole = output[0] if isinstance(output, tuple | list) else output
        constant = some.to(whole).reshape(*some.shape, *[1] * (whole.ndim - 2)).expand_as(whole.permute(layer.order))
        constant = constant.permute(back.argsort().tolist()).contiguous()
        return (constant, *output[1:]) if whole is not output else constant

    for some in torch.cat([center[None], means]).split(AT_ONCE):
        grey = judge.bring(torch.full((len(some), 3, judge.size, judge.size), 0.5))
        with torch.no_grad(), hearing_own_thread(part.register_forward_hook, partial(replace_output, some)):
            found.append(judge(grey).log_softmax(dim=1).cpu())
    answers = torch.cat(found)
    return answers[1:] - answers[0]
