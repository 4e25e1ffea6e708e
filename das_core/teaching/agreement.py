"""How often a judge that was taught answers under noise as its teacher does without."""

import torch
from torch import Tensor

from ..common.devices import send_to_device
from ..common.modes import own_modes
from ..common.seeding import make_generator
from ..models.frozen import evaluating
from ..models.judge import Judge
from ..models.photographs import Photographs
from .answers import answer, count_same
from .crops import Lessons, draw_crops, read_lessons

STRENGTHS = (0.0, 0.15, 0.3, 0.5)  # Of the noise.
_FEWEST_CROPS = 32  # Of few photographs, each is shown in several parts.
_AT_ONCE = 16


@own_modes()
def measure_agreement(
    judge: Judge, taught: Judge, photographs: Photographs | Lessons, *, seed: int = 0
) -> dict[float, float]:
    """Return, by the strength of the noise, the share of crops to which a judge answers as its teacher does without.

    A classifier agrees if it names the same class; any other judge if, of all crops, its teacher's answer to the same
    one is the nearest.

    Args:
        judge: the teacher.
        taught: the judge that `teach` has made of it; or the teacher itself, for its own agreement.
        photographs: what it was taught with, of which only those that are held out are shown.
        seed: of crops and noise.

    Raises:
        ValueError: when there are fewer than 8 photographs.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> from das_core.teaching.agreement import measure_agreement
        >>> starter = da.load_starter()
        >>> measure_agreement(starter, starter, torch.rand(8, 3, 64, 64))[0.0]
        1.0
    """
    held_out, generator = read_lessons(photographs, judge.size).held_out, make_generator(seed, 3)
    each = -(-_FEWEST_CROPS // len(held_out))
    with torch.no_grad(), evaluating(judge.module), evaluating(taught.module):
        shown = torch.cat([draw_crops([one], each, judge.size, generator) for one in held_out])
        wanted, shares = _ask(judge, shown), {}
        for strength in STRENGTHS:
            found = _ask(taught, shown + strength * torch.randn(shown.shape, generator=generator))
            shares[strength] = count_same(judge, found, wanted) / len(shown)
    return shares


def _ask(judge: Judge, crops: Tensor) -> Tensor:
    """Return the outputs of a judge for crops, as many at a time as fit anywhere."""
    return torch.cat([answer(judge, send_to_device(part, judge.device)).output for part in crops.split(_AT_ONCE)])
