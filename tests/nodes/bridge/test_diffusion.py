"""The post-CFG function that guides a sampler: what it adds, when, and how it ends when something is wrong."""

import copy
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from loaded_pack import Pack, Toy, Watched
from running_node import Running
from stand_in_diffusion import LEVELS, Mixture, NoiseOnTop, StandInVAE, make_model, make_patcher, predict
from toys import answer


@pytest.fixture
def bridge(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.diffusion")


@pytest.fixture
def make_guide(pack: Pack, bridge: ModuleType) -> Callable[..., Any]:
    """A function that makes a guide with a toy objective."""

    def make(vae: Any = None, module: nn.Module | None = None, **settings: Any) -> Any:
        node_id = settings.pop("node_id", None)
        steps = {name: settings.pop(name) for name in ("start_percent", "end_percent", "every") if name in settings}
        guidance = pack.module("das_core.ascent.guidance").Guidance(
            (pack.objective(module),), pack.augmentation(jitter=8, views=2), **settings
        )
        guided = pack.module("das_core.ascent.guidance").GuidedSteps(**steps)
        return bridge.DiffusionGuide(guidance, vae or StandInVAE(), guided, node_id)

    return make


def call(guide: Any, arguments: Any) -> Tensor:
    """Call a guide as a sampler does, under inference mode."""
    with torch.inference_mode():
        result: Tensor = guide({**arguments, "denoised": arguments["denoised"].clone()})
    return result


def test_a_share_of_the_deviation_of_the_latent_is_added(make_guide: Callable[..., Any]) -> None:
    arguments = predict(make_model(), batch=2)
    vae = StandInVAE()
    for strength in (1.0, 2.5):
        added = call(make_guide(vae, strength=strength), arguments) - arguments["denoised"]
        for one, more in zip(arguments["denoised"], added, strict=True):
            deviation = (one - one.mean(dim=(1, 2), keepdim=True)).square().mean().sqrt()
            assert more.square().mean().sqrt() == pytest.approx(0.1 * strength * float(deviation), rel=1e-3)
    assert (vae.decoded, vae.encoded) == (2, 4)


def test_the_score_of_the_picture_rises_by_what_is_added(pack: Pack, make_guide: Callable[..., Any]) -> None:
    model, vae = make_model(), StandInVAE()
    objective = pack.objective()
    arguments = predict(model)

    def score(latent: Tensor) -> float:
        picture = vae.decode(model.process_latent_out(latent)).movedim(-1, 1)
        views = nn.functional.interpolate(picture, size=16, mode="bilinear", antialias=True)
        return float(answer(objective, views))

    guided = call(make_guide(strength=5.0), arguments)
    assert score(guided) > score(arguments["denoised"])


def test_what_the_vae_loses_is_not_a_part_of_the_change(make_guide: Callable[..., Any]) -> None:
    arguments = predict(make_model(channels=6))
    added = call(make_guide(StandInVAE(6)), arguments) - arguments["denoised"]
    # The channels that the VAE drops keep what the model predicted.
    assert not added[:, 3:].any()
    assert added[:, :3].any()


def test_only_chosen_steps_are_guided(make_guide: Callable[..., Any]) -> None:
    guide = make_guide(start_percent=0.4, end_percent=0.95, every=2)
    changed = []
    for level in range(len(LEVELS) - 1):
        arguments = predict(make_model(), level)
        changed.append(not torch.equal(call(guide, arguments), arguments["denoised"]))
    assert changed == [False, True, False, True]


def test_the_same_call_gives_the_same_bits(make_guide: Callable[..., Any]) -> None:
    arguments, guide = predict(make_model()), make_guide()
    first = call(guide, arguments)
    # Outside of inference mode too.
    again = guide(arguments)
    assert torch.equal(again, first)
    assert not again.requires_grad
    assert call(guide, {**arguments, "denoised": arguments["denoised"].half()}).dtype == torch.float16


def test_noise_is_measured_by_the_picture_whatever_a_model_calls_it(bridge: ModuleType) -> None:
    assert bridge.measure_noise(NoiseOnTop(), 2.5) == pytest.approx(2.5)
    # Of a mixture the noise is s and the picture 1 - s.
    assert bridge.measure_noise(Mixture(), 0.2) == pytest.approx(0.25)
    assert bridge.measure_noise(Mixture(), 1.0) == float("inf")


def test_a_model_that_is_guided_keeps_its_guide_and_gets_another(bridge: ModuleType, make_guide: Any) -> None:
    first, second = make_guide(), make_guide(seed=1)
    twice = bridge.guide_model(bridge.guide_model(make_patcher(), first), second)
    assert twice.model_options["sampler_post_cfg_function"] == [first, second]
    # ComfyUI 0.8.0 copies them deeply; the models that they hold must not be.
    assert copy.deepcopy(first) is first


def test_cancel_stops_within_a_guided_step_and_the_guide_can_be_used_again(make_guide: Callable[..., Any]) -> None:
    import comfy.model_management as mm

    arguments = predict(make_model())
    vae = StandInVAE()
    with pytest.raises(mm.InterruptProcessingException):
        call(make_guide(vae, Watched(lambda call: mm.interrupt_current_processing())), arguments)
    assert (vae.decoded, vae.encoded) == (1, 0)
    assert torch.isfinite(call(make_guide(vae), arguments)).all()


def test_when_memory_runs_out_the_step_and_what_to_do_are_named(make_guide: Callable[..., Any]) -> None:
    def fail(call: int) -> None:
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(torch.OutOfMemoryError, match=r"Guide Diffusion, at step 2 of the sampler: .*fewer views"):
        call(make_guide(module=Watched(fail)), predict(make_model()))


class Fading(Toy):
    """Answers with what no picture changes, as long as `fades`."""

    fades = True

    def forward(self, views: Tensor) -> Tensor:
        return super().forward(views) * (0.0 if self.fades else 1.0)


def test_a_step_without_a_gradient_is_said_once_a_run(make_guide: Callable[..., Any], running: Running) -> None:
    module, arguments = Fading(), predict(make_model())
    guide = make_guide(module=module, node_id="9")
    for _ in range(2):
        assert call(guide, arguments).equal(arguments["denoised"])
    module.fades = False
    assert not call(guide, arguments).equal(arguments["denoised"])
    said = "step 2 is not guided: no change of the picture changes the score of 'class 0'"
    assert running.server.sent == [("9", said, "page")]
    running.prompt_id = "second"
    call(guide, arguments)
    assert running.server.sent[1:] == [("9", " ", "page")]


def untold() -> Any:
    return {**predict(make_model()), "model_options": {}}


@each_case(
    ("settings", "arguments", "says"),
    (
        {"module": Watched(broken=1)},
        lambda: predict(make_model()),
        r"at step 2 .*gradient of 'class 0' is not a number",
    ),
    ({}, untold, r"this sampler does not tell its noise levels; use KSampler"),
)
def test_what_goes_wrong_is_said(
    make_guide: Callable[..., Any], settings: dict[str, Any], arguments: Callable[[], Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        call(make_guide(**settings), arguments())
