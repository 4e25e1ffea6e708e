"""Guide Diffusion: the model that it returns, and what it refuses before a sampler runs."""

from typing import Any

import torch

from loaded_pack import Pack, refuse_all
from stand_in_diffusion import StandInVAE, make_patcher, predict


def guide(pack: Pack, **inputs: Any) -> Any:
    given: dict[str, Any] = {"model": make_patcher(), "vae": StandInVAE(), "augmentation": pack.augmentation(jitter=8)}
    if "objectives" not in inputs:
        given["objectives"] = {"objective0": pack.objective()}
    return pack.run("DAS_GuideDiffusion", **(given | inputs))[0]


def functions(patcher: Any) -> list[Any]:
    found: list[Any] = patcher.model_options.get("sampler_post_cfg_function", [])
    return found


def test_the_model_that_comes_out_guides_and_the_one_that_went_in_does_not(pack: Pack) -> None:
    given = make_patcher()
    guided = guide(pack, model=given, steps=2, strength=1.5, start_percent=0.0, end_percent=1.0, every=1, seed=4)
    assert functions(given) == []
    (function,) = functions(guided)
    assert (function.guidance.steps, function.guidance.strength, function.guidance.seed) == (2, 1.5, 4)
    assert (function.steps.start_percent, function.steps.end_percent, function.steps.every) == (0.0, 1.0, 1)
    arguments = predict(given.model)
    with torch.inference_mode():
        assert not torch.equal(function(arguments), arguments["denoised"])


def test_strength_0_leaves_the_model_as_it_is(pack: Pack) -> None:
    assert functions(guide(pack, strength=0.0)) == []


def test_slots_that_are_not_connected_do_not_count(pack: Pack) -> None:
    (function,) = functions(guide(pack, objectives={"objective0": None, "objective1": pack.objective()}))
    assert len(function.guidance.objective.terms) == 1


test_what_cannot_be_is_refused = refuse_all(
    {
        # Also where it would not guide: a workflow must not begin to fail when the strength is raised.
        r"this VAE has latents of 16 channels .* of 4": lambda pack: guide(pack, vae=StandInVAE(16), strength=0.0)
    }
)
