"""Guidance of a diffusion model: its steps, its short ascents, the size of its changes, and sampling with it."""

import itertools
import math
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import direct_ascent as da
from benchmarks.exact_denoiser import ExactDenoiser, falling_levels, plain_pictures
from cases import each_case, refuses
from das_core.ascent.guidance import FULL_CHANGE, GuidedSteps
from das_core.ascent.pace import Pace, pace_at_noise
from toys import toy_class

FINE = Pace(1.0, 1.0, 0.0)
VIEWS = da.views.Augmentation(4, da.views.Windows(8))
SQUARE = da.in_region(toy_class(), torch.ones(1, 64, 64))


def pictures(batch: int = 1, height: int = 32, width: int = 32) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(3))


def change(guidance: da.ascent.Guidance, shown: Tensor, pace: Pace = FINE, number: int = 0) -> Tensor:
    ascent = guidance.start_ascent(shown, pace, number)
    before = ascent.stack.image()
    return ascent.run().image - before


def test_the_score_rises_along_the_change_and_the_settings_are_not_those_of_a_picture() -> None:
    ascent = da.ascent.Guidance(toy_class(), VIEWS, steps=8).start_ascent(pictures(), FINE, 0)
    assert ascent.optimizer == da.ascent.NormalizedAscent(0.08, tilt=0.0)
    assert (ascent.denoising, ascent.focus, da.ascent.Guidance.steps, da.ascent.Guidance.strength) == (None, None, 3, 1)
    history = ascent.run().history
    assert history[-1].scores["class 3"] > history[0].scores["class 3"]


def test_all_steps_are_taken_at_the_moment_that_is_given() -> None:
    guidance = da.ascent.Guidance(da.over_steps(toy_class(), 0.0, 1.0), VIEWS, steps=2)
    # At its first moment the weight is 0; the last of the two steps would have another one.
    alone = guidance.start_ascent(pictures(), Pace(1.0, 1.0, 0.0), 0)
    assert torch.equal(alone.run().image, alone.stack.image())
    assert guidance.start_ascent(pictures(), Pace(1.0, 0.5, 0.25), 0).pace == Pace(1.0, 0.5, 0.25)


@each_case("strength", 0.0, 0.5, 1.0)
def test_the_change_is_a_share_of_the_deviation_of_each_latent_wherever_it_changes(strength: float) -> None:
    guidance = da.ascent.Guidance(toy_class(), VIEWS, strength=strength)
    latent = torch.stack([torch.randn(4, 8, 8), 5 + 0.1 * torch.randn(4, 8, 8)])
    added = guidance.scale_change(latent, torch.randn(2, 4, 8, 8) * torch.tensor([1e-6, 1e3])[:, None, None, None])
    deviations = (latent - latent.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3)).sqrt()
    expected = strength * FULL_CHANGE * deviations
    torch.testing.assert_close(added.square().mean(dim=(1, 2, 3)).sqrt(), expected, rtol=1e-4, atol=0)
    # A small region is not changed more strongly than a whole picture.
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :16, :16] = 1
    added = guidance.scale_change(latent, torch.randn(2, 4, 8, 8) * F.interpolate(mask, size=(8, 8)), mask)
    torch.testing.assert_close(added[..., :2, :2].square().mean(dim=(1, 2, 3)).sqrt(), expected, rtol=1e-4, atol=0)
    # A change of nothing adds nothing.
    assert not guidance.scale_change(latent, torch.zeros(2, 4, 8, 8)).any()
    assert not guidance.scale_change(torch.full((1, 4, 8, 8), 2.0), torch.randn(1, 4, 8, 8)).any()


def test_the_mask_of_a_region_is_that_of_the_picture_and_views_reach_as_far_as_their_jitter() -> None:
    mask = torch.zeros(1, 32, 32)
    mask[:, :, 16:] = 1
    shown = da.ascent.Guidance(da.in_region(toy_class(), mask), VIEWS).start_ascent(pictures(), FINE, 0).picture_mask
    assert shown is not None
    assert torch.equal(shown[:, 0], mask)
    # A side that was rounded to a multiple of 8 is no other aspect.
    da.ascent.Guidance(SQUARE, VIEWS).start_ascent(pictures(height=320, width=328), FINE, 0)
    wide = da.views.Augmentation(2, da.views.Windows(jitter=11))
    assert da.ascent.Guidance(toy_class(), wide).start_ascent(pictures(), FINE, 0).stack.spec.margin == 11
    for side, jitter in ((32, 8), (240, 56)):
        ascent = da.ascent.Guidance(toy_class()).start_ascent(pictures(height=side, width=side), FINE, 0)
        assert (ascent.augmentation.windows.jitter, ascent.picture_mask) == (jitter, None)


def test_each_image_and_each_step_of_the_sampler_has_draws_of_its_own() -> None:
    guidance = da.ascent.Guidance(toy_class(), VIEWS, steps=2, seed=5)
    same = pictures().expand(2, -1, -1, -1).contiguous()
    both = change(guidance, same)
    assert not torch.allclose(both[0], both[1], atol=1e-3)
    torch.testing.assert_close(change(guidance, same[:1])[0], both[0], rtol=0, atol=1e-4)
    assert torch.equal(change(guidance, same), both)
    assert not torch.allclose(change(guidance, same, number=1)[0], both[0], atol=1e-3)
    assert not torch.allclose(change(replace(guidance, seed=6), same)[0], both[0], atol=1e-3)


def guide(**settings: Any) -> da.ascent.Guidance:
    return da.ascent.Guidance(**({"objective": toy_class()} | settings))


test_bad_settings_are_named = refuses(
    lambda make, settings: make(**settings),
    (guide, {"objective": ()}, "no objective is given, so there is nothing to guide by"),
    (guide, {"objective": toy_class(weight=0.0)}, "the weights of all objectives are 0"),
    (guide, {"steps": 0}, "steps 0 is not a whole number from 1 to 100000; 3 are steady"),
    (guide, {"strength": -1.0}, "strength -1.0 is not between 0 and .* a weight below 0"),
    (guide, {"strength": math.nan}, "strength nan is not"),
    (guide, {"seed": -1}, "seed -1 is not a whole number"),
    (GuidedSteps, {"start_percent": 0.5, "end_percent": 0.5}, r"start_percent 0.5 is not below .* 0.5.* lower"),
    (GuidedSteps, {"start_percent": -0.1}, "start_percent -0.1 is not between 0 and 1; 0 is pure noise"),
    (GuidedSteps, {"end_percent": math.nan}, "end_percent nan is not between"),
    (GuidedSteps, {"every": 0}, "every 0 is not a whole number from 1 up; 1 guides each step"),
)


OTHER_ASPECT = "region of 'class 3' is 64 x 64 pixels and the picture 48 x 32, of another"


test_what_does_not_go_with_the_picture_is_named = refuses(
    lambda objective, shown: da.ascent.Guidance(objective, VIEWS).start_ascent(shown, FINE, 0),
    (da.share_views(SQUARE, toy_class()), pictures(width=48), OTHER_ASPECT),
    (toy_class(), pictures(height=8), "the picture is 32 x 8 pixels, too small"),
    (toy_class(), pictures() / 0, "NaN or infinite"),
)


def test_an_exact_model_is_led_to_what_another_judge_recognises() -> None:
    side = 64
    denoise, levels = ExactDenoiser(plain_pictures(side)), falling_levels(8)
    noise = torch.randn(4, 3, side, side, generator=torch.Generator().manual_seed(0))
    objective = da.classes("jellyfish", "logit").on(da.load_starter())
    guidance = da.ascent.Guidance(objective, da.views.Augmentation(4, da.views.Windows(16)), steps=1, strength=3.0)

    def sample(guided: bool) -> Tensor:
        latent = noise * levels[0]
        for number, (sigma, after) in enumerate(itertools.pairwise(levels)):
            expected = denoise(latent, sigma)
            if guided:
                more = 2 * change(guidance, (expected + 1) / 2, pace_at_noise(sigma, side, 0.0), number)
                expected = expected + guidance.scale_change(expected, more)
            latent = expected + after / sigma * (latent - expected)
        return ((latent + 1) / 2).clamp(0, 1)

    judge = da.load_starter(da.SECOND_OPINION)
    before, after = (judge.probabilities(sample(guided))[:, judge.labels.find("jellyfish")] for guided in (False, True))
    assert float((after / before).log().mean()) > math.log(1.5)


LEVELS = [10.0, 8.0, 6.0, 4.0, 2.0, 1.0, 0.0]


@each_case(
    ("every", "highest", "lowest", "expected"),
    (2, 1e9, 0.0, [0, 2, 4]),
    (1, 8.0, 2.0, [1, 2, 3, 4]),
    (2, 9.0, 1.5, [1, 3]),
    (100, 9.0, 0.0, [1]),
    (1, 3.9, 2.1, []),
)
def test_every_nth_chosen_step_is_guided(every: int, highest: float, lowest: float, expected: list[int]) -> None:
    steps = [GuidedSteps(every=every).find(level, LEVELS, highest, lowest) for level in LEVELS[:-1]]
    found = [(step.number, step.progress, step.is_last) for step in steps if step]
    last = len(expected) - 1
    assert found == [(number, place / max(1, last), place == last) for place, number in enumerate(expected)]


def test_noise_between_two_levels_belongs_to_the_step_above_and_a_rounded_level_to_its_own() -> None:
    steps = GuidedSteps(every=2)
    # Between two levels; and the noise that a sampler has added to its first one.
    found = [steps.find(noise, LEVELS, 1e9, 0.0) for noise in (7.0, 5.0, 11.0)]
    assert [step and step.number for step in found] == [None, 2, 0]
    # Levels that were computed anew in float32 are the same.
    levels = falling_levels(20)
    rounded = [float((torch.tensor(level).log() * 1.0).exp()) for level in levels[:-1]]
    found = [GuidedSteps().find(level, levels, 1e9, 0.0) for level in rounded]
    assert [step.number for step in found if step] == list(range(20))
