"""Guidance of a diffusion model: its short ascents, the size of its changes, and sampling with an exact model."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.exact_denoiser import ExactDenoiser, falling_levels, plain_pictures
from cases import each_case
from das_core.ascent.guidance import FULL_CHANGE, Guidance
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.pace import Pace, pace_at_noise
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.objectives.change import in_region, over_steps, share_views
from das_core.objectives.classes import class_objective
from das_core.objectives.term import Objective
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import toy_class

FINE = Pace(1.0, 1.0, 0.0)
VIEWS = Augmentation(4, Windows(8))


def pictures(batch: int = 1, height: int = 32, width: int = 32) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(3))


def change(guidance: Guidance, shown: Tensor, pace: Pace = FINE, number: int = 0) -> Tensor:
    ascent = guidance.start_ascent(shown, pace, number)
    before = ascent.stack.image()
    return ascent.run().image - before


def test_the_score_rises_along_the_change() -> None:
    guidance = Guidance((toy_class(),), VIEWS, steps=8)
    history = guidance.start_ascent(pictures(), FINE, 0).run().history
    assert history[-1].scores["class 3"] > history[0].scores["class 3"]


def test_the_defaults_of_a_picture_are_not_those_of_a_guided_step() -> None:
    # Guided pictures would change with them.
    ascent = Guidance((toy_class(),), VIEWS).start_ascent(pictures(), FINE, 0)
    assert (ascent.optimizer, ascent.denoising, ascent.focus) == (
        NormalizedAscent(0.08, momentum=0.0, tilt=0.0),
        None,
        None,
    )


def test_all_steps_are_taken_at_the_moment_that_is_given() -> None:
    fading = over_steps(toy_class(), start=1.0, end=0.0)
    ascent = Guidance((fading, toy_class(4)), VIEWS, steps=2).start_ascent(pictures(), Pace(1.0, 0.5, 0.25), 0)
    assert ascent.pace == Pace(1.0, 0.5, 0.25)
    assert ascent.focus is None
    ascent.run()
    # Half the weight is left at the start of the fade only if the moment of the run counts, and not that of the steps.
    alone = Guidance(over_steps(toy_class(), 0.0, 1.0), VIEWS).start_ascent(pictures(), Pace(1.0, 1.0, 0.0), 0)
    assert torch.equal(alone.run().image, alone.stack.image())


def test_changes_are_coarse_while_there_is_much_noise() -> None:
    guidance = Guidance((toy_class(),), replace(VIEWS, transforms=()), steps=1)
    shares = []
    for noise in (0.1, 10.0):
        ascent = guidance.start_ascent(pictures(height=96, width=96), pace_at_noise(noise, 96, 0.0), 0)
        moved = ascent.run().stack.canvas - ascent.stack.start
        power = torch.fft.rfft2(moved).abs().square().sum(dim=(0, 1))
        shares.append(float(power[24:-24, 24:].sum() / power.sum()))
    assert shares[1] < 0.1 * shares[0]


@each_case("strength", [0.0, 0.5, 1.0, 3.0])
def test_the_change_is_a_share_of_the_deviation_of_each_latent_wherever_it_changes(strength: float) -> None:
    assert Guidance.strength == 1
    guidance = Guidance((toy_class(),), VIEWS, strength=strength)
    latent = torch.stack([torch.randn(4, 8, 8), 5 + 0.1 * torch.randn(4, 8, 8)])
    added = guidance.scale_change(latent, torch.randn(2, 4, 8, 8) * torch.tensor([1e-6, 1e3])[:, None, None, None])
    for one, more in zip(latent, added, strict=True):
        deviation = (one - one.mean(dim=(1, 2), keepdim=True)).square().mean().sqrt()
        assert more.square().mean().sqrt() == pytest.approx(strength * FULL_CHANGE * float(deviation), rel=1e-4)
    # A small region is not changed more strongly than a whole picture.
    latent, everywhere = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :16, :16] = 1
    inside = everywhere * (torch.nn.functional.interpolate(mask, size=(8, 8)))
    added = guidance.scale_change(latent, inside, mask)
    deviation = (latent - latent.mean(dim=(2, 3), keepdim=True)).square().mean().sqrt()
    expected = strength * FULL_CHANGE * float(deviation)
    assert added[..., :2, :2].square().mean().sqrt() == pytest.approx(expected, rel=1e-4)
    # A change of nothing adds nothing.
    assert not guidance.scale_change(latent, torch.zeros(1, 4, 8, 8)).any()
    assert not guidance.scale_change(torch.full((1, 4, 8, 8), 2.0), torch.randn(1, 4, 8, 8)).any()


SQUARE = in_region(toy_class(), torch.ones(1, 64, 64))


def test_the_mask_of_a_region_is_that_of_the_picture() -> None:
    mask = torch.zeros(1, 32, 32)
    mask[:, :, 16:] = 1
    guidance = Guidance((in_region(toy_class(), mask),), VIEWS, steps=1)
    ascent = guidance.start_ascent(pictures(), FINE, 0)
    assert ascent.picture_mask is not None
    assert torch.equal(ascent.picture_mask[:, 0], mask)
    assert Guidance((toy_class(),), VIEWS).start_ascent(pictures(), FINE, 0).picture_mask is None
    # A side that was rounded to a multiple of 8 is no other aspect.
    Guidance((SQUARE,), VIEWS).start_ascent(pictures(height=320, width=328), FINE, 0)


def test_each_image_and_each_step_of_the_sampler_has_draws_of_its_own() -> None:
    guidance = Guidance((toy_class(),), VIEWS, steps=2, seed=5)
    same = pictures().expand(2, -1, -1, -1).contiguous()
    both = change(guidance, same)
    assert not torch.allclose(both[0], both[1], atol=1e-3)
    torch.testing.assert_close(change(guidance, same[:1])[0], both[0], rtol=0, atol=1e-4)
    assert torch.equal(change(guidance, same), both)
    assert not torch.allclose(change(guidance, same, number=1)[0], both[0], atol=1e-3)
    assert not torch.allclose(change(replace(guidance, seed=6), same)[0], both[0], atol=1e-3)


def test_views_reach_as_far_as_their_jitter_and_no_farther_without_one() -> None:
    assert Guidance((toy_class(),), VIEWS).start_ascent(pictures(), FINE, 0).stack.spec.margin == 8
    ended = Augmentation(2, Windows(jitter=2, jitter_end=11))
    assert Guidance((toy_class(),), ended).start_ascent(pictures(), FINE, 0).stack.spec.margin == 11
    assert Guidance((toy_class(),)).start_ascent(pictures(height=48), FINE, 0).augmentation.windows.jitter == 8


@each_case(
    ("settings", "says"),
    [
        ({"objective": ()}, "no objective is given, so there is nothing to guide by"),
        ({"objective": (toy_class(weight=0.0),)}, "the weights of all objectives are 0"),
        ({"steps": 0}, "steps 0 is not a whole number from 1 to 100000; 3 are steady"),
        ({"strength": -1.0}, "strength -1.0 is not from 0 up; .* a weight below 0"),
        ({"strength": float("nan")}, "strength nan is not from 0 up"),
        ({"seed": -1}, "seed -1 is not a whole number"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Guidance(**({"objective": (toy_class(),)} | settings))


def test_one_objective_needs_no_tuple() -> None:
    one = toy_class()
    assert Guidance(one).objective.terms == Guidance([one]).objective.terms == one.terms  # type: ignore[arg-type]


OTHER_ASPECT = r"region of 'class 3' is 64 x 64 pixels and the picture 48 x 32, of another"


@each_case(
    ("objective", "shown", "says"),
    [
        (SQUARE, pictures(width=48), OTHER_ASPECT),
        (share_views(*(SQUARE, toy_class())), pictures(width=48), OTHER_ASPECT),
        (toy_class(), pictures(height=8), r"the picture is 32 x 8 pixels, too small"),
        (toy_class(), pictures() / 0, r"NaN or infinite"),
        (in_region(toy_class(), torch.ones(2, 32, 32)), pictures(3), r"2 region masks do not go with 3 images"),
    ],
)
def test_what_does_not_go_with_the_picture_is_named(objective: Objective, shown: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Guidance((objective,), VIEWS).start_ascent(shown, FINE, 0)


def test_an_exact_model_is_led_to_what_another_judge_recognises() -> None:
    side, seeds = 64, 2
    denoise, levels = ExactDenoiser(plain_pictures(side)), falling_levels(8)
    noise = torch.stack([torch.randn(3, side, side, generator=torch.Generator().manual_seed(s)) for s in range(seeds)])
    wish = class_objective(load_starter(), "jellyfish", "logit")
    guidance = Guidance((wish,), Augmentation(2, Windows(16)), steps=1, strength=3.0)

    def sample(guided: bool) -> Tensor:
        latent = noise * levels[0]
        for number, (sigma, after) in enumerate(itertools.pairwise(levels)):
            expected = denoise(latent, sigma)
            if guided:
                more = 2 * change(guidance, (expected + 1) / 2, pace_at_noise(sigma, side, 0.0), number)
                expected = expected + guidance.scale_change(expected, more)
            latent = expected + after / sigma * (latent - expected)
        return ((latent + 1) / 2).clamp(0, 1)

    judge = load_starter(SECOND_OPINION)
    before, after = (judge.probabilities(sample(guided))[:, judge.labels.find("jellyfish")] for guided in (False, True))
    assert bool((after > 1.5 * before).all())
