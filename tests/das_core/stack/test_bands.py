import pytest
import torch

from cases import each_case, refuses
from das_core.stack.bands import (
    FINEST,
    covers_all_resolutions,
    format_band,
    group_into_octaves,
    mask_moving_frequencies,
    parse_bands,
    parse_gains,
    select_levels,
)
from das_core.stack.bases import CosineBasis, FourierBasis

CPU = torch.device("cpu")


def test_bands_and_gains_are_read() -> None:
    bands = ((5, 5), (1, 16), (65, FINEST), (1, 2))
    assert parse_bands(" 5 , -16;65- \n 1 - 2 ") == parse_bands(", ".join(map(format_band, bands))) == bands
    assert (parse_bands("17\u201364"), parse_bands(" ,\n")) == (((17, 64),), ())
    gains = (((1, 16), 0.5), ((65, FINEST), -2.0), ((5, 5), 0.0))
    assert parse_gains("1-16: 0.5\n\n 65-:-2 \n5 : 0") == gains
    assert parse_gains("1-16\uff1a0.5\n65-\uff1a -2\n5: 0") == gains


test_bad_bands_and_gains_are_named = refuses(
    lambda parse, text: parse(text),
    (parse_bands, "large", "the band 'large' is none; write resolutions such as '17-64'"),
    (parse_bands, "-", "the band '-' is none"),
    (parse_bands, "1-2-3", "the band '1-2-3' is none"),
    (parse_bands, "64-17", "the band '64-17' holds nothing: it has to rise"),
    (parse_bands, "0-4", "the band '0-4' holds nothing: it has to rise, from 1 up"),
    (parse_bands, "9" * 40, r"the band '9+\.*' is none"),
    (parse_gains, ": 2", "the band '' is none"),
    (parse_gains, "1-16", "the line '1-16' has no factor; .*'1-16: 0.5'"),
    (parse_gains, "1-16: half", "'half' in '1-16: half' is not a number; write '1-16: 0.5'"),
)


def test_a_band_without_a_level_is_named() -> None:
    assert select_levels(parse_bands("4-8, 64-"), (1, 4, 8, 9, 64, 65)) == [False, True, True, False, True, True]
    with pytest.raises(ValueError, match="the band '2-3' holds no level: there are 6, from 1 to 65"):
        select_levels(parse_bands("1, 2-3"), (1, 4, 8, 9, 64, 65))


def test_many_levels_are_grouped_into_octaves() -> None:
    assert group_into_octaves((1, 5, 9), 10) == group_into_octaves((1, 5, 9), 3) == [[0], [1], [2]]
    levels = tuple(range(1, 334, 4))
    groups = group_into_octaves(levels, 10)
    assert [levels[group[0]] for group in groups] == [1, 5, 9, 17, 33, 65, 129, 257]
    assert [number for group in groups for number in group] == list(range(84))


def test_cosines_are_frozen_with_the_level_that_first_shows_them() -> None:
    block, basis = torch.zeros(4, 8), CosineBasis(4, 8, CPU)
    block[:2, :4] = 1
    assert torch.equal(mask_moving_frequencies(basis, [(1, 4)]), 1 - block)
    assert torch.equal(mask_moving_frequencies(basis, [(5, FINEST)]), block)
    assert torch.equal(mask_moving_frequencies(basis, [(1, 2), (3, 4)]), 1 - block)
    # What is frozen of a tall canvas is that of a wide one, transposed.
    tall, wide = (mask_moving_frequencies(CosineBasis(*sides, CPU), [(3, 5)]) for sides in ((12, 8), (8, 12)))
    assert torch.equal(tall, wide.T)


@each_case("sides", (8, 8), (6, 8), (7, 5))
def test_in_a_tile_every_wave_belongs_to_one_resolution_and_the_finest_to_the_finest(sides: tuple[int, int]) -> None:
    basis = FourierBasis(*sides, CPU)
    upper, lower = (mask_moving_frequencies(basis, [band]) for band in ((4, max(sides)), (1, 3)))
    assert torch.equal(upper + lower, torch.ones_like(upper))
    assert float(upper[sides[0] // 2, sides[1] // 2]) == 0
    if sides == (8, 8):
        # Waves of up to three samples: none and one along each axis, in either direction.
        assert sorted(map(tuple, (lower == 0).nonzero().tolist())) == [(y, x) for y in (0, 1, 7) for x in (0, 1)]


def test_bands_that_hold_everything() -> None:
    for bands in ([(1, FINEST)], [(17, 48), (1, 16)], [(1, 40), (2, 3), (41, 48)]):
        assert covers_all_resolutions(bands, 48)
    for bands in ([(1, 16), (18, 48)], [(1, 47)], []):
        assert not covers_all_resolutions(bands, 48)
