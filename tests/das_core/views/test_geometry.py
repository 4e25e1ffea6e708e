from dataclasses import FrozenInstanceError, replace

import pytest

from das_core.views.geometry import ViewGeometry
from das_core.views.windows import Windows
from toys import make_draws


def test_views_lie_anywhere_on_the_canvas_or_in_the_box_that_their_image_has_by_its_number_in_the_batch() -> None:
    drawn = Windows(0, 0.5, 0.5).draw(ViewGeometry((30, 40)), make_draws(500))
    assert {top for top, _, _ in drawn} == set(range(16))
    assert {left for _, left, _ in drawn} == set(range(26))
    boxes = ((0, 0, 8, 8), (20, 30, 8, 8), (5, 5, 4, 4))
    drawn = Windows(0, 1.0).draw(ViewGeometry((30, 40), boxes=boxes), make_draws(2, items=3))
    assert drawn == [(0, 0, 8)] * 2 + [(20, 30, 8)] * 2 + [(5, 5, 4)] * 2


def test_a_geometry_is_a_value() -> None:
    geometry = ViewGeometry((30, 40), 4, 16, boxes=((0, 0, 8, 8),))
    same = ViewGeometry((30, 40), 4, 16, boxes=((0, 0, 8, 8),))
    assert geometry == same
    assert len({geometry, same, replace(geometry, size=17), replace(geometry, boxes=None)}) == 3
    with pytest.raises(FrozenInstanceError):
        geometry.size = 17  # type: ignore[misc]
