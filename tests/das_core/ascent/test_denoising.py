"""A denoiser inside an ascent."""

import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.focus import Focus
from das_core.ascent.keeping import hold_on
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.result import Result
from das_core.ascent.sgd import SGD
from das_core.denoisers.total_variation import TotalVariation
from das_core.models.sources.starters import load_starter
from das_core.objectives.change import in_region
from das_core.objectives.classes import class_objective
from das_core.objectives.priors import prior
from das_core.objectives.term import Objective
from das_core.stack.decomposition import decompose
from das_core.stack.image_stack import ImageStack
from das_core.stack.pixels import render_pixels
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import toy_class

SPEC = StackSpec(width=48, height=40, margin=8)
VIEWS = Augmentation(4, Windows(8))
CPU = torch.device("cpu")


class Recorder:
    """A denoiser that answers with grey, and keeps what it was asked."""

    name = "recorder"

    def __init__(self) -> None:
        self.asked: list[tuple[Tensor, float, float, bool]] = []

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        self.asked.append((pixels.clone(), strength, scale, tile))
        return torch.full_like(pixels, 0.5)


def photo(spec: StackSpec = SPEC) -> ImageStack:
    image = torch.rand(1, 3, spec.height, spec.width, generator=torch.Generator().manual_seed(3))
    return ImageStack.from_image(spec, image)


def change_canvas(stack: ImageStack) -> ImageStack:
    change = torch.randn(stack.canvas.shape, generator=torch.Generator().manual_seed(8))
    return replace(stack, canvas=stack.canvas + 0.3 * change)


def denoise(stack: ImageStack, denoising: Denoising, progress: float = 1.0, mask: Tensor | None = None) -> ImageStack:
    return denoising.step(stack, stack.spec.operator(CPU), progress, mask)


def climb(
    stack: ImageStack, denoising: Denoising | None, objective: Objective | None = None, **settings: object
) -> Result:
    defaults: dict[str, object] = {"steps": 4, "schedule": "constant", "focus": None}
    objectives = [objective or toy_class()]
    return Ascent(stack, objectives, VIEWS, denoising=denoising, **(defaults | settings)).run()  # type: ignore[arg-type]


def test_each_image_goes_its_share_of_the_way_to_its_denoised_pixels() -> None:
    stack = photo()
    denoised = TotalVariation()(stack.pixels(), 0.05, 40 / 224)
    after = denoise(stack, Denoising(TotalVariation(), 0.05, 0.05, share=0.4))
    torch.testing.assert_close(after.pixels(), stack.pixels().lerp(denoised, 0.4), atol=1e-5, rtol=0)
    both = ImageStack.from_canvas(SPEC, torch.cat([stack.canvas, -stack.canvas]))
    together, alone = (denoise(one, Denoising()).canvas for one in (both, stack))
    assert torch.equal(together[:1], alone)


def test_the_denoiser_is_told_strength_scale_and_tile_and_not_asked_at_strength_0() -> None:
    recorder, stack = Recorder(), photo()
    denoising = Denoising(recorder, strength=0.08, end=0.02)
    denoise(stack, denoising, progress=0.5)
    denoise(photo(StackSpec(448, 512, 0, tile=True)), denoising, progress=1.0)
    assert denoise(stack, Denoising(recorder, strength=0.1, end=0.0)) is stack
    assert denoise(stack, Denoising(recorder, strength=0.0, end=0.0, keep=0.1), progress=0.0) is stack
    assert [asked[1:] for asked in recorder.asked] == [(0.05, 40 / 224, False), (0.02, 2.0, True)]
    assert recorder.asked[0][0].shape == (1, 3, 56, 64)


def test_outside_a_mask_nothing_moves_and_the_denoiser_sees_what_surrounds_it() -> None:
    mask = torch.zeros(1, 40, 48)
    mask[:, 10:30, 12:32] = 1
    image = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(4))
    stack = ImageStack.gray(SPEC).place_into(image, mask, feather=4)
    assert stack.surroundings is not None
    recorder = Recorder()
    after = denoise(stack, Denoising(recorder), mask=stack.surroundings.mask)
    assert torch.equal(recorder.asked[0][0], stack.pixels())
    outside = (stack.surroundings.mask == 0).expand_as(after.canvas)
    assert torch.equal(after.canvas[outside], stack.canvas[outside])
    assert torch.equal(after.pixels()[outside], stack.pixels()[outside])
    result = climb(stack, Denoising(strength=0.2, end=0.2))
    assert torch.equal(result.image[:, :, :10], image[:, :, :10])


def test_outside_a_region_it_moves_nothing() -> None:
    mask = torch.zeros(1, 40, 48)
    mask[:, :, :24] = 1
    region, recorder = in_region(toy_class(), mask), Recorder()
    # A step so small that all that is seen to move is moved by the denoiser.
    after = climb(photo(), Denoising(recorder), region, optimizer=NormalizedAscent(1e-6)).image
    change = (after - photo().image()).abs()
    assert len(recorder.asked) == 4
    assert change[..., 24:].max() < 1e-4
    assert change[..., :24].mean() > 0.05


def test_colours_at_their_limits_stay_finite() -> None:
    stack = ImageStack.from_canvas(SPEC, torch.full((1, 3, *SPEC.canvas), 40.0))
    after = denoise(stack, Denoising(strength=0.1))
    assert torch.isfinite(after.canvas).all()
    assert float((after.pixels() - stack.pixels()).abs().max()) < 1e-5


@each_case(
    "optimizer, method", product([NormalizedAscent(0.05, 0.5, 0.0), SGD(0.5, 0.9), Adam()], ["spectral", "layers"])
)
def test_every_optimizer_and_form_gets_smoother_pictures_with_levels_that_sum_to_them(
    optimizer: Optimizer, method: str
) -> None:
    start = photo(replace(SPEC, method=method))  # type: ignore[arg-type]
    plain, painted = (climb(start, given, optimizer=optimizer) for given in (None, Denoising(strength=0.3, end=0.3)))

    def roughness(result: Result) -> float:
        return float(result.image.diff(dim=2).abs().mean() + result.image.diff(dim=3).abs().mean())

    assert roughness(painted) < 0.9 * roughness(plain)
    torch.testing.assert_close(decompose(painted.stack).canvas(), painted.stack.canvas, atol=2e-3, rtol=0)
    torch.testing.assert_close(render_pixels(painted.stack.canvas, "decorrelated"), painted.stack.pixels())


def test_frozen_bands_do_not_move() -> None:
    spec = replace(SPEC, frozen=((1, 8),))
    stack = photo(spec)
    after = denoise(stack, Denoising(strength=0.3))
    change = after.canvas - stack.canvas
    kept = change - spec.operator(CPU).remove_frozen(change)
    assert kept.norm() < 1e-4 * change.norm()


def test_auto_is_for_a_normalized_ascent_that_asks_a_model() -> None:
    def chosen(objective: Objective, optimizer: Optimizer) -> Denoising | None:
        return Ascent(photo(), [objective], VIEWS, optimizer=optimizer).denoising

    asks = toy_class()
    assert chosen(asks, NormalizedAscent()) == Denoising()
    assert chosen(asks, SGD()) is None
    assert chosen(asks, Adam()) is None
    assert chosen(prior(), NormalizedAscent()) is None
    with pytest.raises(ValueError, match="denoising 'strong' is unknown"):
        Ascent(photo(), [asks], VIEWS, denoising="strong")  # type: ignore[arg-type]


def test_a_denoiser_that_fails_ends_the_ascent_with_the_step_before() -> None:
    class Failing(Recorder):
        def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
            super().__call__(pixels, strength, scale, tile)
            return pixels if len(self.asked) < 3 else pixels[..., 1:]

    ascent = Ascent(photo(), [toy_class()], VIEWS, steps=4, denoising=Denoising(Failing()))
    with pytest.raises(ValueError, match="'recorder' answers"):
        ascent.run()
    assert len(ascent.history) == 2
    assert ascent.result.stack.steps == 2


@each_case(
    ("settings", "says"),
    [
        ({"strength": -0.1}, "strength of -0.1"),
        ({"strength": math.nan}, "strength of nan"),
        ({"end": 1.1}, "end of 1.1"),
        ({"share": 0.0}, "share of 0.0"),
        ({"share": math.nan}, "share of nan"),
        ({"share": 1.5}, "share of 1.5"),
        ({"keep": -0.1}, "keep -0.1 is not between 0 and 1"),
        ({"keep": 1.1}, "keep 1.1 is not"),
        ({"keep": math.nan}, "keep nan is not"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Denoising(**settings)  # type: ignore[arg-type]


def test_surfaces_that_a_classifier_hatches_become_even() -> None:
    jellyfish = class_objective(load_starter(), "jellyfish")
    views = Augmentation(4, Windows(16))
    stack = ImageStack.gray(StackSpec(96, 96, 16))

    def sparsity(denoising: Denoising | None) -> float:
        # Emphasis and a tilt make surfaces even, too.
        how = {"optimizer": NormalizedAscent(0.12, momentum=0.0, tilt=0.0), "focus": Focus(emphasis=0.0)}
        ascent = Ascent(stack, [jellyfish], views, steps=12, denoising=denoising, **how)  # type: ignore[arg-type]
        image = ascent.run().image.mean(dim=1)
        gradient = torch.hypot(image.diff(dim=1)[..., :-1], image.diff(dim=2)[:, :-1])
        return float(gradient.square().mean() / gradient.mean().square())

    assert sparsity(Denoising(strength=0.06, end=0.06, share=0.3)) > 1.2 * sparsity(None)


class Full:
    """A denoiser that fails, such as one that finds no memory."""

    name = "full"

    def __init__(self, error: Exception) -> None:
        self.error, self.asked = error, 0

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        self.asked += 1
        raise self.error


@each_case(
    "error, raised, says",
    [
        *(
            (error, torch.OutOfMemoryError, "memory ran out in the denoiser 'full': make the picture")
            for error in (
                torch.OutOfMemoryError("no"),
                MemoryError(),
                RuntimeError("DefaultCPUAllocator: not enough memory"),
            )
        ),
        # Another error is not taken for memory.
        (RuntimeError("shapes do not match"), RuntimeError, "shapes do not match"),
    ],
)
def test_an_error_inside_a_denoiser_is_said_at_once_and_nothing_is_lost(
    error: Exception, raised: type[Exception], says: str
) -> None:
    with pytest.raises(raised, match=says):
        denoise(photo(), Denoising(Full(error)))
    full = Full(error)
    ascent = Ascent(photo(), [toy_class()], VIEWS, steps=3, denoising=Denoising(full))
    with pytest.raises(raised, match=says):
        ascent.run()
    # Smaller chunks of views would not have helped it.
    assert (full.asked, ascent.chunk, len(ascent.history)) == (1, 4, 0)
    assert torch.equal(ascent.stack.canvas, photo().canvas)


@each_case("masked", [False, True])
def test_frames_of_a_film_are_denoised_as_pictures(masked: bool) -> None:
    spec = replace(SPEC, time=Time(3, loop=True))
    film = ImageStack.noise(spec, decay=0.9)
    mask = None
    if masked:
        masks = torch.zeros(3, 40, 48)
        for frame in range(3):
            masks[frame, 2 * frame : 20 + 2 * frame, 4:28] = 1
        film = film.place_into(torch.rand(3, 3, 40, 48, generator=torch.Generator().manual_seed(7)), masks, 2)
        mask = film.surroundings.mask if film.surroundings else None
    pictures = replace(film, spec=SPEC)
    denoised = [denoise(stack, Denoising(strength=0.05, end=0.05), mask=mask).canvas for stack in (film, pictures)]
    torch.testing.assert_close(*denoised, rtol=0, atol=1e-6)
    assert not torch.equal(denoised[0], film.canvas)


@each_case(
    "denoising, progress",
    [
        (Denoising(strength=0.0, end=0.0, share=0.4, keep=0.1), 0.5),
        (Denoising(strength=0.0, end=0.0, share=0.4, keep=0.1), 1.0),
        # What the denoiser takes from both is no change.
        (Denoising(TotalVariation(), 0.05, 0.05, share=1.0, keep=0.1), 1.0),
        (Denoising(TotalVariation(), 0.05, 0.05, share=1.0, keep=0.05), 1.0),
    ],
)
def test_keep_moves_the_picture_towards_its_start_where_it_hardly_changed(
    denoising: Denoising, progress: float
) -> None:
    start = replace(photo(), start=photo().canvas)
    changed = change_canvas(start)
    after = denoise(changed, denoising, progress)
    denoised, kept = (TotalVariation()(stack.pixels(), denoising.end, 40 / 224) for stack in (changed, start))
    held = hold_on(denoised, start.pixels(), denoised - kept, denoising.keep * progress)
    torch.testing.assert_close(after.pixels(), changed.pixels().lerp(held, denoising.share), atol=1e-5, rtol=0)


def test_fine_texture_that_the_denoiser_takes_away_comes_back() -> None:
    texture = 0.5 + 0.1 * torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(2))
    start = ImageStack.from_image(SPEC, texture, contrast=1.0)

    def measure_loss(keep: float) -> float:
        stack = start
        for step in range(20):
            stack = denoise(stack, Denoising(strength=0.3, end=0.1, keep=keep), progress=step / 19)
        return float((stack.image() - texture).abs().max())

    assert measure_loss(0.0) > 0.03
    assert measure_loss(0.02) < 0.003


def test_with_a_mask_keep_holds_on_to_what_surrounds_the_stack_also_under_its_soft_edge() -> None:
    around = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(5))
    mask = torch.zeros(1, 40, 48)
    mask[:, 8:32, 8:40] = 1
    stack = ImageStack.from_image(SPEC, (around + 0.02).clamp(0, 1), contrast=1.0).place_into(around, mask)
    assert stack.surroundings is not None
    after = denoise(stack, Denoising(strength=0.0, end=0.0, share=1.0, keep=0.2), mask=stack.surroundings.mask)
    torch.testing.assert_close(after.image(), around, atol=1e-3, rtol=0)
    mask[:, 4:36, 4:44] = 1
    before = stack = ImageStack.from_image(SPEC, (around + 0.03).clamp(0, 1)).place_into(around, mask, 6)
    assert before.surroundings is not None
    for _ in range(60):
        stack = denoise(stack, Denoising(strength=0.0, end=0.0, keep=0.2), mask=before.surroundings.mask)
    far, near = (float((s.image() - around).abs().max()) for s in (before, stack))
    assert near < 0.1 * far
    outside = mask.expand(3, -1, -1)[None] == 0
    assert torch.equal(stack.image()[outside], around[outside])


def test_on_a_tile_keep_looks_around_the_edges() -> None:
    tile = ImageStack.noise(StackSpec(64, 64, 0, tile=True))
    corner = torch.zeros(1, 1, 64, 64)
    corner[..., :6, :6] = 1
    changed = replace(tile, canvas=tile.canvas + 0.5 * corner)
    after = denoise(changed, Denoising(strength=0.0, end=0.0, share=1.0, keep=0.1))
    change = changed.pixels() - tile.pixels()
    held, other = (hold_on(changed.pixels(), tile.pixels(), change, 0.1, wraps) for wraps in (True, False))
    torch.testing.assert_close(after.pixels(), held, atol=1e-5, rtol=0)
    assert float((other - held).abs().max()) > 0.01


def test_an_ascent_with_keep_leaves_more_of_a_photograph_alone() -> None:
    def share_left(keep: float) -> float:
        denoising = Denoising(strength=0.0, end=0.0, share=0.5, keep=keep)
        result = climb(photo(), denoising, steps=8, optimizer=NormalizedAscent(0.05))
        return float(((result.image - photo().image()).abs() < 1 / 255).float().mean())

    assert share_left(0.2) > share_left(0.0) + 0.2


@each_case("masked, together", product([False, True], [1, 2]))
def test_every_frame_of_a_film_keeps_its_own_photograph(masked: bool, together: int) -> None:
    film = ImageStack.noise(replace(SPEC, time=Time(3, loop=True)), decay=0.9)
    film = replace(film, canvas=film.canvas + torch.linspace(0, 0.5, 3)[:, None, None, None])
    if masked:
        around = torch.rand(3, 3, 40, 48, generator=torch.Generator().manual_seed(6))
        film = film.place_into(around, torch.ones(3, 40, 48), feather=6)
    pictures = replace(film, spec=SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("das_core.ascent.spreading._CPU_FRAMES", together)
        denoised = [denoise(stack, Denoising(keep=0.1)).canvas for stack in (film, pictures)]
    torch.testing.assert_close(*denoised, rtol=0, atol=1e-5)
