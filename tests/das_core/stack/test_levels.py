import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from cases import refuses
from das_core.stack.levels import bicubic_matrix, check_levels, level_shape, linear_levels


def test_linear_levels_go_in_equal_steps_and_reach_the_canvas() -> None:
    assert linear_levels(336, 4) == tuple(range(1, 337, 4))
    assert linear_levels(9, 4, first=5) == (5, 9)
    assert linear_levels(5, 5) == (1,)


def test_levels_keep_their_order() -> None:
    assert check_levels((16, 4, 16, 1), 16) == [16, 4, 16, 1]


test_levels_that_cannot_be_are_named = refuses(
    lambda make, given: make(*given),
    (linear_levels, (336, 0), "step 0 is not a whole number from 1 to 336; try 4"),
    (linear_levels, (336, 337), "step 337 is not"),
    (linear_levels, (336, 4, 0), "the first level 0 is not a whole number from 1 to 336"),
    (linear_levels, (336, 4, 337), "the first level 337 is not"),
    (check_levels, ([1, 0], 16), "level 0 is not a whole number from 1 to 16; take it out, or make the canvas"),
    (check_levels, ([1, 17], 16), "level 17 is not a whole number from 1 to 16"),
    (check_levels, ([2.0], 16), "level 2.0 is not a whole number from 1 to 16"),
    (check_levels, ([], 16), "the list of levels is empty; give at least one resolution"),
)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_a_level_is_in_proportion(height: int, width: int, data: st.DataObject) -> None:
    longest = max(height, width)
    level = data.draw(st.integers(1, longest))
    rows, columns = level_shape(level, (height, width))
    assert max(rows, columns) == level
    assert (rows, columns) == tuple(max(1, round(level * side / longest)) for side in (height, width))


SIDES = st.integers(1, 90)


@given(SIDES, SIDES)
def test_the_matrix_is_what_torch_interpolates_and_that_of_a_tile_goes_on_at_the_other_end(
    source: int, target: int
) -> None:
    signal = torch.randn(source, dtype=torch.float64, generator=torch.Generator().manual_seed(source * 97 + target))
    for copies, tile in ((1, False), (7, True)):
        image = signal.repeat(copies)[None, None, None, :].expand(-1, -1, 5, -1)
        expected = F.interpolate(image, size=(5, copies * target), mode="bicubic", align_corners=False)[0, 0, 2]
        middle = copies // 2 * target
        ours = bicubic_matrix(source, target, tile) @ signal
        torch.testing.assert_close(ours, expected[middle : middle + target], rtol=0, atol=1e-12)
