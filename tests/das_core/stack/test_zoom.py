"""How the depths of a zoom lie in each other, and what cannot be."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from cases import each_case
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.preparation import prepare_stack
from das_core.ascent.within import Within
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom

SPEC = StackSpec(32, 24, 4, zoom=Zoom(3))


def make_spec(**settings: Any) -> StackSpec:
    return replace(SPEC, **settings)


def test_moments_are_evenly_between_the_depths() -> None:
    assert Zoom(3, between=1).moments == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert Zoom(2, between=0).moments == (0.0, 1.0)
    assert Zoom(2, loop=True, between=1).moments == (0.0, 0.5, 1.0, 1.5)
    for zoom in (Zoom(5), Zoom(4, loop=True, between=2)):
        timeline = zoom.timeline
        assert timeline.moments == zoom.moments
        assert set(range(zoom.depths)) < set(timeline.moments)
        assert (timeline.count, timeline.end, timeline.loop) == (zoom.depths, zoom.end, zoom.loop)


def test_layers_of_a_loop_go_on_into_the_first_depth() -> None:
    layers = Zoom(2, loop=True).find_layers(1.9, (48, 48), 8)
    assert [depth for depth, _, _ in layers] == [0, 1, 0, 1, 0, 1, 0, 1]
    assert [fills for _, _, fills in layers] == [True] + [False] * 7
    scales = [scale for _, scale, _ in layers]
    assert scales == pytest.approx([2**1.9 / 2**number for number in range(8)])


def test_what_is_around_a_depth_is_seen_in_its_margin() -> None:
    assert [depth for depth, _, _ in Zoom(4).find_layers(2.0, (48, 48), 8)] == [0, 1, 2, 3]
    assert [depth for depth, _, _ in Zoom(4).find_layers(2.9, (48, 48), 8)] == [1, 2, 3]


@each_case(
    ("make", "settings", "message"),
    [
        (Zoom, {"depths": 1}, "1 depths are no zoom; give a whole number from 2 to 32"),
        (Zoom, {"depths": 0}, "0 depths are no zoom"),
        (Zoom, {"depths": 100}, "100 depths are no zoom; give a whole number from 2 to 32"),
        (Zoom, {"depths": 2.0}, "2.0 depths are no zoom"),
        (Zoom, {"depths": True}, "True depths are no zoom"),
        (Zoom, {"depths": 3, "factor": 1.0}, r"factor 1.0 is not between 1.25 and 8"),
        (Zoom, {"depths": 3, "factor": 100}, r"factor 100 is not between"),
        (Zoom, {"depths": 3, "factor": float("nan")}, r"factor nan is not between"),
        (Zoom, {"depths": 3, "factor": "2"}, r"factor 2 is not between"),
        (Zoom, {"depths": 3, "between": -1}, r"between -1 is not a whole number from 0 to 15"),
        (Zoom, {"depths": 3, "between": 16}, r"between 16 is not"),
        (make_spec, {"margin": 0}, "a margin of 0 pixels is too narrow for a zoom"),
        (make_spec, {"margin": 0, "tile": True}, "a zoom cannot be a tile"),
        (make_spec, {"time": Time(3)}, "a zoom cannot be a film"),
        (
            make_spec,
            {"zoom": Zoom(3, factor=1.3)},
            r"at factor 1.3 a depth and its margin of 4 are larger .* at least 1.34",
        ),
    ],
)
def test_a_zoom_that_cannot_be_is_refused(make: Callable[..., object], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**settings)


@each_case(
    ("name", "value"),
    [("depths", 2), ("depths", 32), ("factor", 1.25), ("factor", 8.0), ("between", 0), ("between", 15)],
)
def test_settings_at_their_bounds_are_valid(name: str, value: float) -> None:
    settings: dict[str, Any] = {"depths": 3, name: value}
    assert getattr(Zoom(**settings), name) == value


def test_a_stack_holds_the_depths() -> None:
    assert repr(ImageStack.gray(SPEC)) == "ImageStack(32 x 24, 3 depths, 0 steps)"
    images = torch.rand(3, 3, 24, 32)
    assert ImageStack.from_image(SPEC, images).batch == ImageStack.from_image(SPEC, images[:1]).batch == 3
    with pytest.raises(ValueError, match="a batch of 2 is no zoom of 3 depths"):
        ImageStack.gray(SPEC, 2)
    with pytest.raises(ValueError, match="2 start images are no zoom of 3 depths: use 1 or 3"):
        ImageStack.from_image(SPEC, images[:2])
    with pytest.raises(ValueError, match="2 images are no zoom of 3 depths"):
        ImageStack.from_canvas(SPEC, torch.zeros(2, 3, *SPEC.canvas))
    with pytest.raises(ValueError, match="a zoom is no part of a picture"):
        ImageStack.gray(SPEC).place_into(images, torch.ones(1, 24, 32))
    with pytest.raises(ValueError, match="a bound is for pictures that stand by themselves"):
        prepare_stack(ImageStack.gray(SPEC), NormalizedAscent(), Within(0.1))
