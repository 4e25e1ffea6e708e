"""Whatever mode the caller is in, the same comes out."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent
import direct_ascent as da
from cases import each_case
from das_core.ascent.pace import Pace
from das_core.common.cache import free_caches
from das_core.common.modes import own_modes
from das_core.looks.catalog import LOOKS
from toys import SPEC, classifier, random_views, toy_class

TOY, PHOTO = classifier(), random_views(64)
QUICK: dict[str, Any] = {"size": 32, "steps": 2, "progress": False}
HERE: dict[str, Any] = {"steps": 1, "progress": False}


def read_folder(page: Path) -> list[list[int]]:
    files = sorted(page.parent.rglob("*.webp"))
    assert files
    return [list(file.read_bytes()) for file in files]


def wrap(_: Path) -> Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    answer: Tensor = direct_ascent.wrap(module, size=32, mean=(0.5,) * 3, std=(0.5,) * 3)(random_views(32))
    return answer


def climb(_: Path) -> Tensor:
    return da.Ascent(da.ImageStack.from_image(SPEC, PHOTO), toy_class(), steps=2).run().image


def guide(_: Path) -> Tensor:
    return da.ascent.Guidance(toy_class()).start_ascent(PHOTO, Pace(1.0, 1.0), 0).run().image


def draw_looks(_: Path) -> list[Tensor]:
    canvas = da.ImageStack.noise(SPEC, seed=1).canvas
    return [da.ImageStack.from_canvas(replace(SPEC, look=look), canvas).image() for look in LOOKS.values()]


def edit(_: Path) -> list[Tensor]:
    film = da.stack.as_film(da.ImageStack.noise(SPEC, seed=1), da.stack.Time(3))
    edited = da.stack.edit_stack(film, gains=[((1, 8), 0.5)])
    return [
        edited.canvas,
        da.stack.render_stack(film, 2),
        da.stack.render_film(film, 5),
        *da.stack.decompose(film).levels,
    ]


def describe(_: Path) -> list[float]:
    clip = da.load_starter_clip()
    return [fit for _, fit in da.describe(clip, PHOTO, words=[torch.eye(clip.width)])[0]]


def place(_: Path) -> Tensor:
    mask = torch.zeros(1, 64, 64)
    mask[:, 20:40, 20:40] = 1
    return da.ImageStack.gray(SPEC).place_into(PHOTO, mask, feather=3).image()


@each_case(
    "make",
    lambda _: direct_ascent.render(TOY, "class 3", start=PHOTO, within=0.1, **QUICK).image,
    lambda _: vars(direct_ascent.render(TOY, "2:5", look="pixel art", parametrization="fourier", **QUICK))["scores"],
    lambda _: direct_ascent.film(TOY, "class 3", frames=3, **QUICK).image,
    lambda _: direct_ascent.zoom(TOY, ["class 3", "class 5"], **QUICK).image,
    climb,
    wrap,
    guide,
    lambda path: read_folder(direct_ascent.atlas(TOY, "2", [1], path=path, pictures=("more",), **HERE)),
    lambda path: read_folder(direct_ascent.explain(TOY, PHOTO, path, "2", 1, **HERE)),
    describe,
    lambda _: da.compare_with_texts(da.load_starter_clip(), PHOTO, ["a castle seen once"]),
    lambda _: [guess.probability for guess in da.classify(TOY, PHOTO)[0]],
    lambda _: da.score_images(PHOTO, [toy_class(), da.prior("spectrum")]).table,
    lambda _: direct_ascent.render(da.load_starter(), da.style(PHOTO).on(da.load_starter()), **QUICK).image,
    draw_looks,
    edit,
    place,
)
def test_all_that_is_public_is_the_same_under_autocast(make: Callable[[Path], Any], tmp_path: Path) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        inside = make(tmp_path / "inside")
        assert torch.is_autocast_enabled("cpu")
    free_caches()
    torch.testing.assert_close(inside, make(tmp_path / "outside"), rtol=0, atol=0)


def test_what_is_kept_for_the_next_call_is_not_rounded() -> None:
    made = []
    for mode in (nullcontext(), torch.autocast("cpu", torch.bfloat16)):
        free_caches()
        with mode:
            climb(Path())
        made.append(climb(Path()))
    assert torch.equal(*made)


def differentiate(values: Tensor) -> Tensor:
    """Return the gradient of the sum of squares of values."""
    leaf = values.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(leaf.square().sum(), leaf)
    return gradient


@each_case("mode", torch.inference_mode, torch.no_grad)
def test_a_gradient_can_be_taken_where_autograd_is_off_and_later_of_what_was_made(mode: type) -> None:
    def fail() -> None:
        raise KeyError

    with mode():
        values = torch.tensor([1.0, -3.0])
        with pytest.raises(RuntimeError):
            differentiate(values)
        gradient, made = own_modes()(differentiate)(values), own_modes()(lambda: torch.ones(2))()
        with pytest.raises(KeyError):
            own_modes()(fail)()
        assert torch.is_inference_mode_enabled() is (mode is torch.inference_mode)
        assert not torch.is_grad_enabled()
    torch.testing.assert_close(gradient, torch.tensor([2.0, -6.0]))
    torch.testing.assert_close(differentiate(made), torch.full((2,), 2.0))
