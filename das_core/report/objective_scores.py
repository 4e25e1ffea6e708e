"""The scores of pictures under objectives, by which pictures are compared and ranked."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..ascent.guidance import check_aspects
from ..ascent.pace import Pace
from ..ascent.plan import Plan, make_plan
from ..ascent.preparation import choose_chunk
from ..ascent.scoring import Scoring
from ..common.images import Images, check_images, place_on_canvas
from ..common.modes import own_modes
from ..objectives.objective import Objective, join_objectives
from ..stack.image_stack import ImageStack
from ..stack.size import SMALLEST_SIDE
from ..stack.spec import StackSpec
from ..views.augmentation import WHOLE, Augmentation
from .verdict import plot_answers


@dataclass(frozen=True, eq=False)
class ObjectiveScores:
    """The scores of B pictures under O objectives."""

    names: tuple[str, ...]
    table: Tensor  # (B, O), not multiplied by weights; larger is better where the weight is above 0.
    totals: Tensor  # One number for every picture, (B,), by which they are ranked, see `score_images`.

    @property
    def ranking(self) -> list[int]:
        """The indices of the pictures, the best first; equal totals stay in the order of the batch."""
        order: list[int] = self.totals.argsort(descending=True, stable=True).tolist()
        return order


def estimate_scoring_bytes(images: Tensor, augmentation: Augmentation | None = None) -> int:
    """Return about how many bytes `ImageScorer` takes for pictures (B, 3, H, W), with the margins around them."""
    # The margin is as wide as windows may reach beyond the picture.
    margin = (augmentation or WHOLE).windows.jitter
    height, width = (side + 2 * margin for side in images.shape[2:])
    # Six tensors of the size of the canvas, temporary ones included, of 4 bytes per value and 3 channels.
    return 6 * 4 * 3 * len(images) * height * width


class ImageScorer:
    """Scores pictures, see `score_images`: `judges` are the models to load, `score` shows them `chunk` views a time."""

    def __init__(
        self,
        images: Images,
        objectives: Objective | Sequence[Objective],
        augmentation: Augmentation | None = None,
        seed: int = 0,
        device: torch.device | None = None,
        *,
        any_aspect: bool = False,
    ) -> None:
        objective = join_objectives(objectives, "score by")
        images = check_images(images, "the image").to(device)
        height, width = images.shape[2:]
        if min(height, width) < SMALLEST_SIDE:
            raise ValueError(f"the image is {width} x {height} pixels; at least {SMALLEST_SIDE} a side are needed")
        if not any_aspect:
            check_aspects(objective, (height, width))
        views = augmentation or WHOLE
        margin = views.windows.jitter
        self._pixels = place_on_canvas(images, (height, width), margin)
        stack = ImageStack.from_image(StackSpec(width=width, height=height, margin=margin), images, contrast=1.0)
        self._plan = make_plan(objective, stack.spec, stack.batch)
        self._scoring = Scoring(stack, self._plan, views, seed)
        self.judges = self._plan.judges
        self.chunk = choose_chunk(images.device)

    def score(self) -> ObjectiveScores:
        """Return the scores of the pictures."""
        # All progress is 1, so the views are made as at the last step of an ascent. The rate has no effect here.
        found = self._scoring.score_images(self._pixels, Pace(1.0, 1.0, 1.0), self.chunk)
        names = tuple(self._plan.parts)
        table = torch.stack([found[name] for name in names], dim=1).cpu()
        return ObjectiveScores(names, table, _add_up(self._plan, table))


@own_modes()
def score_images(
    images: Images,
    objectives: Objective | Sequence[Objective],
    augmentation: Augmentation | None = None,
    seed: int = 0,
    *,
    any_aspect: bool = False,
) -> ObjectiveScores:
    """Score pictures under objectives; every picture is seen through the same views.

    If all objectives are in one group (they ask the same model for the same kind of answer), the total of a picture is
    the sum of its scores times their weights. The scores of different groups have different scales, so the weighted sum
    of each group is standardised over the pictures (mean 0, standard deviation 1), multiplied by the sum of the
    absolute weights of the group, and added; a single picture then has the total 0.

    Args:
        images: (B, 3, H, W), 0..1, at least 16 pixels wide and high, on any device.
        objectives: at least one, with a weight other than 0; of a schedule, the largest counts.
        augmentation: how the judges see the pictures; by default once and whole, an oblong one in its middle square.
        seed: the seed of the random draws of the views.
        any_aspect: whether the mask of a region may have another aspect ratio than the images.

    Example:
        >>> import torch
        >>> from skimage.data import chelsea, coffee
        >>> import direct_ascent as da
        >>> images = [torch.from_numpy(photo()).movedim(-1, 0)[:, :300, :400] / 255 for photo in (chelsea, coffee)]
        >>> da.score_images(torch.stack(images), da.classes("espresso").on(da.load_starter())).ranking
        [1, 0]
    """
    terms = join_objectives(objectives, "score by").list_terms()
    judges = [term.judge for term in terms if term.judge is not None]
    device = judges[0].device if judges else None
    return ImageScorer(images, objectives, augmentation, seed, device, any_aspect=any_aspect).score()


def _add_up(plan: Plan, table: Tensor) -> Tensor:
    """Return the total (B,) of each row of a table of scores (B, O), as `score_images` defines it."""
    names = list(plan.parts)
    own_weights = [sum(term.largest_weight for term in terms) for terms in plan.parts.values()]
    weights = torch.tensor(own_weights, dtype=torch.float32)
    # The terms of an ensemble are in several groups under one name. Groups that share a name are joined into one set.
    sets: list[set[int]] = []
    for group in plan.groups:
        members = {names.index(member.name) for member in group.members}
        joined = members.union(*(other for other in sets if members & other))
        sets = [*(other for other in sets if not members & other), joined]
    columns = [sorted(each) for each in sets]
    sums = [table[:, own] @ weights[own] for own in columns]
    if len(sums) == 1:
        return sums[0]
    total = torch.zeros(len(table), dtype=torch.float32)
    for own, scores in zip(columns, sums, strict=True):
        spread = scores.std(correction=0)
        if spread > 0:
            total += weights[own].abs().sum() * (scores - scores.mean()) / spread
    return total


def format_scores(scores: ObjectiveScores) -> str:
    """Write scores as text: a line for each picture, the best first, with its total and every score."""
    lines = []
    for place in scores.ranking:
        each = ", ".join(f"{name} {value:.4g}" for name, value in zip(scores.names, scores.table[place], strict=True))
        lines.append(f"image {place + 1}: {float(scores.totals[place]):.4g}  ({each})")
    return "\n".join(lines)


def plot_scores(scores: ObjectiveScores) -> Tensor:
    """Draw the totals as a bar chart, the best picture at the top."""
    bars = [(f"image {place + 1}", float(scores.totals[place])) for place in scores.ranking]
    return plot_answers([bars], ", ".join(scores.names), written="{:#.3g}".format)
