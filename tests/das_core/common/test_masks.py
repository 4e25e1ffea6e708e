from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from toys import Output, classifier, judge

from das_core.ascent.loop import Ascent
from das_core.ascent.optimizers import SGD, Adam, NormalizedAscent, Optimizer
from das_core.common.geometry import add_context, intersect_boxes
from das_core.common.masks import canvas_mask, find_boxes, mean_square
from das_core.objectives.classes import ClassObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.draws import Draws, ViewKey
from das_core.views.geometry import ViewGeometry
from das_core.views.windows import Windows

SPEC = StackSpec(48, 40, 8)
VIEWS = Augmentation(4, Windows(8))


def photograph(height: int = 40, width: int = 48, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(3))


def square(top: int = 10, left: int = 12, side: int = 20, shape: tuple[int, int] = (40, 48)) -> Tensor:
    mask = torch.zeros(1, *shape)
    mask[:, top : top + side, left : left + side] = 1
    return mask


def part(image: Tensor | None = None, mask: Tensor | None = None, feather: int = 0) -> ImageStack:
    shown = photograph() if image is None else image
    return ImageStack.from_image(SPEC, shown).place_into(shown, square() if mask is None else mask, feather)


def climbed(stack: ImageStack, optimizer: Optimizer | None = None, steps: int = 4) -> ImageStack:
    ascent = Ascent(stack, [ClassObjective(classifier(), ((3, 1.0),))], VIEWS, steps=steps, optimizer=optimizer)
    ascent.run()
    return ascent.result.stack


@pytest.mark.parametrize("optimizer", [NormalizedAscent(), SGD(1.0, 0.5), Adam()], ids=lambda o: o.kind)
@pytest.mark.parametrize("feather", [0, 4])
def test_outside_the_mask_every_bit_is_the_images(optimizer: Optimizer, feather: int) -> None:
    image = photograph()
    made = climbed(part(image, feather=feather), optimizer).image()
    outside = (square() == 0).expand(3, -1, -1)[None]
    assert torch.equal(made[outside], image[outside])
    inside = made[:, :, 12:28, 14:30] - image[:, :, 12:28, 14:30]
    assert inside.abs().mean() > 0.01


def test_black_and_white_outside_the_mask_stay() -> None:
    image = photograph().round()
    made = climbed(part(image)).image()
    outside = (square() == 0).expand(3, -1, -1)[None]
    assert torch.equal(made[outside], image[outside])
    assert set(made[outside].unique().tolist()) == {0.0, 1.0}


def test_a_full_mask_is_no_mask() -> None:
    image = photograph()
    plain = climbed(ImageStack.from_image(SPEC, image)).image()
    full = climbed(part(image, torch.ones(1, 7, 9))).image()
    # Views are drawn from all of the canvas in either case.
    torch.testing.assert_close(full, plain, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (torch.zeros(1, 9, 9), r"the mask has no pixel above 0.* invert the mask"),
        (torch.cat([torch.ones(1, 9, 9), torch.zeros(1, 9, 9)]), r"the mask number 2 has no pixel"),
        (torch.full((1, 9, 9), torch.nan), r"NaN or infinite"),
        (torch.ones(9, 9), r"the shape \(9, 9\); \[batch, height, width\] is needed"),
        (torch.ones(1, 0, 9), r"the shape \(1, 0, 9\)"),
        (torch.ones(3, 9, 9), r"2 images do not go with a batch of 3: use 1 or 3"),
    ],
)
def test_masks_that_cannot_be_are_named(mask: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ImageStack.grey(SPEC).place_into(photograph(count=2), mask)


def test_a_mask_that_is_cut_away_is_named() -> None:
    edge = torch.zeros(1, 100, 40)
    edge[:, :4] = 1
    with pytest.raises(
        ValueError, match=r"nothing of the mask is left when it is resized to cover the picture, 48 x 40"
    ):
        ImageStack.grey(SPEC).place_into(photograph(), edge)


@pytest.mark.parametrize("feather", [-1, 40])
def test_a_feather_that_cannot_be_is_named(feather: int) -> None:
    with pytest.raises(ValueError, match=rf"feather {feather} is not between 0 .* and 39"):
        part(feather=feather)


def test_a_mask_too_thin_for_its_feather_is_named() -> None:
    with pytest.raises(ValueError, match="too thin for a feather of 30 pixels"):
        part(mask=square(side=2), feather=30)


def test_a_feather_rises_inward_from_the_edge() -> None:
    cut = canvas_mask(square(), (40, 48), 8, 6)[0, 0]
    hard = canvas_mask(square(), (40, 48), 8)[0, 0]
    assert not cut[hard == 0].any()
    row = cut[8 + 20, 8 + 12 : 8 + 22]
    assert bool((row.diff() >= 0).all())
    assert row[0] < 0.3
    assert row[-1] > 0.95


def test_a_mask_at_the_edge_goes_on_into_the_margin() -> None:
    cut = canvas_mask(square(top=0, left=0), (40, 48), 8, 4)[0, 0]
    # No softened edge where the picture ends.
    assert bool((cut[:20, :16] > 0.99).all())
    assert not cut[40:].any()


def test_one_image_and_many_masks_make_a_batch() -> None:
    masks = torch.cat([square(), square(top=2, left=2)])
    stack = part(mask=masks)
    assert stack.batch == 2
    made = climbed(stack).image()
    for number, mask in enumerate(masks):
        outside = (mask == 0).expand(3, -1, -1)
        assert torch.equal(made[number][outside], photograph()[0][outside])
    assert not torch.equal(made[0], made[1])


def test_a_mask_of_another_size_lies_where_its_image_does() -> None:
    large = square(20, 24, 40, (80, 96))
    small = canvas_mask(square(), (40, 48), 0)
    resized = canvas_mask(large, (40, 48), 0)
    assert (resized - small).abs().mean() < 0.03


class Blind(nn.Module):
    """Sees nothing but the mean of each view."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3))


def test_the_step_is_as_large_under_the_mask_as_elsewhere() -> None:
    asked = [Output(judge(Blind()))]
    ascent = Ascent(part(), asked, VIEWS, steps=1, schedule="constant", optimizer=NormalizedAscent(0.06))
    (step,) = list(ascent)
    moved = step.stack.canvas - step.stack.start
    assert step.stack.surroundings is not None
    rms = mean_square(moved, step.stack.surroundings.mask).sqrt()
    torch.testing.assert_close(rms, torch.full_like(rms, 0.06), rtol=1e-4, atol=0)


def test_mean_squares_under_a_mask_equal_their_definition() -> None:
    values = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    mask = torch.rand(2, 1, 5, 6, dtype=torch.float64)
    for item in range(2):
        for channel in range(3):
            expected = (values[item, channel].numpy() ** 2 * mask[item, 0].numpy()).sum() / mask[item, 0].numpy().sum()
            assert float(mean_square(values, mask)[item, channel]) == pytest.approx(expected)


def test_boxes_hold_what_is_painted() -> None:
    masks = torch.stack([square(3, 5, 7), square(0, 0, 40)])
    assert find_boxes(masks) == [(3, 5, 7, 7), (0, 0, 40, 40)]


@pytest.mark.parametrize(
    ("box", "expected"),
    [((10, 10, 20, 20), (5, 5, 30, 30)), ((0, 0, 4, 4), (0, 0, 25, 25)), ((90, 90, 10, 10), (75, 75, 25, 25))],
)
def test_context_surrounds_a_box_within_reach(box: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert add_context(box, (0, 0, 100, 100)) == expected  # type: ignore[arg-type]


def test_the_common_part_of_boxes() -> None:
    assert intersect_boxes((0, 0, 10, 10), (5, 6, 10, 10)) == (5, 6, 5, 4)
    assert intersect_boxes((0, 0, 3, 3), (5, 5, 9, 9))[2:] == (0, 0)


def test_views_lie_in_the_box_of_their_image() -> None:
    keys = [ViewKey(0, item, 0, view) for item in range(2) for view in range(50)]
    boxed = ((4, 6, 20, 24), (30, 10, 17, 40))
    windows = Windows(8, zoom_start=0.45).draw(ViewGeometry((56, 64), 8, boxes=boxed), Draws(keys, torch.device("cpu")))
    for number, (top, left, side) in enumerate(windows):
        low, start, height, width = boxed[number // 50]
        assert low <= top <= top + side <= low + height
        assert start <= left <= left + side <= start + width
    # No box: the same draws as ever.
    free = Windows(8).draw(ViewGeometry((56, 64), 8), Draws(keys, torch.device("cpu")))
    assert free == Windows(8).draw(
        ViewGeometry((56, 64), 8, boxes=((0, 0, 56, 64),) * 2), Draws(keys, torch.device("cpu"))
    )


def seen(stack: ImageStack, look: Callable[[Tensor], None]) -> None:
    class Looking(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            look(views.detach())
            return views.mean(dim=(2, 3))

    plain = Augmentation(32, Windows(0, zoom_min=1.0), transforms=())
    next(iter(Ascent(stack, [Output(judge(Looking()))], plain, chunk=32)))


def test_models_see_the_surroundings_and_what_is_made() -> None:
    image = torch.ones(1, 3, 40, 48)
    views: list[Tensor] = []
    seen(ImageStack.grey(SPEC).place_into(image, square(side=10)), views.append)
    shown = torch.cat(views)
    assert shown.max() == 1
    assert shown.min() < 0.6
    # The box of the mask and half as much again: 10 of 15 pixels each way are made.
    share = (shown < 0.75).float().mean()
    assert 0.3 < share < 0.6


def test_a_stack_with_surroundings_moves_and_continues() -> None:
    whole = climbed(part(), NormalizedAscent(coarse_to_fine=0.0), 4)
    device = torch.device("cpu")
    assert torch.equal(whole.to(device).image(), whole.image())
    again = climbed(replace(whole), NormalizedAscent(), 2)
    outside = (square() == 0).expand(3, -1, -1)[None]
    assert torch.equal(again.image()[outside], photograph()[outside])
