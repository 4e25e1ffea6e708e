"""The score of every image of a batch by itself, measured without gradients."""

import torch
from torch import Tensor

from ..views.pyramid import Pyramid
from .pace import Pace
from .scoring import Scoring
from .terms import score_term


def measure_image_scores(scoring: Scoring, pixels: Tensor, pace: Pace, chunk: int) -> dict[str, Tensor]:
    """Return the score (B,) of every part of the objective, by name, for pixels (B, 3, H, W), margins included.

    All images are seen through the same views, those of step 0, so that their scores can be compared.
    """
    batch, pyramid = len(pixels), Pyramid(pixels)
    found: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        for number, group in enumerate(scoring.plan.groups):
            scores: dict[str, list[Tensor]] = {member.name: [] for member in group.members}
            shown = []
            for outputs, images, _ in scoring.evaluate(number, pyramid, 0, pace, chunk, alike=True):
                shown.append(images)
                for member in group.members:
                    score = score_term(member.name, member.term, outputs[member.name], images)
                    scores[member.name].append(score.float())
            for name, parts in scores.items():
                if parts:
                    # Sorted by image, the scores of all views become a row for each image.
                    by_image = torch.cat(shown).argsort(stable=True).to(pixels.device)
                    found.setdefault(name, []).append(torch.cat(parts)[by_image].reshape(batch, -1))
    return {name: torch.cat(parts, dim=1).mean(dim=1) for name, parts in found.items()}
