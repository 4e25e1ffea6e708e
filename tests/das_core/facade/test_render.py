"""A picture in a line: the ascent of its recipe, its film, and messages that say what there is."""

import math
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torchvision.transforms.functional import to_tensor

import direct_ascent as da
from cases import each_case, refuses
from das_core import facade
from das_core.ascent.recipe import suit_stack
from direct_ascent import SKETCH
from full_disk import fill_disk
from quick_render import TOY, render
from stops import assert_ends_anywhere


def test_it_is_the_ascent_of_the_recipe() -> None:
    made = render("class 3", recipe="sketch", seed=4)
    stack = da.ImageStack.gray(da.StackSpec(48, 48))
    expected = replace(SKETCH, steps=2).prepare(stack, da.classes(3, "log_probability").on(TOY), seed=4).run()
    assert torch.equal(made.image, expected.image)
    assert made.history == expected.history
    assert list(render(["class 3", da.prior("l2")], steps=1).scores) == ["class 3", "l2"]
    with pytest.raises(ValueError, match=r"there is no recipe 'fast'; choose picture, .*, dream, or give a Recipe"):
        render("class 3", recipe="fast")


def test_a_film_that_may_leave_the_bound_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, says in (("x.png", ""), ("x.gif", "the frames of 'x.gif' may be out of the bound")):
        render("class 3", start=torch.rand(1, 3, 48, 48), within=8 / 255, film=tmp_path / name)
        assert bool(caplog.text) is bool(says)
        assert says in caplog.text


def test_a_saved_stack_goes_on_as_it_is_or_with_other_settings(tmp_path: Path) -> None:
    first = render("class 3", recipe="sketch", steps=3)
    da.stack.save_stack(first.stack, tmp_path / "first.safetensors")
    stack = da.stack.load_stack(tmp_path / "first.safetensors")
    made = render("class 5", start=stack, size=None, recipe="sketch")
    expected = replace(SKETCH, steps=2).prepare(first.stack, da.classes(5).on(TOY)).run()
    assert torch.equal(made.image, expected.image)
    assert [record.step for record in made.history] == [3, 4]
    other = render("class 5", start=stack, size=48, look="pixel art", parametrization="pixels", batch=3).stack
    assert (other.batch, other.spec.look, other.spec.parametrization) == (3, da.looks.LOOKS["pixel art"], "pixels")
    assert render(da.channels("2", [0, 1]), start=stack).image.shape[0] == 2
    # A tile and a part of a photograph are recognised, as in the node.
    tile = da.ImageStack.gray(da.StackSpec(48, 48, margin=0, tile=True))
    suited = suit_stack(replace(SKETCH, steps=2), tile).prepare(tile, da.classes(5).on(TOY)).run()
    assert torch.equal(render("class 5", start=tile, recipe="sketch").image, suited.image)


def test_a_film_and_a_zoom_go_on_from_a_stack() -> None:
    quick: dict[str, Any] = {"steps": 1, "progress": False}
    stack = render("class 3").stack
    film = facade.film(TOY, "0: class 3 / 4: class 5", frames=4, start=stack, **quick).stack
    assert (film.batch, film.steps) == (4, 3)
    assert facade.film(TOY, "class 3", frames=4, start=film, **quick).stack.steps == 4
    assert facade.film(TOY, "class 3", frames=6, start=film, **quick).stack.batch == 6
    zoom = facade.zoom(TOY, [3, 5], start=stack, **quick).stack
    assert (zoom.batch, zoom.steps) == (2, 3)
    assert facade.zoom(TOY, [3, 5], start=zoom, **quick).stack.steps == 4
    with pytest.raises(ValueError, match="the stack in start is a film and no picture; film goes on with it"):
        render("class 3", start=film)
    with pytest.raises(ValueError, match="a zoom cannot be a film"):
        facade.film(TOY, "class 3", start=zoom, **quick)


@each_case("batch", 1, 2)
def test_an_ascent_is_filmed_until_it_ends(tmp_path: Path, batch: int) -> None:
    path = tmp_path / "film.png"
    seen: list[torch.Tensor] = []
    made = render("class 3", steps=3, batch=batch, film=path, callback=lambda step: seen.append(step.image()))
    with Image.open(path) as film:
        frames = [to_tensor(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == len(seen) == 3
    for frame, image in zip(frames, seen, strict=True):
        torch.testing.assert_close(frame, torch.cat(list(image), dim=2), rtol=0, atol=1.01 / 255)
    assert torch.equal(made.image, render("class 3", steps=3, batch=batch).image)
    # The last frame is the picture as it is saved.
    with Image.open(made.save(tmp_path / "last.png")[0]) as saved:
        assert torch.equal(frames[-1][:, :, :48], to_tensor(saved))
    ended = str(tmp_path / "film.gif")
    render("class 3", steps=9, batch=batch, film=ended, callback=lambda step: step.record.step == 1)
    with Image.open(ended) as film:
        assert film.n_frames == 2  # type: ignore[attr-defined]


@each_case("failure", InterruptedError, FileNotFoundError, ZeroDivisionError)
def test_an_error_of_a_callback_is_none_of_the_film_and_leaves_none(tmp_path: Path, failure: type[Exception]) -> None:
    steps: list[int] = []

    def fail(step: da.ascent.Step) -> None:
        steps.append(step.record.step)
        if len(steps) == 2:
            raise failure("the callback")

    with pytest.raises(failure, match="the callback"):
        render("class 3", steps=5, film=tmp_path / "film.gif", callback=fail)
    assert len(steps) == 2
    with pytest.raises(ValueError, match=r"'film\.mpeg' ends with no format of films"):
        render("class 3", film=tmp_path / "film.mpeg", callback=fail)
    assert len(steps) == 2
    assert not list(tmp_path.iterdir())


test_what_cannot_be_is_said_with_what_can = refuses(
    lambda wish, settings: render(wish, **settings),
    (3.5, {}, "a float is nothing to ask for; give text such as 'jellyfish' or 'layer4:12'"),
    ("class 3", {"batch": 0}, "batch 0 is not a whole number from 1 to 65536"),
    ("class 3", {"size": (48,)}, r"size .* is neither a whole number .* such as \(448, 320\)"),
    ("class 3", {"start": 200 * torch.ones(3, 48, 48)}, "values from 200 to 200; .* divide bytes by 255"),
    ("class 3", {"start": -torch.ones(3, 48, 48)}, "values from -1 to -1; .* take back a normalisation"),
    ("class 3", {"device": "gpu"}, r"there is no device 'gpu' here \(.*\); choose cpu"),
    ("class 3", {"start": da.ImageStack.gray(da.StackSpec(32, 48))}, "start is 32 x 48; leave size out, or start from"),
    (
        "class 3",
        {"start": da.ImageStack.gray(da.StackSpec(48, 48), 3), "batch": 2},
        "start has 3 pictures, and batch is 2",
    ),
    ("class 3", {"within": "8/255"}, "bound '8/255' is not between"),
    ("class 3", {"until": "success"}, "until 'success' is not between .* 0 is success for the margin of a class"),
    ("class 3", {"within": 8 / 255}, "within bounds the distance from the image in start, and there is none"),
    (lambda views: views, {}, "'lambda' scores 4 views with torch.float32"),
)


def test_a_film_that_is_too_wide_is_refused_before_the_first_step(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"batch": 342, "steps": 1, "callback": lambda step: 1 / 0}
    with pytest.raises(ValueError, match=r"'film\.webp' cannot have frames of 16,416 x 48 pixels"):
        render("class 3", film=tmp_path / "film.webp", **settings)
    with pytest.raises(ZeroDivisionError):  # These are 16,416 pixels wide, too.
        render("class 3", film=tmp_path / "film.gif", **settings)


@each_case("error", RuntimeError, MemoryError, ValueError, ArithmeticError)
def test_whatever_prevents_a_film_the_ascent_goes_on_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(Image.Image, "save", Mock(side_effect=error))
    with pytest.raises(facade.UnsavedError, match=rf"'film\.webp' could not be written \({error.__name__}\)") as it:
        render("class 3", steps=3, film=tmp_path / "film.webp")
    assert len(pickle.loads(pickle.dumps(it.value)).result.history) == 3  # noqa: S301


def test_a_cancel_while_a_film_is_written_is_a_cancel(tmp_path: Path) -> None:
    frames = partial(render, "class 3", steps=3, film=tmp_path / "film.webp")
    assert assert_ends_anywhere(frames, places=12) > 12
    assert [path.name for path in tmp_path.iterdir()] == ["film.webp"]


@each_case("name", "film.gif", "film.mp4")
def test_an_ascent_whose_film_no_disk_has_room_for_goes_on_and_is_kept(tmp_path: Path, name: str) -> None:
    expected = render("class 3", steps=3)
    with fill_disk(512), pytest.raises(facade.UnsavedError, match=rf"'{name}' could not .*made\.save") as it:
        render("class 3", steps=3, film=tmp_path / name)
    assert not list(tmp_path.iterdir())
    # The error takes the result along to another process.
    again = pickle.loads(pickle.dumps(it.value))  # noqa: S301
    assert str(again) == str(it.value)
    assert len(again.result.history) == 3
    assert torch.equal(again.result.image, expected.image)


@each_case("steps", 8.0, 2.55, 0.0026)
def test_a_bound_is_measured_from_the_picture_that_was_given_and_holds_in_the_saved_file(
    steps: float, tmp_path: Path
) -> None:
    given = torch.randint(0, 256, (48, 48, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8).numpy()
    given[:6], given[6:12] = 0, 255
    made = render("class 3", start=given, within=steps / 255, steps=4)
    change = made.image[0].permute(1, 2, 0).double().numpy() - given / 255
    assert 0.6 * steps < 255 * np.abs(change).max() <= steps
    (path,) = made.save(tmp_path / "bounded.png")
    assert np.abs(np.asarray(Image.open(path)).astype(int) - given).max() <= math.floor(steps)
