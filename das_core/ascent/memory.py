"""An estimate of the memory that an ascent takes, before any of it is allocated, and the errors of too little."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch

from ..looks.look import estimate_look_bytes
from ..models.activation_memory import measure_view_bytes
from ..stack.spec import StackSpec
from ..views.transforms import count_kept_views
from .normalized_ascent import NormalizedAscent
from .optimizers import Optimizer
from .plan import TermGroup

_CANVASES = 8  # Tensors as large as the canvas in a step: start, canvas, pixels, gradients and others.
_SIGNS = (
    "DefaultCPUAllocator",  # the CPU: the name of PyTorch's allocator
    "CUDA error: out of memory",
    "MPS backend out of memory",
    "Invalid buffer size",  # MPS: a single tensor is larger than the largest buffer of the device
)


def estimate_ascent_bytes(
    spec: StackSpec,
    batch: int,
    groups: Sequence[TermGroup] = (),
    optimizer: Optimizer | None = None,
    chunk: int = 1,
    transforms: Sequence[object] = (),
) -> int:
    """Return about how many bytes an ascent takes beside the weights of its models, within a factor of two. Without
    `groups`, models and views are not counted (`python -m benchmarks.run memory` compares with measurements)."""
    optimizer = optimizer or NormalizedAscent()
    optimizer.check(spec)
    spec = replace(spec, method="layers") if optimizer.needs_levels else spec
    height, width = spec.canvas
    canvas_bytes = 4 * 3 * batch * height * width
    # To balance several groups, a step keeps the gradient of each and K times it. References are canvases, too.
    references = sum(len(member.term.references) for group in groups for member in group.members)
    canvases = _CANVASES + (len(groups) + 2 if len(groups) > 1 else 0) + references
    needed = canvases * canvas_bytes + spec.operator_bytes()
    if spec.zoom is not None:
        # Three tensors (N, 3, H, W) for N moments: the composites, the gradient at them, and what is temporary.
        needed += 3 * 4 * 3 * len(spec.find_timeline(batch).moments) * height * width
    if spec.method == "layers":
        needed += optimizer.level_sets * spec.levels_bytes(batch)
    if any(group.compares_images for group in groups):
        chunk = max(chunk, batch)
    members = [member for group in groups if group.judge is not None for member in group.judge.members]
    # Resizing a window to a view has two intermediate results of `size` rows, at most as long as the canvas.
    rows = max((2 * 4 * 3 * member.size * max(height, width) for member in members), default=0)
    size = max((member.size for member in members), default=0)
    kept = int(count_kept_views(transforms) * 4 * 3 * size**2)
    views = chunk * (max(map(measure_view_bytes, members), default=0) + rows + kept)
    # The look is over before a judge sees the first views.
    return needed + max(views, estimate_look_bytes(spec.look, batch, spec.canvas))


class CanvasMemoryError(torch.OutOfMemoryError):
    """Memory ran out in what sees whole canvases, a look or a denoiser; smaller chunks of views would not help."""


@contextmanager
def seeing_whole_canvases(what: str, advice: str) -> Iterator[None]:
    """If memory runs out in the `with` block, raise a CanvasMemoryError that says in what, and what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise CanvasMemoryError(f"memory ran out in {what}: make the picture or the batch smaller, {advice}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the memory of a device, or of the computer, has run out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)
