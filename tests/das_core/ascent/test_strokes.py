"""Drawings: strokes climb, go on from a file bit for bit, and refuse what they cannot draw."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import das_core as da
from cases import each_case, refuses
from das_core.looks.strokes import draw_strokes
from das_core.stack.pixels import render_pixels
from toys import classifier

SPEC = da.StackSpec(width=48, height=40, margin=8)
TOY = classifier()


def climb(steps: int, stack: da.ImageStack | None = None, **settings: Any) -> da.Result:
    wish = da.class_objective(TOY, 3)
    settings = {"focus": None, **settings}
    optimizer = da.Strokes(12, 6.0)
    return da.Ascent(stack or da.ImageStack.gray(SPEC), [wish], steps=steps, optimizer=optimizer, **settings).run()


def test_strokes_climb_and_are_all_that_the_canvas_shows() -> None:
    result = climb(30, denoising=da.Denoising(), schedule="constant")
    scores = [record.scores["class 3"] for record in result.history]
    assert sum(scores[-5:]) > sum(scores[1:6])
    state = result.stack.optimizer_state
    assert state is not None
    assert (state.kind, state.steps) == ("strokes", 29)
    drawn = draw_strokes(state.tensors[0][0], *SPEC.canvas, 16)
    torch.testing.assert_close(render_pixels(result.stack.canvas, SPEC.color)[0], drawn, atol=1e-5, rtol=0)
    assert da.draw_svg(result.stack).count("<path") == 13


def test_a_drawing_goes_on_from_a_file_and_is_its_own_in_a_batch(tmp_path: Path) -> None:
    at_once, half = (climb(steps, schedule="constant").stack for steps in (6, 3))
    da.save_stack(half, tmp_path / "half.safetensors")
    after = climb(3, da.load_stack(tmp_path / "half.safetensors"), schedule="constant").stack
    assert torch.equal(after.canvas, at_once.canvas)
    both = climb(3, da.ImageStack.gray(SPEC, 2), schedule="constant").stack
    torch.testing.assert_close(both.canvas[0], half.canvas[0], atol=1e-3, rtol=0)
    assert not torch.allclose(both.canvas[0], both.canvas[1], atol=0.1)


def test_they_begin_in_the_colours_of_the_picture() -> None:
    red = torch.tensor([0.9, 0.1, 0.1])[:, None, None].expand(1, 3, 40, 48)
    state = climb(1, da.ImageStack.from_image(SPEC, red)).stack.optimizer_state
    assert state is not None
    colors = state.tensors[0][0, :, 7:10].sigmoid().mean(dim=0)
    assert float(colors[0]) > 0.7 > 0.3 > float(colors[1:].max())


test_films_zooms_and_tiles_are_refused = refuses(
    lambda change: da.Strokes().check(replace(SPEC, **change)),
    ({"tile": True, "margin": 0, "levels": (4, 8)}, "no tile, at whose edges strokes would end"),
    ({"time": da.Time(3)}, "no film; choose the optimizer 'ascent'"),
    ({"zoom": da.Zoom(2)}, "no zoom; choose the optimizer 'ascent'"),
)


@each_case("strokes", 0, 1001, 1.5, "many", None)
def test_numbers_of_strokes_are_checked(strokes: Any) -> None:
    with pytest.raises(ValueError, match=r"strokes .* is not a whole number from 1 to 1000"):
        da.Strokes(strokes)


@each_case("width", 0.5, 21, float("nan"))
def test_widths_are_checked(width: Any) -> None:
    with pytest.raises(ValueError, match=r"width .* is not between 1 and 20"):
        da.Strokes(width=width)
