"""An estimate of the memory that an ascent takes, computed before any of this memory is allocated."""

from collections.abc import Sequence
from dataclasses import replace

from ..models.activation_memory import measure_view_bytes
from ..stack.spec import StackSpec
from ..views.transforms import Transform, count_kept_views
from .groups import TermGroup
from .normalized_ascent import NormalizedAscent
from .optimizers import Optimizer

_CANVASES = 10
"""How many tensors of the size of the canvas a step holds: the start, canvas, parameters, pixels, gradients, K times a
gradient, and others."""


def estimate_ascent_bytes(
    spec: StackSpec,
    batch: int,
    groups: Sequence[TermGroup] = (),
    optimizer: Optimizer | None = None,
    chunk: int = 1,
    transforms: Sequence[Transform] = (),
) -> int:
    """Return about how many bytes an ascent takes in addition to the weights of its models.

    The estimate counts:

    - the canvases;
    - the operator of the stack: its filter, or the matrices that resize every level;
    - if the method of the spec is `layers`, or the optimizer needs levels: the levels, and the tensors that the
      optimizer keeps for them;
    - for a zoom, the composites of all moments;
    - for the views in a chunk, the activations of the models, and the tensors that the transforms keep for the backward
      pass.

    The estimate is within a factor of two of the memory that an ascent takes (`python -m benchmarks.run memory` prints
    both).

    Args:
        spec: the spec of the stack that the ascent starts from.
        batch: how many images, frames or depths the stack holds.
        groups: the terms of the ascent (`Plan.groups`); without any, models and views are not counted.
        optimizer: the optimizer of the ascent; `NormalizedAscent()` if None.
        chunk: how many views go through a judge at once, from 1 up.
        transforms: the transforms of the views, see `Augmentation`.

    Raises:
        ValueError: when the stack is a film and the optimizer cannot move films.

    Example:
        >>> from das_core import Adam, NormalizedAscent, StackSpec, class_objective, load_starter
        >>> from das_core.ascent.memory import estimate_ascent_bytes
        >>> from das_core.ascent.plan import make_plan
        >>> spec = StackSpec(width=512, height=512)
        >>> groups = make_plan(class_objective(load_starter(), "jellyfish"), spec, batch=1).groups
        >>> small, large = (estimate_ascent_bytes(spec, 1, groups, kind) for kind in (NormalizedAscent(), Adam()))
        >>> large > 5 * small
        True
    """
    optimizer = optimizer or NormalizedAscent()
    optimizer.check(spec)
    spec = replace(spec, method="layers") if optimizer.needs_levels else spec
    height, width = spec.canvas
    canvas_bytes = 4 * 3 * batch * height * width
    # If there are several groups, a step keeps the gradient of each group, and computes K times this gradient to
    # balance the groups. Reference images are canvases, too.
    references = sum(len(member.term.references) for group in groups for member in group.members)
    canvases = _CANVASES + (len(groups) + 2 if len(groups) > 1 else 0) + references
    needed = canvases * canvas_bytes + spec.operator_bytes()
    if spec.zoom is not None:
        # Three tensors (N, 3, H, W) in float32, for N moments: the pixels of the composites, the gradient at these
        # pixels, and temporary tensors while this gradient is converted to the gradient at the depths.
        needed += 3 * 4 * 3 * len(spec.find_timeline(batch).moments) * height * width
    if spec.method == "layers":
        needed += optimizer.level_sets * spec.parameters_bytes(batch)
    if any(group.compares_images for group in groups):
        chunk = max(chunk, batch)
    members = [member for group in groups if group.judge is not None for member in group.judge.members]
    # Resizing a window to a view has intermediate results of `size` rows, which are at most as long as the long side of
    # the canvas. Two such results are counted, with 3 channels of 4 bytes.
    rows = max((2 * 4 * 3 * member.size * max(height, width) for member in members), default=0)
    size = max((member.size for member in members), default=0)
    kept = int(count_kept_views(transforms) * 4 * 3 * size**2)
    return needed + chunk * (max(map(measure_view_bytes, members), default=0) + rows + kept)
