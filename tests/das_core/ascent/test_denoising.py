"""A denoiser inside an ascent, and how it holds on to a photograph."""

import math
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

import direct_ascent as da
from cases import each_case
from das_core.ascent.denoising import hold_on
from toys import climb, toy_class

SPEC = da.StackSpec(width=48, height=40, margin=8)
VIEWS = da.views.Augmentation(4, da.views.Windows(8))
CPU = torch.device("cpu")


class Recorder:
    """A denoiser that answers with grey, and keeps what it was asked."""

    name = "recorder"

    def __init__(self) -> None:
        self.asked: list[tuple[Tensor, float, float, bool]] = []

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        self.asked.append((pixels.clone(), strength, scale, tile))
        return torch.full_like(pixels, 0.5)


def draw(height: int = 40, width: int = 48, batch: int = 1, seed: int = 3) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


def photo(spec: da.StackSpec = SPEC) -> da.ImageStack:
    return da.ImageStack.from_image(spec, draw(spec.height, spec.width))


def denoise(
    stack: da.ImageStack, denoising: da.ascent.Denoising, progress: float = 1.0, mask: Any = None
) -> da.ImageStack:
    return denoising.step(stack, stack.spec.operator(CPU), progress, mask)


def test_each_image_goes_its_share_of_the_way_to_its_denoised_pixels_except_for_frozen_bands() -> None:
    stack = photo()
    denoised = da.ascent.TotalVariation()(stack.pixels(), 0.05, 40 / 224)
    after = denoise(stack, da.ascent.Denoising(da.ascent.TotalVariation(), 0.05, 0.05, share=0.4))
    torch.testing.assert_close(after.pixels(), stack.pixels().lerp(denoised, 0.4), atol=1e-5, rtol=0)
    both = da.ImageStack.from_canvas(SPEC, torch.cat([stack.canvas, -stack.canvas]))
    together, alone = (denoise(one, da.ascent.Denoising()).canvas for one in (both, stack))
    assert torch.equal(together[:1], alone)
    stack = photo(replace(SPEC, frozen=((1, 8),)))
    change = denoise(stack, da.ascent.Denoising(strength=0.3)).canvas - stack.canvas
    assert (change - stack.spec.operator(CPU).remove_frozen(change)).norm() < 1e-4 * change.norm()


def test_the_denoiser_is_told_strength_scale_and_tile_and_not_asked_at_strength_0() -> None:
    recorder, stack = Recorder(), photo()
    denoising = da.ascent.Denoising(recorder, strength=0.08, end=0.02)
    denoise(stack, denoising, progress=0.5)
    denoise(photo(da.StackSpec(448, 512, 0, tile=True)), denoising, progress=1.0)
    assert denoise(stack, da.ascent.Denoising(recorder, strength=0.1, end=0.0)) is stack
    assert denoise(stack, da.ascent.Denoising(recorder, strength=0.0, end=0.0, keep=0.1), progress=0.0) is stack
    assert [asked[1:] for asked in recorder.asked] == [(0.05, 40 / 224, False), (0.02, 2.0, True)]
    assert recorder.asked[0][0].shape == (1, 3, 56, 64)


def test_outside_a_mask_nothing_moves_and_the_denoiser_sees_what_surrounds_it() -> None:
    mask = torch.zeros(1, 40, 48)
    mask[:, 10:30, 12:32] = 1
    image = draw(seed=4)
    stack = da.ImageStack.gray(SPEC).place_into(image, mask, feather=4)
    assert stack.surroundings is not None
    recorder = Recorder()
    after = denoise(stack, da.ascent.Denoising(recorder), mask=stack.surroundings.mask)
    assert torch.equal(recorder.asked[0][0], stack.pixels())
    outside = (stack.surroundings.mask == 0).expand_as(after.canvas)
    assert torch.equal(after.canvas[outside], stack.canvas[outside])
    result = climb(stack, denoising=da.ascent.Denoising(strength=0.2, end=0.2))
    assert torch.equal(result.image[:, :, :10], image[:, :, :10])


def test_outside_a_region_it_moves_nothing_and_its_strength_is_that_of_the_progress() -> None:
    mask = torch.zeros(1, 40, 48)
    mask[:, :, :24] = 1
    region, recorder = da.in_region(toy_class(), mask), Recorder()
    # A step so small that all that is seen to move is moved by the denoiser.
    denoising = da.ascent.Denoising(recorder, strength=0.09, end=0.03)
    still = da.ascent.NormalizedAscent(1e-6)
    after = climb(photo(), objectives=region, steps=4, optimizer=still, denoising=denoising).image
    change = (after - photo().image()).abs()
    assert [asked[1] for asked in recorder.asked] == pytest.approx([0.09, 0.07, 0.05, 0.03])
    assert change[..., 24:].max() < 1e-4
    assert change[..., :24].mean() > 0.05


def test_auto_is_for_a_normalized_ascent_that_asks_a_model() -> None:
    optimizers = (da.ascent.NormalizedAscent(), da.ascent.SGD(), da.ascent.Adam())
    chosen = [da.Ascent(photo(), toy_class(), VIEWS, optimizer=one).denoising for one in optimizers]
    assert chosen == [da.ascent.Denoising(), None, None]
    assert da.Ascent(photo(), da.prior(), VIEWS).denoising is None
    with pytest.raises(ValueError, match="denoising 'strong' is unknown"):
        da.Ascent(photo(), [toy_class()], VIEWS, denoising="strong")  # type: ignore[arg-type]


@each_case("name, value", *product(["strength", "end", "share", "keep"], [-0.1, 1.1, math.nan]))
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} (of )?{value} is not"):
        da.ascent.Denoising(**{name: value})  # type: ignore[arg-type]


class Failing(Recorder):
    """A denoiser that fails at its second call, such as one that finds no memory."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        super().__call__(pixels, strength, scale, tile)
        if len(self.asked) < 2:
            return pixels
        if self.error is None:
            return pixels[..., 1:]
        raise self.error


OUT = "memory ran out in the denoiser 'recorder': make the picture"


@each_case(
    "error, raised, says",
    (torch.OutOfMemoryError("no"), torch.OutOfMemoryError, OUT),
    (MemoryError(), torch.OutOfMemoryError, OUT),
    # Another error is not taken for memory.
    (RuntimeError("shapes do not match"), RuntimeError, "shapes do not match"),
    (None, ValueError, "'recorder' answers"),
)
def test_an_error_inside_a_denoiser_keeps_the_step(error: Exception | None, raised: type[Exception], says: str) -> None:
    failing = Failing(error)
    ascent = da.Ascent(photo(), [toy_class()], VIEWS, steps=3, denoising=da.ascent.Denoising(failing))
    with pytest.raises(raised, match=says):
        ascent.run()
    # Smaller chunks of views would not have helped it.
    assert (len(failing.asked), ascent.chunk, len(ascent.history), ascent.result.stack.steps) == (2, 4, 1, 1)


@each_case("masked, together, keep", *product([False, True], [1, 2], [0.0, 0.1]))
def test_frames_are_denoised_as_pictures_and_keep_their_own(masked: bool, together: int, keep: float) -> None:
    film = da.ImageStack.noise(replace(SPEC, time=da.stack.Time(3, loop=True)), decay=0.9)
    film, mask = replace(film, canvas=film.canvas + torch.linspace(0, 0.5, 3)[:, None, None, None]), None
    if masked:
        masks = torch.zeros(3, 40, 48)
        for frame in range(3):
            masks[frame, 2 * frame : 20 + 2 * frame, 4:28] = 1
        film = film.place_into(draw(batch=3, seed=7), masks, 2)
        mask = film.surroundings.mask if film.surroundings else None
    pictures, denoising = replace(film, spec=SPEC), da.ascent.Denoising(strength=0.05, end=0.05, keep=keep)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("das_core.ascent.spreading._CPU_FRAMES", together)
        denoised = [denoise(stack, denoising, mask=mask).canvas for stack in (film, pictures)]
    torch.testing.assert_close(*denoised, rtol=0, atol=1e-5)
    assert not torch.equal(denoised[0], film.canvas)


@each_case(
    "denoising, progress",
    (da.ascent.Denoising(strength=0.0, end=0.0, share=0.4, keep=0.1), 0.5),
    # What the denoiser takes from both is no change.
    (da.ascent.Denoising(da.ascent.TotalVariation(), 0.05, 0.05, share=1.0, keep=0.1), 1.0),
)
def test_keep_moves_the_picture_to_its_start_where_it_hardly_changed(
    denoising: da.ascent.Denoising, progress: float
) -> None:
    start = replace(photo(), start=photo().canvas)
    change = torch.randn(start.canvas.shape, generator=torch.Generator().manual_seed(8))
    changed = replace(start, canvas=start.canvas + 0.3 * change)
    after = denoise(changed, denoising, progress)
    denoised, kept = (da.ascent.TotalVariation()(stack.pixels(), denoising.end, 40 / 224) for stack in (changed, start))
    held = hold_on(denoised, start.pixels(), denoised - kept, denoising.keep * progress)
    torch.testing.assert_close(after.pixels(), changed.pixels().lerp(held, denoising.share), atol=1e-5, rtol=0)


def test_with_a_mask_keep_holds_on_to_what_surrounds_the_stack() -> None:
    around, mask = draw(seed=5), torch.zeros(1, 40, 48)
    mask[:, 8:32, 8:40] = 1
    stack = da.ImageStack.from_image(SPEC, (around + 0.02).clamp(0, 1), contrast=1.0).place_into(around, mask)
    assert stack.surroundings is not None
    after = denoise(
        stack, da.ascent.Denoising(strength=0.0, end=0.0, share=1.0, keep=0.2), mask=stack.surroundings.mask
    )
    torch.testing.assert_close(after.image(), around, atol=1e-3, rtol=0)


def test_on_a_tile_keep_looks_around_the_edges() -> None:
    tile, corner = da.ImageStack.noise(da.StackSpec(64, 64, 0, tile=True)), torch.zeros(1, 1, 64, 64)
    corner[..., :6, :6] = 1
    changed = replace(tile, canvas=tile.canvas + 0.5 * corner)
    after = denoise(changed, da.ascent.Denoising(strength=0.0, end=0.0, share=1.0, keep=0.1)).pixels()
    # As the same picture does where the corner lies in the middle.
    moved, kept = (pixels.roll((32, 32), (2, 3)) for pixels in (changed.pixels(), tile.pixels()))
    held = hold_on(moved, kept, moved - kept, 0.1, tile=True).roll((32, 32), (2, 3))
    torch.testing.assert_close(after, held, atol=1e-5, rtol=0)
    other = hold_on(changed.pixels(), tile.pixels(), changed.pixels() - tile.pixels(), 0.1, tile=False)
    assert float((other - after).abs().max()) > 0.01


def test_an_even_change_is_held_by_the_factor_of_its_strength_and_a_weak_one_bit_for_bit() -> None:
    kept = torch.full((1, 3, 48, 48), 0.5)
    for change, threshold in ((0.2, 0.1), (-0.3, 0.1), (0.1, 0.001)):
        held = hold_on(kept + change, kept, torch.full_like(kept, change), threshold)
        torch.testing.assert_close(held, kept + change * (1 - (threshold / change) ** 2))
    kept = draw()
    pixels = kept + 0.01 * (draw(seed=1) - 0.5)
    assert torch.equal(hold_on(pixels, kept, pixels - kept, 0.05), kept)
    assert torch.equal(hold_on(kept, kept, kept - kept, 0.05), kept)


def test_a_spot_stays_and_a_haze_goes() -> None:
    kept = draw(120, 160)
    pixels = kept + 0.02 * (draw(120, 160, seed=1) - 0.5)
    pixels[..., 40:80, 60:100] = 1 - kept[..., 40:80, 60:100]
    held = hold_on(pixels, kept, pixels - kept, 0.03)
    inside, outside = (slice(45, 75), slice(65, 95)), (slice(0, 30), slice(0, 50))
    torch.testing.assert_close(held[..., *inside], pixels[..., *inside], atol=0.02, rtol=0)
    assert torch.equal(held[..., *outside], kept[..., *outside])


@each_case("shape, tile", *product([(60, 90), (16, 300), (5, 7)], [False, True]))
def test_what_is_held_lies_between_its_two_pictures_however_small_or_narrow(shape: tuple[int, int], tile: bool) -> None:
    kept, pixels = draw(*shape, batch=2), draw(*shape, batch=2, seed=1)
    held = hold_on(pixels, kept, pixels - kept, 0.2, tile)
    lower, upper = torch.minimum(kept, pixels), torch.maximum(kept, pixels)
    assert bool(((held >= lower - 1e-6) & (held <= upper + 1e-6)).all())
    assert bool((held != kept).any() & (held != pixels).any())
    # Images of a batch do not depend on each other.
    torch.testing.assert_close(held[1:], hold_on(pixels[1:], kept[1:], (pixels - kept)[1:], 0.2, tile))
