from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from toys import Output, classifier, judge

from das_core.ascent.ensemble import group_by_judge, name_objectives
from das_core.ascent.loop import Ascent
from das_core.ascent.optimizers import SGD
from das_core.ascent.result import Result
from das_core.objectives.base import Objective
from das_core.objectives.classes import ClassObjective
from das_core.objectives.prior import Prior
from das_core.objectives.wrapped import RegionObjective, ScheduledObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

# Without the coarsest levels, which reach over the edge of any region.
SPEC = StackSpec(64, 48, 8, levels=(16, 32, 64))
VIEWS = Augmentation(4, Windows(8))


def half(right: bool, width: int = 64) -> Tensor:
    mask = torch.zeros(1, 48, width)
    mask[:, :, width // 2 :] = 1.0 if right else 0.0
    mask[:, :, : width // 2] = 0.0 if right else 1.0
    return mask


def ask(target: int, seed: int = 0) -> ClassObjective:
    return ClassObjective(classifier(seed=seed), ((target, 1.0),))


def climb(stack: ImageStack, asked: list[Objective], steps: int = 3, **settings: object) -> Result:
    ascent = Ascent(stack, asked, VIEWS, steps=steps, **settings)  # type: ignore[arg-type]
    ascent.run()
    return ascent.result


class Brightness(nn.Module):
    """The mean of each view."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(1, 2, 3))[:, None]


def test_a_region_moves_what_lies_under_it() -> None:
    asked = [RegionObjective(Output(judge(Brightness())), half(right=True))]
    made = climb(ImageStack.grey(SPEC), list(asked), optimizer=SGD(0.5))
    left, right = made.image[..., :20] - 0.5, made.image[..., 44:] - 0.5
    assert right.mean() > 10 * left.mean().abs()


def test_two_regions_go_their_own_ways() -> None:
    bright = Output(judge(Brightness()))
    asked = [RegionObjective(bright, half(False)), RegionObjective(replace(bright, weight=-1.0), half(True))]
    image = climb(ImageStack.grey(SPEC), list(asked), 6).image
    assert image[..., :24].mean() > 0.55
    assert image[..., 40:].mean() < 0.45


def test_views_are_drawn_where_the_region_is() -> None:
    views: list[Tensor] = []

    class Looking(nn.Module):
        def forward(self, seen: Tensor) -> Tensor:
            views.append(seen.detach())
            return seen.mean(dim=(1, 2, 3))[:, None]

    image = torch.zeros(1, 3, 48, 64)
    image[..., 32:] = 1
    stack = ImageStack.from_image(StackSpec(64, 48, 8), image, contrast=1.0)
    plain = replace(VIEWS, transforms=())
    next(iter(Ascent(stack, [RegionObjective(Output(judge(Looking())), half(True))], plain)))
    assert torch.cat(views).min() > 0.98


def test_the_same_question_in_two_places_is_asked_twice() -> None:
    model, here, there = classifier(), half(False), half(True)
    first, second = ClassObjective(model, ((1, 1.0),)), ClassObjective(model, ((2, 1.0),))
    asked = [RegionObjective(first, here), RegionObjective(second, here), RegionObjective(first, there), first]
    groups = group_by_judge(name_objectives([Prior(), *asked]))
    assert [len(group.members) for group in groups] == [2, 1, 1, 1]
    assert groups[-1].judge is None


def test_a_region_keeps_name_weight_and_schedule() -> None:
    scheduled = ScheduledObjective(replace(ask(1), weight=2.0), 0.0, 1.0)
    region = RegionObjective(scheduled, half(True))
    assert (region.name, region.weight) == (scheduled.name, 2.0)
    assert [region.weight_at(done) for done in (0.0, 0.5, 1.0)] == [0.0, 1.0, 2.0]
    assert RegionObjective(ask(1), half(True)).weight_at(0.5) == 1.0
    outer = ScheduledObjective(RegionObjective(region, half(False)))
    assert [bool(mask[0, 0, 0]) for mask in outer.regions] == [True, False]
    assert ask(1).regions == ()


def test_a_region_of_everything_climbs_like_none() -> None:
    whole = climb(ImageStack.grey(SPEC), [RegionObjective(ask(3), torch.ones(1, 5, 5))]).image
    torch.testing.assert_close(whole, climb(ImageStack.grey(SPEC), [ask(3)]).image, rtol=0, atol=1e-5)


def test_regions_raise_their_own_scores() -> None:
    asked = [RegionObjective(ask(3), half(False)), RegionObjective(ask(5, seed=1), half(True))]
    history = climb(ImageStack.grey(SPEC), list(asked), 24).history
    for name in ("class 3", "class 5"):
        assert history[-1].scores[name] > history[0].scores[name] + 0.1


def test_every_image_of_a_batch_may_have_a_region_of_its_own() -> None:
    masks = torch.cat([half(False), half(True)])
    asked = [RegionObjective(Output(judge(Brightness())), masks)]
    image = climb(ImageStack.grey(SPEC, 2), list(asked), 6).image
    assert image[0, ..., :24].mean() > image[0, ..., 40:].mean() + 0.02
    assert image[1, ..., 40:].mean() > image[1, ..., :24].mean() + 0.02


def speck(side: int) -> Tensor:
    mask = torch.zeros(1, 48, 64)
    mask[:, 20 : 20 + side, 30 : 30 + side] = 1
    return mask


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (RegionObjective(ask(1), torch.zeros(1, 9, 9)), "the region has no pixel above 0"),
        (RegionObjective(ask(1), speck(9)), r"the region is 9 x 9 pixels in image 1, too small .* 16 a side"),
        (RegionObjective(ask(1), torch.ones(3, 9, 9)), "3 region masks do not go with 1 images"),
        (
            RegionObjective(RegionObjective(ask(1), half(True)), half(False)),
            "no pixel in common with what may change in image 1",
        ),
    ],
)
def test_regions_that_cannot_be_are_named(asked: RegionObjective, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Ascent(ImageStack.grey(SPEC), [asked], VIEWS)


def test_a_region_outside_the_mask_of_the_stack_is_named() -> None:
    stack = ImageStack.grey(SPEC).place_into(torch.rand(1, 3, 48, 64), half(True))
    with pytest.raises(ValueError, match="no pixel in common with what may change"):
        Ascent(stack, [RegionObjective(ask(1), half(False))], VIEWS)


def test_a_prior_may_act_in_a_place_of_any_size() -> None:
    image = torch.rand(1, 3, 48, 64)
    stack = ImageStack.from_image(StackSpec(64, 48, 8), image)
    made = climb(stack, [RegionObjective(Prior("total_variation"), speck(9))], optimizer=SGD(1.0)).image
    before = stack.image()
    assert (made - before)[..., 20:29, 30:39].abs().mean() > 3 * (made - before)[..., :16, :16].abs().mean()
