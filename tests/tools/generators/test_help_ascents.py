"""Short ascents and views for the pictures of the help pages."""

import numpy as np

from das_core import Perspective, Prior
from generators.help_ascents import climb, draw_views, photograph, stack_photograph
from generators.help_pictures import read_thumbnail, to_picture


def test_a_short_ascent_goes_on_from_a_stack_and_repeats_its_bits() -> None:
    smooth = Prior("total_variation", weight=1.0)
    one, other = (climb(smooth, stack_photograph(), steps=2) for _ in range(2))
    assert len(one.history) == 2
    assert one.history[-1].scores["total variation"] > one.history[0].scores["total variation"]
    assert one.image.equal(other.image)
    assert (one.image - photograph()).abs().mean() < 0.2


def test_views_are_drawn_with_the_transforms_alone_or_as_a_model_sees_them() -> None:
    whole = np.asarray(read_thumbnail("class_to_image").resize((336, 336)), dtype=float)
    (plain,) = draw_views([], count=1)
    assert np.abs(np.asarray(plain, dtype=float) - whole).max() <= 1
    skewed = draw_views([Perspective(0.3)], count=2)
    assert np.asarray(skewed[0]).tobytes() != np.asarray(skewed[1]).tobytes()
    assert [view.size for view in draw_views(count=3)] == [(224, 224)] * 3


def test_a_batch_shows_its_first_image() -> None:
    assert to_picture(photograph(32)).size == (32, 32)
