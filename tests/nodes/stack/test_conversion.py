"""Film Stack and Zoom Stack: series that climb together, Keyframes over them, and series in nodes that take stacks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, Toy, assert_is_image, refuse_all


def film(pack: Pack, frames: int = 4, *, loop: bool = False, **inputs: Any) -> Any:
    return pack.run("DAS_FilmStack", stack=pack.stack(**inputs), frames=frames, loop=loop)[0]


def zoom(pack: Pack, depths: int = 3, *, factor: float = 2.5, loop: bool = False, **inputs: Any) -> Any:
    return pack.run("DAS_ZoomStack", stack=pack.stack(**inputs), depths=depths, factor=factor, loop=loop)[0]


def optimize(pack: Pack, **inputs: Any) -> Any:
    """Run Optimize with views that stay within the margin of a small zoom."""
    return pack.optimize(**({"augmentation": pack.augmentation(jitter=8)} | inputs))


def ask(pack: Pack, text: str = "0: 0 / 1: 1 / 2: 2", **inputs: Any) -> Any:
    return pack.run("DAS_Keyframes", model=pack.classifier(Toy()), keyframes=text, **inputs)[0]


@pytest.fixture(scope="module")
def climbed(loaded: Pack) -> list[Any]:
    """A film of four frames and a zoom of three depths that have climbed for two steps."""
    return [optimize(loaded, stack=stack)[1] for stack in (film(loaded), zoom(loaded))]


@each_case(("make", "count"), (film, 4), (zoom, 3))
def test_optimize_climbs_all_frames_or_depths(pack: Pack, make: Callable[..., Any], count: int) -> None:
    image, stack, frames, history, importance = optimize(pack, stack=make(pack, loop=True))
    assert_is_image(image, count, 64, 64)
    assert torch.equal(frames, image)
    assert importance.shape == (count, 64, 64)
    assert len(history) == 2
    series = stack.spec.time or stack.spec.zoom
    assert (stack.batch, series.loop) == (count, True)
    assert image.std() > 0.001


@pytest.fixture
def prepared(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The recipes with which ascents are prepared."""
    found: list[Any] = []
    recipe = pack.module("das_core.ascent.recipe").Recipe
    prepare = recipe.prepare

    def note(made: Any, *more: Any, **named: Any) -> Any:
        found.append(made)
        return prepare(made, *more, **named)

    monkeypatch.setattr(recipe, "prepare", note)
    return found


def test_views_and_focus_suit_a_film_and_a_zoom(pack: Pack, climbed: list[Any], prepared: list[Any]) -> None:
    asked, few = {"objectives": {"objective0": ask(pack)}, "recipe": "sketch"}, pack.augmentation(jitter=8)
    short = pack.module("nodes.ascent.recipe").RECIPES
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(short, "sketch", replace(short["sketch"], steps=1))
        pack.run("DAS_Optimize", stack=zoom(pack), **asked)
        pack.run("DAS_Optimize", stack=climbed[1], augmentation=few, **asked)
    pack.optimize(stack=film(pack), steps=1, augmentation=None)
    pack.optimize(stack=film(pack), steps=1)
    new, went_on, seen, given = prepared
    assert (new.augmentation.views, new.augmentation.windows.zoom_min) == (3 * 4, 0.8)
    assert (new.focus.start, new.focus.end) == (0.6, 3.0)
    assert (went_on.augmentation, went_on.focus) == (few, "auto")
    assert (seen.augmentation.views, given.augmentation.views) == (24, 4)


NODES: dict[str, Callable[[Pack, Any], Any]] = {
    "edited": lambda pack, stack: optimize(
        pack, stack=pack.run("DAS_EditStack", stack=stack, gains="1-8: 0.5", freeze="1-4")[0], steps=1
    )[0],
    "levels": lambda pack, stack: pack.run("DAS_StackLevels", stack=stack)[0],
    "sgd": lambda pack, stack: optimize(pack, stack=stack, steps=1, optimizer={"optimizer": "sgd"})[0],
    "smooth": lambda pack, stack: optimize(
        pack, stack=stack, steps=1, objectives={"objective0": pack.run("DAS_Prior", kind="total_variation")[0]}
    )[0],
}


@each_case("use", *NODES)
def test_nodes_that_take_stacks_take_films_and_zooms(pack: Pack, climbed: list[Any], use: str) -> None:
    for stack in climbed:
        made = NODES[use](pack, stack)
        assert torch.isfinite(made).all()
        assert len(made) in (1, stack.batch)


def test_they_are_converted_saved_and_loaded_and_go_on(pack: Pack, climbed: list[Any]) -> None:
    (more,) = pack.run("DAS_FilmStack", stack=climbed[0], frames=8)
    assert torch.equal(more.canvas[[0, 7]], climbed[0].canvas[[0, 3]])
    (far,) = pack.run("DAS_ZoomStack", stack=climbed[1], depths=3, factor=4.0)
    assert far.spec.zoom.factor == 4.0
    for stack in climbed:
        (name,) = pack.run("DAS_SaveStack", stack=stack)
        (loaded,) = pack.run("DAS_LoadStack", file=name)
        assert loaded.spec == stack.spec
        assert torch.equal(*(optimize(pack, stack=one, steps=1)[0] for one in (loaded, stack)))


test_what_cannot_be_is_refused = refuse_all(
    {
        r"1 frame is a picture and no film; set frames to 2 or more, such as 24": lambda pack: film(pack, 1),
        r"1 frame is a picture and no film; .* or leave this node out": lambda pack: film(pack, 0),
        r"keyframe 3 of 'class 1' is beyond the end of 3 depths; .*from 0 to 2, .*Keyframes .*, Zoom Stack how many": (
            lambda pack: optimize(pack, stack=zoom(pack), objectives={"objective0": ask(pack, "0: 0 / 3: 1")})
        ),
    }
)


def test_what_does_not_fit_is_refused_before_it_is_made(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    stack, four, three = pack.stack(), film(pack), zoom(pack)
    set_free_memory(2**22)
    with pytest.raises(ValueError, match=r"an ascent of 1024 frames of 64 x 64 needs about .*: take fewer frames"):
        pack.run("DAS_FilmStack", stack=stack, frames=1024)
    with pytest.raises(ValueError, match=r"an ascent of 32 depths of 64 x 64 needs about .*: take fewer depths"):
        pack.run("DAS_ZoomStack", stack=stack, depths=32)
    set_free_memory(2**20)
    with pytest.raises(ValueError, match=r"an ascent of 4 frames of 64 x 64 .* the number of frames smaller"):
        optimize(pack, stack=four)
    with pytest.raises(ValueError, match=r"an ascent of 3 depths of 64 x 64 .* the number of depths smaller"):
        optimize(pack, stack=three)
