"""Frames of a zoom: at its depths, in and out, larger, and what cannot be rendered."""

import gc
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.stack.file import load_stack, save_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.render import render_stack
from das_core.stack.render_zoom import estimate_zoom_bytes, render_zoom
from das_core.stack.spec import StackSpec
from das_core.stack.zoom import Zoom

SPEC = StackSpec(40, 32, 4, zoom=Zoom(3))
STACK = ImageStack.noise(SPEC, seed=1)
LOOP = ImageStack.noise(replace(SPEC, zoom=Zoom(3, loop=True)), seed=1)


def test_frames_go_from_depth_to_depth_at_a_constant_rate_and_back() -> None:
    assert torch.equal(render_zoom(STACK, [0, 1, 2]), STACK.image())
    assert torch.equal(render_zoom(STACK, 3), STACK.image())
    assert torch.equal(render_zoom(LOOP, 3), LOOP.image())
    frames = render_zoom(STACK, 9)
    assert torch.equal(frames, render_zoom(STACK, [number / 4 for number in range(9)]))
    assert torch.equal(render_zoom(STACK, 9, out=True), frames.flip(0))
    around = render_zoom(LOOP, 12)
    assert torch.equal(render_zoom(LOOP, 12, out=True), torch.cat([around[:1], around[1:].flip(0)]))
    assert render_zoom(STACK, 1).shape == (1, 3, 32, 40)


def test_the_middle_of_a_depth_is_the_next_one_made_smaller() -> None:
    whole = render_zoom(STACK, [0.0], scale=2)
    assert whole.shape == (1, 3, 64, 80)
    # At twice the size, the middle of depth 0 has as many pixels as depth 1.
    torch.testing.assert_close(whole[0][:, 26:38, 32:48], STACK.image()[1][:, 10:-10, 12:-12], rtol=0, atol=0.02)


def test_a_loop_closes() -> None:
    frames = render_zoom(LOOP, 60)
    changes = (frames.roll(-1, 0) - frames).abs().mean(dim=(1, 2, 3))
    assert float(changes[-1]) < 1.5 * float(changes.median())


def test_a_zoom_is_rendered_larger_with_all_that_lies_in_it() -> None:
    torch.testing.assert_close(render_stack(STACK, 1.0), STACK.image(), rtol=0, atol=1e-4)
    assert torch.equal(render_stack(STACK, 2.0), render_zoom(STACK, 3, scale=2.0))
    assert render_stack(STACK, 0.05).shape == (3, 3, 2, 2)


def test_a_zoom_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "zoom.safetensors"
    save_stack(LOOP, path)
    loaded = load_stack(path)
    assert loaded.spec == LOOP.spec
    assert torch.equal(loaded.image(), LOOP.image())


@each_case(
    ("stack", "moments", "scale", "message"),
    [
        (STACK, 0, 1.0, "0 frames cannot be rendered; 1 to 65536 can"),
        (STACK, 2**17, 1.0, "131072 frames cannot be rendered"),
        (STACK, [], 1.0, "0 frames cannot be rendered"),
        (STACK, [0.0] * (2**16 + 1), 1.0, "65537 frames cannot be rendered"),
        (STACK, [2.1], 1.0, "there is no moment 2.1; the zoom goes from 0 to 2"),
        (STACK, [-0.1], 1.0, "there is no moment -0.1"),
        (STACK, [float("nan")], 1.0, "there is no moment nan"),
        (STACK, 2, 100, "scale 100 is not between"),
        (ImageStack.gray(StackSpec(32, 32, 8)), 24, 1.0, "the stack is no zoom: its images lie side by side"),
    ],
)
def test_what_cannot_be_rendered_is_refused(
    stack: ImageStack, moments: int | list[float], scale: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        render_zoom(stack, moments, scale=scale)


def test_the_estimate_of_memory_grows_with_what_is_rendered() -> None:
    stack = ImageStack.noise(SPEC)
    few, many, large = (estimate_zoom_bytes(stack, frames, scale) for frames, scale in ((4, 1.0), (400, 1.0), (4, 8.0)))
    frames = 4 * render_zoom(stack, 400).numel()
    assert frames < many - few < 4 * frames
    assert large > 20 * few


@each_case(("sides", "frames", "scale"), [((60, 36), 6, 1.0), ((36, 60), 40, 1.0), ((60, 36), 6, 3.0)])
def test_the_estimate_of_memory_is_no_less_than_what_is_used(sides: tuple[int, int], frames: int, scale: float) -> None:
    stack = ImageStack.noise(StackSpec(*sides, 8, zoom=Zoom(3)))
    with PeakBytes() as made:
        render_zoom(stack, frames, scale=scale)
    assert made.peak < estimate_zoom_bytes(stack, frames, scale) < 4 * made.peak


def count_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())


def test_nothing_of_a_film_is_kept_when_it_is_rendered() -> None:
    stack = ImageStack.noise(StackSpec(36, 28, 4, zoom=Zoom(3)))
    stack.image()
    before = count_tensors()
    assert len(render_zoom(stack, 40)) == 40
    assert count_tensors() == before
