"""Guidance inside a sampler of ComfyUI: a function that the sampler calls with each of its predictions.

The sampler runs under inference mode, and so do the VAE and the diffusion model here; only the ascent leaves it.
"""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor

from ...das_core.ascent.guidance import Guidance
from ...das_core.ascent.guided_steps import GuidedStep, GuidedSteps
from ...das_core.ascent.pace import pace_at_noise
from ...das_core.common.interruption import interruptible
from .autograd import enable_autograd
from .latents import check_latent, decode_latent, encode_pictures
from .memory import free_cache_on_exit, load_judges
from .progress import check_interrupted
from .sampler_models import SamplerModels
from .tensors import get_device

_LOG = logging.getLogger(__name__)

_TURNS = (
    "Guide Diffusion: the diffusion model, the VAE and the models that judge do not fit on the device together, so "
    "they take turns at every guided step. A larger 'every' makes that rarer."
)


def guide_model(model: Any, guide: "DiffusionGuide") -> Any:
    """Return a MODEL that is guided while a sampler runs it; the given one is not changed.

    Args:
        model: a MODEL of ComfyUI. One that is guided already is guided by both.
        guide: what guides it.
    """
    patched = model.clone()
    patched.set_model_sampler_post_cfg_function(guide)
    return patched


class DiffusionGuide:
    """A post-CFG function of ComfyUI: it is given a prediction of the diffusion model, and returns a guided one.

    It keeps nothing from call to call, except that it logs only once that models take turns, so several samplers can
    use it.

    Args:
        guidance: what guides, and how strongly.
        vae: the VAE of the diffusion model.
        steps: which steps of the sampler are guided.
    """

    def __init__(self, guidance: Guidance, vae: Any, steps: GuidedSteps) -> None:
        self.guidance, self.vae, self.steps = guidance, vae, steps
        self._models = SamplerModels(_TURNS)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return this object. Where ComfyUI 0.8.0 clones a MODEL, it would copy the judges and the VAE in here, too."""
        return self

    @torch.no_grad()
    def __call__(self, arguments: Mapping[str, Any]) -> Tensor:
        """Return the guided prediction.

        Args:
            arguments: the dictionary that ComfyUI passes to post-CFG functions. These entries are used: `denoised`,
                the prediction (B, C, h, w) in the scale of the model, `sigma`, `model` and `model_options`.

        Raises:
            ValueError: when the latent is not that of an image, the VAE cannot decode it, or the guidance does not fit
                the size or number of the pictures. The message names the step of the sampler.
            RuntimeError: when memory runs out, or a model fails. The message names the step of the sampler.
            comfy.model_management.InterruptProcessingException: when the user has pressed cancel.
        """
        prediction: Tensor = arguments["denoised"]
        step = self._find_step(arguments)
        if step is None:
            return prediction
        with ExitStack() as cleaning:
            if step.is_last:
                cleaning.enter_context(free_cache_on_exit())
            try:
                cleaning.enter_context(interruptible(check_interrupted))
                return prediction + self._find_change(prediction, arguments, step).to(prediction)
            except (ValueError, RuntimeError) as error:
                cleaning.enter_context(free_cache_on_exit())
                # The class of the error stays: ComfyUI unloads models when memory ran out.
                error.args = (f"Guide Diffusion, at step {step.number + 1} of the sampler: {error}{_advise(error)}",)
                raise

    def _find_step(self, arguments: Mapping[str, Any]) -> GuidedStep | None:
        """Return the guided step that the sampler is at; None if it is not guided."""
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
        """Return what is to be added to a prediction."""
        model = arguments["model"]
        check_interrupted()
        check_latent(prediction, self.vae)
        noise = measure_noise(model.model_sampling, float(arguments["sigma"].max()))
        with self._models.lend_device(arguments):
            pictures = decode_latent(self.vae, model.process_latent_out(prediction))
            check_interrupted()
            before, after, mask = self._climb(pictures, step, noise, min(prediction.shape[2:]))
            check_interrupted()
            # The difference of two encodings. With one, what the VAE loses of a picture would be a part of the change.
            encoded = [encode_pictures(self.vae, each, prediction) for each in (before, after)]
        start, end = (model.process_latent_in(latent) for latent in encoded)
        return self.guidance.scale_change(prediction.float(), (end - start).float(), mask)

    @enable_autograd
    def _climb(
        self, pictures: Tensor, step: GuidedStep, noise: float, short_side: int
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return pictures before and after the ascent of a step, and the mask of where it acts."""
        pace = pace_at_noise(noise, short_side, step.progress)
        # Cloned: a tensor made under inference mode can never take part in autograd.
        ascent = self.guidance.start_ascent(pictures.clone().to(get_device()), pace, step.number)
        load_judges(ascent.judges, ascent.chunk)
        before = ascent.stack.image()
        ascent.run()
        _LOG.debug("guided step %d: %s", step.number + 1, ascent.history[-1].scores)
        return before, ascent.result.image, ascent.picture_mask


def _advise(error: Exception) -> str:
    """Return what to do when memory ran out; nothing for other errors."""
    if not isinstance(error, torch.OutOfMemoryError):
        return ""
    return ". Memory ran out: make the picture or the batch smaller, or give fewer views in Augmentation"


def measure_noise(sampling: Any, sigma: float) -> float:
    """Return the standard deviation of the noise in a sampler's latent, relative to that of the picture.

    The meaning of sigma depends on the model: the deviation of the noise, or its share in a mixture with the picture
    (SD3, Flux). This is read off from how the model mixes the two.

    Args:
        sampling: the `model_sampling` of ComfyUI's model.
        sigma: the noise level.

    Returns:
        0 for none, infinite where there is nothing but noise.
    """
    zero, one = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    level = torch.tensor([sigma])
    # ComfyUI adds in place, so each call gets tensors of its own.
    noise = float(sampling.noise_scaling(level, one.clone(), zero.clone(), False))
    picture = float(sampling.noise_scaling(level, zero.clone(), one.clone(), False))
    return noise / picture if picture > 0 else float("inf")
