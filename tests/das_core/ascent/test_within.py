"""A bound on how far a picture may go."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

import direct_ascent as da
from cases import each_case, refuses
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.within import Norm
from das_core.stack.pixels import crop_margin, from_rgb, render_pixels
from toys import VIEWS, toy_class

SPEC = da.StackSpec(48, 40, 8)


def picture(batch: int = 1) -> Tensor:
    """A picture with black and white, where the tanh is steep."""
    image = torch.rand(batch, 3, SPEC.height, SPEC.width, generator=torch.Generator().manual_seed(3))
    image[:, :, :5], image[:, :, 5:10] = 0, 1
    return image


def photo(batch: int = 1, **settings: Any) -> da.ImageStack:
    return da.ImageStack.from_image(SPEC, picture(batch), **settings)


def distances(stack: da.ImageStack, norm: Norm) -> Tensor:
    """How far each picture is from the image that was given."""
    change = (stack.image().double() - picture(stack.batch)).flatten(1)
    return change.abs().amax(dim=1) if norm == "linf" else change.square().sum(dim=1).sqrt()


@each_case(
    ("limit", "norm", "optimizer", "denoising"),
    (8 / 255, "linf", da.ascent.NormalizedAscent(), da.ascent.Denoising()),
    (8 / 255, "linf", da.ascent.SGD(1.0, 0.5), None),
    (1e-4, "linf", da.ascent.NormalizedAscent(), None),
    (2.0, "l2", da.ascent.NormalizedAscent(), da.ascent.Denoising()),
    (0.05, "l2", da.ascent.SGD(1.0, 0.5), None),
)
def test_every_step_is_in_bound(
    limit: float, norm: Norm, optimizer: Optimizer, denoising: da.ascent.Denoising | None
) -> None:
    settings: dict[str, Any] = {"optimizer": optimizer, "denoising": denoising, "within": da.Within(limit, norm)}
    ascent = da.Ascent(photo(2), toy_class(), VIEWS, steps=5, **settings)
    for step in ascent:
        assert float(distances(step.stack, norm).max()) <= limit
    # It uses what it is given.
    assert float(distances(ascent.stack, norm).min()) > 0.9 * limit


def test_a_bounded_ascent_climbs_and_what_is_inside_keeps_its_bits() -> None:
    history = da.Ascent(photo(), toy_class(), steps=8, within=16 / 255).run().history
    assert history[-1].scores["class 3"] > history[0].scores["class 3"]
    settings: dict[str, Any] = {"steps": 3, "denoising": None}
    free, bounded = (da.Ascent(photo(), toy_class(), within=within, **settings).run() for within in (None, 1))
    assert torch.equal(free.image, bounded.image)


def test_the_projection_of_each_image_is_the_nearest_picture() -> None:
    start = photo()
    change = torch.randn(start.canvas.shape, generator=torch.Generator().manual_seed(1))
    far = replace(start, canvas=start.canvas + change)
    middle, pixels = (render_pixels(canvas, SPEC.color) for canvas in (start.start, far.canvas))
    nearest = torch.maximum(torch.minimum(pixels, middle + 26 / 255), middle - 26 / 255)
    torch.testing.assert_close(da.Within(26 / 255).project(far).pixels(), nearest, rtol=0, atol=5e-6)
    inner = crop_margin(pixels - middle, SPEC.margin)
    toward = middle + (pixels - middle) * min(1.0, 3 / float(inner.norm()))
    torch.testing.assert_close(da.Within(3.0, "l2").project(far).pixels(), toward, rtol=0, atol=2e-5)
    # Of two images, one inside.
    start = photo(2, contrast=1.0)
    moved = start.canvas.clone()
    moved[1] += from_rgb(torch.full((1, 3, *SPEC.canvas), 0.8), SPEC.color)[0]
    after = da.Within(1.0, "l2").project(replace(start, canvas=moved))
    assert torch.equal(after.canvas[0], start.canvas[0])
    assert not torch.equal(after.canvas[1], moved[1])


def test_a_bound_holds_in_a_region_and_where_an_ascent_goes_on() -> None:
    mask = torch.zeros(1, 40, 48)
    mask[:, :, :24] = 1
    after = da.Ascent(photo(), da.in_region(toy_class(), mask), steps=3, within=0.05).run().stack
    assert 0.04 < float(distances(after, "linf")) <= 0.05
    again = da.Ascent(after, toy_class(), steps=3, within=da.Within(0.05), optimizer=da.ascent.SGD(0.2)).run().stack
    assert float(distances(again, "linf").max()) <= 0.05
    with pytest.raises(ValueError, match=r"further than the bound of 0.01: start from the image itself"):
        da.Ascent(after, toy_class(), within=0.01)


@each_case(("limit", "norm", "twice"), (0.05, "linf", 0.05), (2.0, "l2", 4.0), (8e29, "l2", 1e30))
def test_an_ascent_that_goes_on_at_twice_the_size_may_change_each_pixel_as_much(
    limit: float, norm: Norm, twice: float
) -> None:
    # A step size that reaches the bound everywhere, where interpolation overshoots.
    ascent = da.Ascent(
        photo(2), toy_class(), VIEWS, steps=4, optimizer=da.ascent.SGD(1.0), within=da.Within(limit, norm)
    )
    ascent.run()
    larger = ascent.go_on()
    assert larger.within == da.Within(twice, norm)
    begin = replace(larger.stack, canvas=larger.stack.start).image()
    for stack in (larger.stack, *(step.stack for step in larger)):
        change = (stack.image() - begin).double().flatten(1)
        far = change.abs().amax(dim=1) if norm == "linf" else change.square().sum(dim=1).sqrt()
        assert float(far.max()) <= twice
        assert float(far.min()) > (0.9 * twice if twice < 10 else 0)


test_a_limit_out_of_range_and_another_norm_are_refused = refuses(
    da.Within,
    *((limit, "linf", r"8/255 hardly shows") for limit in (0.0, 1e-6, 8, math.nan)),
    (math.inf, "l2", r"bound inf is not between 1e-05 and 1e\+30"),
    (0.1, "l1", r"norm 'l1'"),
)


@each_case("ending", "jpg", "webp", "gif", "pdf", "ico", "jp2")
def test_a_format_that_leads_out_of_the_bound_is_refused_and_leaves_no_file(ending: str, tmp_path: Path) -> None:
    made = da.Ascent(photo(2), toy_class(), VIEWS, steps=2, within=8 / 255).run()
    if ending == "jp2":  # Lossless unless asked.
        assert len(made.save(tmp_path / "x.jp2")) == 2
        return
    with pytest.raises(ValueError, match=rf"'x.{ending}' would be \S+ from what .* and 0.0314 is the bound: .* \.png"):
        made.save(tmp_path / f"x.{ending}")
    assert not list(tmp_path.iterdir())


@each_case(("norm", "limit", "says"), ("linf", 8 / 255, ""), ("l2", 0.05, "rounded to 8 bits, 'x.png' is 0."))
def test_a_png_keeps_the_bound_or_what_8_bits_do_is_said(
    norm: Norm, limit: float, says: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = da.Ascent(photo(), toy_class(), VIEWS, steps=2, within=da.Within(limit, norm)).run()
    (file,) = made.save(tmp_path / "x.png")
    caught = caplog.text
    assert says in caught
    assert bool(caught) is bool(says)
    change = pil_to_tensor(Image.open(file)).double() / 255 - picture()[0]
    assert norm == "l2" or float(change.abs().max()) <= limit + 0.501 / 255
    # Wide enough, any format will do.
    wide = da.Ascent(photo(), toy_class(), VIEWS, steps=2, within=1.0).run()
    assert wide.save(tmp_path / "x.jpg")[0].is_file()


@each_case("within", da.Within(8 / 255, random_start=True), da.Within(1.0, "l2", random_start=True))
def test_a_random_start_is_another_for_every_seed_and_image_and_lies_in_the_bound_and_the_region(
    within: da.Within,
) -> None:
    mask = torch.zeros(1, 40, 48)
    mask[:, :, :24] = 1

    def draw(seed: int, start: da.ImageStack | None = None) -> da.ImageStack:
        asked = da.in_region(toy_class(), mask)
        return da.Ascent(start or photo(2), asked, within=within, seed=seed).stack

    first = draw(0)
    assert torch.equal(first.canvas, draw(0).canvas)
    assert not torch.equal(first.canvas, draw(1).canvas)
    assert float(distances(first, within.norm).max()) <= within.limit
    assert float(distances(first, within.norm).min()) > 0.9 * within.limit
    change = (first.image() - picture(2)).abs()
    assert float(change[..., 24:].max()) < 0.003  # As far as a stack without it starts from black and white.
    assert float((change[0] - change[1]).abs().max()) > 0.01
    # What has climbed goes on from where it is.
    climbed = next(iter(da.Ascent(photo(2), toy_class(), within=within))).stack
    assert torch.equal(draw(3, climbed).canvas, climbed.canvas)
