"""Guidance inside a sampler of ComfyUI: a function that the sampler calls with each prediction of the diffusion model.

The sampler, the diffusion model and the VAE run under inference mode. Only the ascent runs outside inference mode.
"""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor

from ...das_core.ascent.guidance import Guidance, GuidedStep, GuidedSteps
from ...das_core.ascent.memory import is_out_of_memory
from ...das_core.ascent.pace import pace_at_noise
from ...das_core.ascent.result import VanishedError
from ...das_core.common.cache import running
from ...das_core.common.interruption import interruptible
from ...das_core.common.modes import own_modes
from .memory import free_cache_on_exit, load_judges
from .page import find_running_node, say_on_node, warn_on_node
from .progress import check_interrupted
from .sampler_models import SamplerModels
from .tensors import check_latent, decode_latent, encode_pictures, get_device

_LOG = logging.getLogger(__name__)

_TURNS = (
    "Guide Diffusion: the diffusion model, the VAE and the models that judge do not fit on the device together, so "
    "they take turns at every guided step. A larger 'every' makes that rarer."
)


def guide_model(model: Any, guide: "DiffusionGuide") -> Any:
    """Return a copy of a MODEL that is guided while a sampler runs it; a guide that it already has comes first."""
    patched = model.clone()
    patched.set_model_sampler_post_cfg_function(guide)
    return patched


class DiffusionGuide:
    """A post-CFG function: a sampler of ComfyUI calls it with each prediction, and it returns a guided one."""

    def __init__(self, guidance: Guidance, vae: Any, steps: GuidedSteps, node_id: str | None = None) -> None:
        self.guidance, self.vae, self.steps, self.node_id = guidance, vae, steps, node_id
        self._models = SamplerModels(_TURNS)
        self._run: str | None = None
        self._has_warned = False

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return this object itself: ComfyUI 0.8.0 would copy the judges and the VAE when it clones a MODEL."""
        return self

    @torch.no_grad()
    def __call__(self, arguments: Mapping[str, Any]) -> Tensor:
        """Return the prediction (B, C, h, w), guided unless the step is not, or the gradient is zero."""
        prediction: Tensor = arguments["denoised"]
        step = self._find_step(arguments)
        if step is None:
            return prediction
        self._forget_last_run()
        with ExitStack() as cleaning:
            if step.is_last:
                cleaning.enter_context(free_cache_on_exit())
            # The next guided step needs the same constants.
            cleaning.enter_context(running(empty=step.is_last))
            try:
                cleaning.enter_context(interruptible(check_interrupted))
                return prediction + self._find_change(prediction, arguments, step).to(prediction)
            except VanishedError:
                self._warn_once(step)
                return prediction
            except (ValueError, RuntimeError) as error:
                cleaning.enter_context(free_cache_on_exit())
                # The class of the error is kept, because ComfyUI recognises by it that memory ran out, and then unloads
                # models.
                error.args = (f"Guide Diffusion, at step {step.number + 1} of the sampler: {error}{_advise(error)}",)
                raise

    def _warn_once(self, step: GuidedStep) -> None:
        """Say on the node that a step is not guided, unless this run has said so of an earlier step."""
        if not self._has_warned:
            self._has_warned = True
            name = self.guidance.objective.name
            warning = f"step {step.number + 1} is not guided: no change of the picture changes the score of '{name}'"
            warn_on_node(warning, self.node_id)

    def _forget_last_run(self) -> None:
        """Remove the warning of an earlier run from the node."""
        node = find_running_node()
        run = node and node.prompt_id
        if run != self._run:
            if self._has_warned and self.node_id is not None:
                say_on_node(self.node_id, " ")
            self._run, self._has_warned = run, False

    def _find_step(self, arguments: Mapping[str, Any]) -> GuidedStep | None:
        """Return the step that the sampler is at; None if this step is not guided."""
        levels = arguments["model_options"].get("transformer_options", {}).get("sample_sigmas")
        if levels is None:
            raise ValueError(
                "Guide Diffusion: this sampler does not tell its noise levels; use KSampler, or another that does"
            )
        sampling = arguments["model"].model_sampling
        highest, lowest = (
            float(sampling.percent_to_sigma(share)) for share in (self.steps.start_percent, self.steps.end_percent)
        )
        return self.steps.find(float(arguments["sigma"].max()), levels.tolist(), highest, lowest)

    def _find_change(self, prediction: Tensor, arguments: Mapping[str, Any], step: GuidedStep) -> Tensor:
        """Return the change that is to be added to a prediction (B, C, h, w)."""
        model = arguments["model"]
        check_interrupted()
        check_latent(prediction, self.vae)
        noise = measure_noise(model.model_sampling, float(arguments["sigma"].max()))
        with self._models.lend_device(arguments):
            pictures = decode_latent(self.vae, model.process_latent_out(prediction))
            check_interrupted()
            before, after, mask = self._climb(pictures, step, noise, min(prediction.shape[2:]))
            check_interrupted()
            # The change is the difference of the encodings of `before` and `after`. The prediction itself is not
            # subtracted, because decoding and encoding alone change a latent a little, and this error would then be
            # part of the change.
            encoded = [encode_pictures(self.vae, each, prediction) for each in (before, after)]
        start, end = (model.process_latent_in(latent) for latent in encoded)
        return self.guidance.scale_change(prediction.float(), (end - start).float(), mask)

    @own_modes()
    def _climb(
        self, pictures: Tensor, step: GuidedStep, noise: float, short_side: int
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Do the ascent of a guided step; return the pictures before it, the pictures after it, and a mask."""
        pace = pace_at_noise(noise, short_side, step.progress)
        # Cloned: a tensor made under inference mode can never take part in autograd.
        ascent = self.guidance.start_ascent(pictures.clone().to(get_device()), pace, step.number)
        load_judges(ascent.judges, ascent.chunk)
        before = ascent.stack.image()
        ascent.run()
        _LOG.debug("guided step %d: %s", step.number + 1, ascent.history[-1].scores)
        return before, ascent.result.image, ascent.picture_mask


def _advise(error: Exception) -> str:
    """Return advice to append to the message of an error if memory ran out; "" for other errors."""
    if not is_out_of_memory(error):
        return ""
    return ". Memory ran out: make the picture or the batch smaller, or give fewer views in Direct Ascent Augmentation"


def measure_noise(sampling: Any, sigma: float) -> float:
    """Return the standard deviation of the noise in a sampler's latent, relative to that of the picture: 0 to inf."""
    # What sigma means depends on the model: the standard deviation of the noise, or (SD3, Flux) its share in a mixture
    # with the picture. So the model's own function mixes noise of 1 with a picture of 0, and the other way round.
    zero, one = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    level = torch.tensor([sigma])
    # Each call gets copies, because ComfyUI's function may change its arguments in place.
    noise = float(sampling.noise_scaling(level, one.clone(), zero.clone(), False))
    picture = float(sampling.noise_scaling(level, zero.clone(), one.clone(), False))
    return noise / picture if picture > 0 else float("inf")
