"""What photographs do to the units of a model: how active they are, which crops excite them most, and their words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.images import resize
from ..common.interruption import pausing
from ..models.clip import CLIP
from ..models.judge import Judge
from ..models.layers.layer import Layer
from ..models.photographs import AT_ONCE, Photographs, find_pictures, read_picture
from ..models.words import embed_words
from ..report.description import Words, measure_fit, name_best
from .pictures import measure_field
from .units import Units, watch

CROPS = 9  # How many crops of photographs are shown of a unit.
MOST = 4000  # How many photographs are looked at, at most; they stay in memory.

_SIDE = 72  # Of a crop on the page, in pixels.
_TOP = 100  # The most photographs by which words are chosen.
_SURE = (0.998, 0.97)  # The probability that the photograph that excites a unit most, or least of the top, is of it.
_SHARPNESS = 10.0  # Of the probabilities of words for a photograph.


@dataclass(frozen=True, eq=False)
class Seen:
    """What photographs did to the units of a layer."""

    means: Tensor  # How active the units were for each photograph, (N, units): the mean over positions.
    values: Tensor  # The `CROPS` largest activations at any position, each of another photograph, (units, k).
    places: Tensor  # Their photograph and position, (units, k, 2).

    def rank(self, unit: int, activation: float) -> float:
        """Return the share of the photographs, 0..1, for which a unit is less active than this."""
        return float((self.means[:, unit] < activation).float().mean())

    def move(self, unit: int) -> bool:
        """Return whether some photograph changes how active a unit is, by more than rounding does."""
        least, most = self.means[:, unit].aminmax()
        return bool(most - least > 1e-5 * self.means[:, unit].abs().max())


def read_photographs(photographs: Photographs, size: int, least: int = 1) -> Tensor:
    """Return photographs as bytes (N, 3, size, size), `least` or more; files that are none are left out and logged."""
    found = list(find_pictures(photographs))[:MOST]
    read = [picture for one in pausing(found) if (picture := read_picture(one, size)) is not None]
    if len(read) < least:
        raise ValueError(
            f"{len(read)} of {len(found)} photographs show something; give {least}, better hundreds, or a folder of "
            ".jpg, .png or .webp files"
        )
    return (torch.cat(read) * 255).round_().clamp_(0, 255).byte()


def see_photographs(judge: Judge, units: Sequence[Units], photographs: Tensor) -> dict[str, Seen]:
    """Return what photographs (N, 3, size, size) do to the units of layers, by their names. The best are those with the
    most active position; where it sees all of a photograph, those with the highest mean, as pictures of units have."""
    whole = {one.name: measure_field(judge, one.layer) >= judge.size for one in units}
    groups = [[one for one in units if (one.layer is None) is classes] for classes in (False, True)]
    means: dict[str, list[Tensor]] = {one.name: [] for one in units}
    best: dict[str, tuple[Tensor, Tensor]] = {}
    for begin in pausing(range(0, len(photographs), AT_ONCE)):
        shown = judge.bring(photographs[begin : begin + AT_ONCE].float() / 255)
        for group in groups:
            if not group:
                continue
            with torch.no_grad():
                output = watch(judge, group)(shown)
            for one in group:
                active = one.read(output).cpu()
                means[one.name].append(active.mean(dim=2))
                values, positions = active.max(dim=2)
                values = means[one.name][-1] if whole[one.name] else values
                numbers = torch.arange(begin, begin + len(shown))[:, None].expand_as(positions)
                found = (values.T, torch.stack([numbers, positions], dim=2).movedim(0, 1))
                if one.name in best:
                    found = tuple(torch.cat(pair, dim=1) for pair in zip(best[one.name], found, strict=True))  # type: ignore[assignment]
                order = found[0].topk(min(CROPS, found[0].shape[1]), dim=1).indices
                best[one.name] = found[0].gather(1, order), found[1].gather(1, order[..., None].expand(-1, -1, 2))
    return {name: Seen(torch.cat(parts), *best[name]) for name, parts in means.items()}


def find_grid(layer: Layer) -> tuple[int, int, int]:
    """Return the rows and columns of the positions of a layer, and how many others come first, as in transformers."""
    count = math.prod(layer.positions)
    rows, columns = layer.positions if len(layer.positions) == 2 else (math.isqrt(count),) * 2
    return rows, columns, count - rows * columns


def cut_crops(
    judge: Judge,
    units: Units,
    seen: Seen,
    photographs: Tensor,
    numbers: Sequence[int],
    most: float = 1.0,
    pixels: int | None = None,
) -> list[Tensor]:
    """Return for each of some units of a layer the crops that excite it most, in rows of three, (1, 3, H, W), 0..1. A
    crop is what the position sees, or a share of the photograph, at most `most`, if that is smaller. Photographs
    (N, 3, S, S) may be larger than what the model sees; the place of a photograph below 0 is left out."""
    size, layer, sheets, pixels = photographs.shape[-1], units.layer, list[Tensor](), pixels or _SIDE
    rows, columns, others = find_grid(layer) if layer else (1, 1, 0)
    whole, side = size, max(1, round(most * size))
    side = min(side, max(_SIDE // 3, measure_field(judge, layer)) * size // judge.size)
    for places in pausing(seen.places[list(numbers)].tolist()):
        crops = []
        for number, position in (place for place in places if place[0] >= 0):
            at, length = position - others, side if rows * columns > 1 and position >= others else whole
            center = (at // columns + 0.5) * size / rows, (at % columns + 0.5) * size / columns
            top, left = (int(min(max(0, middle - length / 2), size - length)) for middle in center)
            crop = photographs[number : number + 1, :, top : top + length, left : left + length]
            crops.append(resize(crop.float() / 255, (pixels, pixels), "bilinear"))
        crops += [torch.ones_like(crops[0])] * (-len(crops) % 3)
        sheets.append(
            torch.cat([torch.cat(crops[begin : begin + 3], dim=3) for begin in range(0, len(crops), 3)], dim=2)
        )
    return sheets


def weigh_words(clip: CLIP, photographs: Tensor) -> Tensor:
    """Return how likely each word is for each photograph, (N, words); with an ensemble, the mean fit of its members
    counts."""
    embedded = torch.cat([clip.encode_images(part.float() / 255).cpu() for part in photographs.split(AT_ONCE)])
    return (_SHARPNESS * measure_fit(clip, embedded, embed_words(clip))).softmax(dim=1)


def dissect(likely: Tensor, means: Tensor, count: int = 5) -> list[Words]:
    """Return the words, and how much each fits, for every unit of a layer, given `weigh_words` and how active units are
    for the photographs, (N, units): by the soft pointwise mutual information of CLIP-Dissect (Oikarinen and Weng, 2023,
    section 3.2)."""
    top = min(_TOP, len(likely))
    sure = torch.linspace(*_SURE, top)[:, None]
    # For each unit, the logarithm of the probability of every word given its photographs, (units, words).
    given = torch.stack([(1 + sure * (likely[of.topk(top).indices] - 1)).log().sum(dim=0) for of in means.T])
    fit = given - (given.logsumexp(dim=0) - torch.tensor(float(len(given))).log())
    return name_best(fit, count)
