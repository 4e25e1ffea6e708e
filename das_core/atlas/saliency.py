"""`saliency`: where in a photograph a model sees what it is asked for."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ascent.scoring import score_term
from ..common.images import Images, check_images, fit_square
from ..common.interruption import pausing
from ..common.own_thread import hearing_own_thread
from ..facade.reading import bind, read_objective
from ..facade.wrap import find_judge
from ..models.frozen import uncompile
from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge
from ..models.layers.default_layers import choose_depths
from ..models.layers.layer import Layer, find_layer, find_layers
from ..objectives.term import Term
from .photographs import find_grid


def saliency(
    model: nn.Module | Judge,
    photo: Images,
    wish: Any,
    layer: str | None = None,
    *,
    device: torch.device | str | None = None,
) -> Tensor:
    """Return where in photographs a model sees what it is asked for, (B, 1, H, W), 0..1, with 1 at the strongest place;
    0 everywhere if all speaks against it.

    At each position of a layer it is the product of activation and gradient, summed over the channels, where that is
    above 0 (HiResCAM, Draelos and Carin, 2020, arXiv 2011.08891). For a class, in the last layer of a convolutional
    network, this is a class activation map; for a channel, in its own layer, its activation.

    Args:
        model: a judge, or any vision model that `wrap` takes.
        photo: one or several images, see `Images`; of an oblong one, the model sees the middle square, and the map is 0
            elsewhere.
        wish: what to look for, as in `render`: 'jellyfish', by its logit, 'a castle' for a CLIP, 'layer4:12', or a sum.
        layer: a layer with positions; None for that of a unit, and else for the deepest of a few from which the answer
            depends on more than one position.
        device: where to compute; by default the device of the model.

    Raises:
        ValueError: when a wish is no question about one photograph, such as `content`; or no layer has positions.

    Example:
        >>> import direct_ascent as da
        >>> from skimage.data import chelsea
        >>> seen = da.saliency(da.load_starter(), chelsea(), "tabby")
        >>> seen.shape, float(seen.max())
        (torch.Size([1, 1, 300, 451]), 1.0)
    """
    judge, images = find_judge(model, device), check_images(photo, "the photograph").float().clamp(0, 1)
    terms = bind(read_objective(wish, "logit"), judge).list_terms()
    found = light_up(torch.stack([_trace(term, images, layer) for term in terms]).sum(dim=0))
    rows, columns = (side - found.shape[2] for side in images.shape[2:])
    return F.pad(found, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def _trace(term: Term, images: Tensor, layer: str | None) -> Tensor:
    """Return what each place of the middle squares of images (B, 3, H, W) adds to a term, (B, 1, S, S)."""
    judge = term.judge
    if judge is None or term.references or term.regions or term.compares_images or term.images > 1:
        raise ValueError(f"'{term.name}' asks nothing of a photograph by itself; look for a class, a text or a unit")
    judge = replace(judge, module=uncompile(judge.module))
    views, side = judge.bring(fit_square(images, judge.size)), min(images.shape[2:])
    for found in choose_layers(judge, layer):
        added = torch.cat([_multiply(term, judge, found, view) for view in pausing(views.split(1))])
        maps = spread(added, found, side)
        if maps.any():
            return term.weight * maps.to(images.device)
    raise ValueError(f"no place of the photograph changes '{term.name}'; name another layer")


def choose_layers(judge: Judge, name: str | None) -> Sequence[Layer]:
    """Return the layer of this name, or those to try one after the other; all have positions."""
    known = find_layers(judge)
    if name is not None:
        wanted = [find_layer(known, name, judge.name)]
    elif isinstance(judge, ActivationJudge):
        wanted = list(judge.layers)[::-1]
    else:
        wanted = [find_layer(known, one, judge.name) for one in reversed(choose_depths(known, judge.size))]
    own = judge.layers if isinstance(judge, ActivationJudge) else ()
    placed = [one for one in wanted if one.positions and max(find_grid(one)[:2]) > 1 and (one in own or not one.heads)]
    if placed:
        return placed
    raise ValueError(f"{', '.join(one.name for one in wanted)} of {judge.name} has no positions; name another layer")


def _multiply(term: Term, judge: Judge, layer: Layer, view: Tensor) -> Tensor:
    """Return activation times gradient at each position of a layer, summed over channels, (1, positions)."""
    kept, order = list[Tensor](), layer.order

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        several = isinstance(output, tuple | list)  # Attention modules return tuples.
        kept.append(output[0] if several else output)
        passed = kept[-1].clone()  # The next layer may change it in place.
        return (passed, *output[1:]) if several else passed

    with torch.inference_mode(False), torch.enable_grad():
        shown = view.clone().requires_grad_()
        output: Any
        if isinstance(judge, ActivationJudge) and layer in judge.layers:
            output = judge(shown)
            kept, order = [output[layer.name]], tuple(range(len(order)))
        else:
            with hearing_own_thread(judge.module.get_submodule(layer.name).register_forward_hook, keep):
                output = judge(shown)
        score = score_term(term.name, term, output, torch.zeros(1, dtype=torch.int64)).sum()
        if not kept or not score.requires_grad:
            return torch.zeros(1, math.prod(layer.positions))
        (gradient,) = torch.autograd.grad(score, kept[-1], allow_unused=True, materialize_grads=True)
    return (kept[-1] * gradient).detach().float().permute(order).sum(dim=1).flatten(1)


def spread(values: Tensor, layer: Layer, side: int) -> Tensor:
    """Return values at the positions of a layer, (N, positions), as maps (N, 1, side, side) of what a model sees."""
    rows, columns, others = find_grid(layer)
    maps = values[:, others:].reshape(len(values), 1, rows, columns)
    return F.interpolate(maps, size=(side, side), mode="bilinear")


def light_up(maps: Tensor) -> Tensor:
    """Return maps (N, 1, H, W) without what is below 0, each divided by its largest value."""
    maps = maps.clamp(min=0)
    return maps / maps.amax(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)
