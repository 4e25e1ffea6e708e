"""Zoom Stack: depths that climb together, keyframes by their numbers, and zooms in nodes that take stacks."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, Toy, assert_is_free, assert_is_image, assert_refused


def zoom(pack: Pack, depths: int = 3, *, factor: float = 2.5, loop: bool = False, **inputs: Any) -> Any:
    return pack.run("DAS_ZoomStack", stack=pack.stack(**inputs), depths=depths, factor=factor, loop=loop)[0]


def optimize(pack: Pack, **inputs: Any) -> Any:
    """Run Optimize with views that stay within the margin of a small zoom."""
    return pack.optimize(**({"augmentation": pack.augmentation(jitter=8)} | inputs))


def ask(pack: Pack, text: str = "0: 0 / 1: 1 / 2: 2", **inputs: Any) -> Any:
    return pack.run("DAS_Keyframes", model=pack.classifier(Toy()), keyframes=text, **inputs)[0]


@pytest.fixture(scope="module")
def climbed(loaded: Pack) -> Any:
    """A zoom of three depths that has climbed for two steps."""
    return optimize(loaded, stack=zoom(loaded))[1]


def test_optimize_climbs_all_depths(pack: Pack) -> None:
    image, stack, frames, history, importance = optimize(pack, stack=zoom(pack, loop=True))
    assert_is_image(image, 3, 64, 64)
    assert torch.equal(frames, image)
    assert importance.shape == (3, 64, 64)
    assert len(history) == 2
    assert (stack.batch, stack.spec.zoom.depths, stack.spec.zoom.loop) == (3, 3, True)
    assert image.std() > 0.001


def test_the_margin_is_that_of_the_library(pack: Pack) -> None:
    stack = pack.run("DAS_ImageStack", width=224, height=160)[0]
    assert stack.spec.margin == 56
    (made,) = pack.run("DAS_ZoomStack", stack=stack, factor=1.25)
    assert (made.spec.margin, made.spec.zoom.depths, made.spec.zoom.factor) == (20, 6, 1.25)
    assert_is_free(made.canvas)


class RecordedRecipe:
    """The recipe with which an ascent was prepared."""

    def __init__(self, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recipes: list[Any] = []
        self.plans: list[Any] = []
        recipe = pack.module("das_core.ascent.recipe").Recipe
        prepare = recipe.prepare

        def note(recipe: Any, stack: Any, plan: Any, **settings: Any) -> Any:
            self.recipes.append(recipe)
            self.plans.append(plan)
            return prepare(recipe, stack, plan, **settings)

        monkeypatch.setattr(recipe, "prepare", note)


@pytest.fixture
def recorded(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> RecordedRecipe:
    return RecordedRecipe(pack, monkeypatch)


def test_views_and_focus_suit_a_zoom(pack: Pack, climbed: Any, recorded: RecordedRecipe) -> None:
    sketch = {"recipe": "sketch"}
    asked, few = {"objective0": ask(pack)}, pack.augmentation(jitter=8)
    pack.run("DAS_Optimize", stack=zoom(pack), objectives=asked, **sketch)
    pack.run("DAS_Optimize", stack=climbed, objectives=asked, **sketch, augmentation=few)
    optimize(pack, stack=zoom(pack), augmentation=None, steps=1)
    new, went_on, custom = recorded.recipes
    assert (new.augmentation.views, new.augmentation.windows.zoom_min) == (3 * 4, 0.8)
    assert (new.focus.start, new.focus.end) == (0.6, 3.0)
    assert (went_on.augmentation, went_on.focus) == (few, "auto")
    assert (custom.augmentation.views, custom.focus) == (3 * 16, None)


def test_keyframes_are_numbers_of_depths(pack: Pack, recorded: RecordedRecipe) -> None:
    optimize(pack, stack=zoom(pack), objectives={"objective0": ask(pack)}, steps=1)
    # Three moments lie between two depths.
    timeline = zoom(pack).spec.zoom.timeline
    weights = [term.weigh_images(timeline) for (term,) in recorded.plans[0].parts.values()]
    assert weights[0] == pytest.approx((1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0, 0.0, 0.0, 0.0), abs=1e-4)
    assert weights[2] == pytest.approx(weights[0][::-1])


def test_depths_go_where_they_are_asked_to(pack: Pack) -> None:
    asked = {"objective0": ask(pack, "0: 0 / 1: 1")}
    image = optimize(pack, stack=zoom(pack, 2, factor=4.0), objectives=asked, steps=16)[0]
    answers = pack.classifier(Toy())(image.movedim(-1, 1)[:, :, :16, :16])
    shift = answers[:, 1] - answers[:, 0]
    assert shift[1] > shift[0]


@each_case(
    "wrap",
    [
        lambda pack, objective: pack.run("DAS_Schedule", objective=objective, start=0.0, end=1.0, frames="0, 1, 0.5")[
            0
        ],
        lambda pack, objective: pack.run("DAS_Schedule", objective=objective, start=0.5, end=1.0)[0],
        lambda pack, objective: pack.run(
            "DAS_Ensemble", objectives={"objective0": objective, "objective1": pack.objective()}
        )[0],
    ],
)
def test_keyframes_inside_other_objectives(pack: Pack, wrap: Callable[[Pack, Any], Any]) -> None:
    image = optimize(pack, stack=zoom(pack), objectives={"objective0": wrap(pack, ask(pack))})[0]
    assert_is_image(image, 3, 64, 64)


NODES: dict[str, Callable[[Pack, Any], Any]] = {
    "edited": lambda pack, stack: optimize(
        pack, stack=pack.run("DAS_EditStack", stack=stack, gains="1-8: 0.5", freeze="1-4")[0], steps=1
    )[0],
    "levels": lambda pack, stack: pack.run("DAS_StackLevels", stack=stack)[0],
    "spectrum": lambda pack, stack: pack.run("DAS_Spectrum", stack=stack)[1],
    "sgd": lambda pack, stack: optimize(
        pack, stack=stack, steps=1, optimizer={"optimizer": "sgd", "learning_rate": 0.1}
    )[0],
    "adam": lambda pack, stack: optimize(
        pack, stack=stack, steps=1, optimizer={"optimizer": "adam", "learning_rate": 0.1}
    )[0],
    "in other depths": lambda pack, stack: pack.run("DAS_ZoomStack", stack=stack, depths=3, factor=4.0)[0].image(),
    "larger": lambda pack, stack: pack.run("DAS_StackToImage", stack=stack, scale=1.5)[0],
    "smooth": lambda pack, stack: optimize(
        pack,
        stack=stack,
        steps=1,
        objectives={"objective0": pack.run("DAS_Prior", kind={"kind": "total_variation"})[0]},
    )[0],
}


@each_case("use", NODES)
def test_nodes_that_take_stacks_take_zooms(pack: Pack, climbed: Any, use: str) -> None:
    made = NODES[use](pack, climbed)
    assert torch.isfinite(made).all()
    assert len(made) in (1, 3)


@each_case("settings", [{"method": "layers"}, {"levels": {"levels": "powers_of_two"}}])
def test_other_kinds_of_stacks_climb_as_zooms(pack: Pack, settings: dict[str, Any]) -> None:
    assert_is_image(optimize(pack, stack=zoom(pack, **settings), steps=1)[0], 3, 64, 64)


def test_a_zoom_is_saved_and_loaded_and_goes_on(pack: Pack, climbed: Any) -> None:
    (name,) = pack.run("DAS_SaveStack", stack=climbed)
    (stack,) = pack.run("DAS_LoadStack", file=name)
    assert stack.spec == climbed.spec
    again, kept = (optimize(pack, stack=one, steps=1)[0] for one in (stack, climbed))
    assert torch.equal(again, kept)


def masked(pack: Pack) -> Any:
    return zoom(pack, image=torch.rand(1, 64, 64, 3), mask=torch.ones(1, 64, 64))


BAD: dict[str, Callable[[Pack], object]] = {
    r"2 pictures are no zoom of 3 depths; 1, which all start from, or 3 are": lambda pack: zoom(pack, batch_size=2),
    r"a zoom is no part of a picture, .*leave the mask out": masked,
    r"a zoom cannot be a tile, which has no middle": lambda pack: zoom(pack, tile=True),
    r"a margin of 0 pixels is too narrow for a zoom.*at least 4": lambda pack: zoom(pack, margin=0),
    r"keyframe 3 of 'class 1' is beyond the end of 3 depths; .*from 0 to 2, .*Zoom Stack says how many": lambda pack: (
        optimize(pack, stack=zoom(pack), objectives={"objective0": ask(pack, "0: 0 / 3: 1")})
    ),
    r"has 2 weights and there are 3 depths; give one for each. Zoom Stack": lambda pack: optimize(
        pack,
        stack=zoom(pack),
        objectives={"objective0": pack.run("DAS_Schedule", objective=pack.objective(), frames="0, 1")[0]},
    ),
    r"a zoom has no regions": lambda pack: optimize(
        pack,
        stack=zoom(pack),
        objectives={"objective0": pack.run("DAS_Region", objective=ask(pack), mask=torch.ones(1, 64, 64))[0]},
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_what_cannot_be_is_refused(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)


def test_a_zoom_that_does_not_fit_is_refused_before_it_is_made(
    pack: Pack, set_free_memory: Callable[[int], None]
) -> None:
    stack, made = pack.stack(), zoom(pack)
    set_free_memory(2**22)
    with pytest.raises(ValueError, match=r"an ascent of 32 depths of 64 x 64 needs about .*: take fewer depths"):
        pack.run("DAS_ZoomStack", stack=stack, depths=32)
    set_free_memory(2**20)
    with pytest.raises(ValueError, match=r"an ascent of 3 depths of 64 x 64 .* the number of depths smaller"):
        optimize(pack, stack=made)
