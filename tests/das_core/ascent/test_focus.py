"""The window that a picture grows in."""

import math

import numpy as np
import pytest
import torch

from cases import each_case
from das_core.ascent.emphasis import emphasise
from das_core.ascent.focus import Focus, measure_squared_distances
from das_core.ascent.loop import Ascent
from das_core.ascent.result import Result
from das_core.ascent.sgd import SGD
from das_core.objectives.change import in_region
from das_core.objectives.term import Objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from stops import assert_ends_anywhere
from toys import judge, output_objective

SPEC = StackSpec(48, 32, 8)
VIEWS = Augmentation(4, Windows(8))


def test_the_window_is_the_gaussian_of_its_formula() -> None:
    focus = Focus(start=0.4, end=1.0, share=0.5)
    window = focus.window(measure_squared_distances((7, 11)), progress=0.25)
    y, x = np.meshgrid(np.linspace(-1, 1, 7), np.linspace(-1, 1, 11), indexing="ij")
    expected = np.exp(-(x**2 + y**2) / (2 * 0.7**2))
    assert window.shape == (1, 1, 7, 11)
    np.testing.assert_allclose(window[0, 0].numpy(), expected, atol=1e-6)


def test_it_opens_evenly_over_its_share_of_the_steps_and_stays_open() -> None:
    focus = Focus(start=0.2, end=1.0, share=0.8)
    assert focus.width_at(0.0) == 0.2
    assert focus.width_at(0.4) == pytest.approx(0.6)
    assert focus.width_at(0.8) == focus.width_at(1.0) == 1.0
    assert Focus(start=0.2, end=1.0, share=0.0).width_at(0.0) == 1.0


@each_case(
    ("settings", "message"),
    [
        ({"start": 0.0}, r"focus 0\.0 is not between 0\.05"),
        ({"start": -1.0}, "focus -1"),
        ({"start": math.nan}, "focus nan"),
        ({"start": math.inf}, "focus inf"),
        ({"start": 4.0}, "ends at 1.2 does not open from 4.0"),
        ({"end": math.nan}, "ends at nan"),
        ({"end": 101.0}, "ends at 101"),
        ({"share": -0.1}, r"over -0\.1 of the steps"),
        ({"share": math.nan}, "over nan of the steps"),
        ({"emphasis": -0.1}, r"emphasis -0\.1 is not between 0"),
        ({"emphasis": math.nan}, "emphasis nan is not between"),
        ({"emphasis": math.inf}, "emphasis inf is not between"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Focus(**settings)


def test_distances_are_measured_from_the_middle_of_a_mask_or_from_what_of_it_is_nearest() -> None:
    mask = torch.zeros(2, 1, 12, 10)
    mask[0, :, 2:7, 1:4] = 1
    mask[1] = 1
    squared = measure_squared_distances((12, 10), mask)
    assert squared[0, 0, 4, 2] == 0
    assert squared[0, 0, 2, 2] == 1  # The middle of an edge of the box.
    assert squared[0, 0, 6, 3] == 2  # A corner of it.
    assert squared[0, 0, 11, 2] == (11 - 4) ** 2 / 2**2
    # A mask of all is no mask. An even side has no middle pixel; the nearest ones count as the middle.
    everywhere = measure_squared_distances((12, 10))
    torch.testing.assert_close(squared[1:], everywhere - everywhere.min())
    ring = torch.ones(1, 1, 31, 31)
    ring[:, :, 5:26, 5:26] = 0
    squared = measure_squared_distances((31, 31), ring)
    assert squared.min() >= 0
    assert (squared * ring).where(ring > 0, torch.inf).min() == 0
    narrow = Focus(start=0.05).window(squared, 0.0) * ring
    assert narrow.max() == 1  # Without this, all of it would round to 0 and an ascent would have no gradient.


def change(objective: object, focus: Focus | None, stack: ImageStack | None = None, steps: int = 1) -> torch.Tensor:
    """Return how far each pixel of the canvas moves, (H, W), in the form of K where nothing spreads."""
    start = stack or ImageStack.gray(SPEC)
    result = climb(objective, focus, start, steps)
    return (result.stack.canvas - start.canvas).abs().sum(dim=(0, 1))


def climb(objective: object, focus: Focus | None, stack: ImageStack, steps: int) -> Result:
    return Ascent(stack, [objective], VIEWS, steps=steps, optimizer=SGD(0.01), focus=focus).run()  # type: ignore[list-item]


def brightness() -> Objective:
    return output_objective(judge(torch.nn.Identity()), "brightness")


def test_the_gradient_is_multiplied_by_the_window_and_a_wide_one_changes_next_to_nothing() -> None:
    # Levels from 1 to the canvas spread a gradient; a single level of full size does not.
    stack = ImageStack.gray(StackSpec(48, 32, 8, levels=(64,), method="layers", color="rgb"))
    focus = Focus(start=0.3)
    with_focus, without = change(brightness(), focus, stack), change(brightness(), None, stack)
    window = focus.window(measure_squared_distances((48, 64)), 0.0)[0, 0]
    torch.testing.assert_close(with_focus, without * window, rtol=1e-3, atol=1e-6)
    wide = climb(brightness(), Focus(start=100.0, end=100.0), ImageStack.gray(SPEC), 3).image
    none = climb(brightness(), None, ImageStack.gray(SPEC), 3).image
    torch.testing.assert_close(wide, none, rtol=0, atol=1e-4)


def test_a_region_grows_from_its_own_middle() -> None:
    mask = torch.zeros(1, 32, 48)
    mask[:, :, 24:] = 1
    stack = ImageStack.gray(StackSpec(48, 32, 0, levels=(48,), method="layers", color="rgb"))
    views = Augmentation(4, Windows(0))
    objective = in_region(brightness(), mask)
    moved = Ascent(stack, [objective], views, steps=1, optimizer=SGD(0.01), focus=Focus(start=0.2)).run().stack.canvas
    columns = moved.abs().sum(dim=(0, 1, 2))
    assert int(columns.argmax()) in range(33, 39)
    assert columns[:24].max() < 1e-5 * columns.max()


def test_by_default_a_picture_has_a_focus_and_a_tile_which_has_no_centre_has_none() -> None:
    assert Ascent(ImageStack.gray(SPEC), [brightness()], VIEWS).focus == Focus()
    assert Ascent(ImageStack.gray(SPEC), [brightness()], VIEWS, focus=None).focus is None
    tile = ImageStack.gray(StackSpec(32, 32, 0, tile=True))
    assert Ascent(tile, [brightness()], Augmentation(4)).focus is None
    with pytest.raises(ValueError, match="a tile has no centre"):
        Ascent(tile, [brightness()], Augmentation(4), focus=Focus())


def test_the_weight_is_the_window_and_then_the_emphasis() -> None:
    gradient = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    distances = measure_squared_distances((32, 48))
    under = gradient * Focus().window(distances, 0.5)
    assert torch.equal(Focus(emphasis=0.0).weight(gradient, distances, 0.5), under)
    assert torch.equal(Focus(emphasis=2.0).weight(gradient, distances, 0.5), emphasise(under, 2.0))


def test_the_masks_of_a_film_are_looked_at_one_by_one() -> None:
    masks = torch.zeros(5, 1, 24, 24)
    masks[:, :, 4:9, 4:9] = 1
    assert assert_ends_anywhere(lambda: measure_squared_distances((24, 24), masks)) >= 2 * len(masks)
