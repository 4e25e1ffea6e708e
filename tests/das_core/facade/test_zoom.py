"""A zoom in a line: wishes of every form, what comes out, seeds and chunks, and messages that say what there is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageSequence

import direct_ascent as da
from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.ascent.recipe import SKETCH
from das_core.common.interruption import interruptible
from das_core.facade.zoom import Zooming
from das_core.objectives.change import in_region, over_keyframes
from das_core.objectives.classes import class_objective
from das_core.objectives.content import content_objective
from das_core.report.objective_scores import score_images
from das_core.stack.image_stack import ImageStack
from das_core.stack.render import render_zoom
from das_core.stack.spec import StackSpec
from das_core.stack.zoom import Zoom
from das_core.views.windows import Windows
from full_disk import fill_disk
from stops import Stop, StopError, count_looks
from toys import VIEWS, classifier, random_views, toy_class

TOY = classifier()
WISHES = ["class 3", "class 5", "class 7"]


def zoom(wishes: Any = WISHES, model: Any = TOY, **settings: Any) -> Zooming:
    return da.zoom(model, wishes, **({"size": 32, "steps": 2, "progress": False, "recipe": "sketch"} | settings))


def start(seed: int = 0, chunk: int = 0, depths: int = 3) -> Ascent:
    """An ascent of a small zoom that has not begun."""
    spec = StackSpec(32, 32, 4, zoom=Zoom(depths))
    asked = {depth: 3 + depth for depth in range(depths)}
    tracks = over_keyframes(asked, lambda number: class_objective(TOY, ((number, 1.0),)))
    views = replace(VIEWS, windows=Windows(4))
    return Ascent(ImageStack.gray(spec), tracks, views, steps=3, seed=seed, chunk=chunk)


@each_case(
    ("wishes", "names"),
    [
        (WISHES, WISHES),
        (("class 3", da.channel("2", 7), 5), ["class 3", "2 channel 7", "class 5"]),
        (["class 3", da.classes(5) - 0.2 * da.classes(1)], ["class 3", "class 5", "class 1"]),
        (["class 3", "class 5", "class 3"], ["class 3", "class 5"]),
    ],
)
def test_wishes_by_depth(wishes: Any, names: list[str]) -> None:
    made = zoom(wishes)
    assert list(made.scores) == names
    assert all(len(scores) == len(wishes) for scores in made.scores.values())
    assert made.image.shape == (len(wishes), 3, 32, 32)
    assert made.stack.spec.zoom == Zoom(len(wishes), 2.5)


def test_each_depth_does_what_it_was_asked() -> None:
    made = zoom(steps=16, factor=4.0)
    for depth, name in enumerate(WISHES):
        others = [made.scores[name][other] for other in range(3) if other != depth]
        assert made.scores[name][depth] > max(others)


def test_a_zoom_depends_on_its_seed_alone_and_its_first_step_on_no_chunk() -> None:
    first, again, other = (start(seed).run().image for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    small, middle, large = (next(iter(start(chunk=chunk))).stack.canvas for chunk in (1, 4, 100))
    torch.testing.assert_close(small, middle, rtol=0, atol=1e-3)
    torch.testing.assert_close(large, middle, rtol=0, atol=1e-3)


def test_what_is_cancelled_in_the_middle_keeps_what_was_reached() -> None:
    whole, ascent, other = start().run(), start(), start()
    next(iter(ascent))
    next(iter(other))
    # Counted in a second step: the first step of a run may fill caches.
    looks = count_looks(lambda: next(iter(other)))
    for at in (1, looks // 3, looks // 2, looks - 1):
        with pytest.raises(StopError), interruptible(Stop(at)):
            ascent.run()
        assert (len(ascent.history), ascent.stack.steps) == (1, 1)
        assert render_zoom(ascent.result.stack, 5).shape == (5, 3, 32, 32)
    assert torch.equal(ascent.run().image, whole.image)


def test_a_callback_ends_it_and_a_start_is_where_it_begins() -> None:
    still = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    made = zoom(start=still, steps=5, callback=lambda step: True)
    assert len(made.history) == 1
    begun = ImageStack.from_image(made.stack.spec, still)
    assert float((made.image - begun.image()).abs().mean()) < 0.2


def test_a_zoom_is_saved_as_a_film(tmp_path: Path) -> None:
    made = zoom(path=tmp_path / "in.gif", seconds=0.5, fps=10)
    with Image.open(tmp_path / "in.gif") as opened:
        assert sum(1 for _ in ImageSequence.Iterator(opened)) == 11
    assert made.save(tmp_path / "out.png", seconds=1, fps=4, out=True) == [tmp_path / "out.png"]
    with Image.open(tmp_path / "out.png") as opened:
        assert (opened.n_frames, opened.info["duration"]) == (9, 250)  # type: ignore[attr-defined]
        opened.seek(4)
        shown = torch.frombuffer(bytearray(opened.convert("RGB").tobytes()), dtype=torch.uint8)
    assert torch.equal(shown, (made.image[1] * 255).round().byte().permute(1, 2, 0).flatten())
    looped = zoom(loop=True, path=tmp_path / "loop.webp", seconds=0.5, fps=10)
    with Image.open(tmp_path / "loop.webp") as opened:
        assert opened.n_frames == 15  # type: ignore[attr-defined]
    assert len(looped.image) == 3


def test_what_cannot_be_saved_is_said_before_the_work_and_the_longest_zoom_can(tmp_path: Path) -> None:
    def never(step: object) -> None:
        raise AssertionError("a step was done")

    def stop(step: object) -> None:
        raise StopError

    with pytest.raises(ValueError, match="ends with no format of films"):
        zoom(path=tmp_path / "zoom.jpg", callback=never)
    for seconds in (0.0, -1.0, 1e9, float("nan"), float("inf"), "x"):
        with pytest.raises(ValueError, match=r"seconds from depth to depth cannot be"):
            zoom(path=tmp_path / "zoom.gif", seconds=seconds, callback=never)
    # 65,536 frames, and without a loop one more, of the last depth.
    with pytest.raises(ValueError, match=r"seconds from depth to depth cannot be"):
        zoom(path=tmp_path / "zoom.gif", seconds=1024, fps=32, callback=never)
    assert not list(tmp_path.iterdir())
    # 65,536 frames; without a loop, one of them is the end. `stop` is only called if they are accepted.
    for loop, longest in ((True, 1024.0), (False, 65_535 / 32)):
        with pytest.raises(StopError):
            zoom(WISHES[:2], loop=loop, path=tmp_path / "zoom.gif", seconds=longest, fps=32, callback=stop)


@each_case(
    ("wishes", "settings", "says"),
    [
        (["class 3"], {}, "1 depths are no zoom; give a whole number from 2 to 32"),
        ([], {}, "0 depths are no zoom"),
        (["class 3"] * 100, {}, "100 depths are no zoom"),
        (["class 3", "", "class 5"], {}, "depth 2 of 3 has no wish"),
        (["class 3", " ", "class 5"], {}, "depth 2 of 3 has no wish"),
        (["class 3", None], {}, "depth 2 of 2 has no wish"),
        ("class 3", {}, "a str is no list of depths"),
        (None, {}, "a NoneType is no list of depths"),
        (["class 3", "a castle"], {}, "a castle"),
        (WISHES, {"factor": 1.0}, "factor 1.0 is not between 1.25 and 8"),
        (WISHES, {"factor": 9.0}, "factor 9.0 is not between 1.25 and 8"),
        (WISHES, {"start": torch.rand(2, 3, 32, 32)}, "2 start images are no zoom of 3 depths: use 1 or 3"),
        (WISHES, {"size": 8}, "width 8 is too small"),
        (WISHES, {"size": "large"}, "size large is neither a whole number of pixels nor two"),
        (WISHES, {"size": (64, 64, 3)}, "neither a whole number of pixels nor two"),
        (WISHES, {"recipe": "quick"}, "there is no recipe 'quick'"),
        ([in_region(toy_class(), torch.ones(1, 8, 8)), "class 3"], {}, "a zoom has no regions"),
        (
            [da.channel("2", 7) + da.diversity("2"), "class 3"],
            {},
            "makes images differ, and depths belong together",
        ),
    ],
)
def test_what_cannot_be_is_said_with_what_can(wishes: Any, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        zoom(wishes, **settings)


def test_a_named_recipe_has_its_views_for_every_depth_and_one_of_your_own_keeps_its_number() -> None:
    seen: list[int] = []

    class Counting(torch.nn.Module):
        def __init__(self, module: torch.nn.Module) -> None:
            super().__init__()
            self.module = module

        def forward(self, views: torch.Tensor) -> torch.Tensor:
            if torch.is_grad_enabled():
                seen.append(len(views))
            answer: torch.Tensor = self.module(views)
            return answer

    model = classifier()
    counting = type(model)(model.name, Counting(model.module), model.size, model.mean, model.std, labels=model.labels)
    zoom(model=counting, steps=1)
    assert sum(seen) == 3 * SKETCH.augmentation.views
    seen.clear()
    zoom(model=counting, recipe=SKETCH, steps=1)
    assert sum(seen) == SKETCH.augmentation.views


def test_a_zoom_with_an_image_for_each_moment_is_measured_by_those_of_its_depths() -> None:
    images = random_views(32, 9)
    kept = [content_objective(TOY, some) for some in (images, images[::4], images[:1])]
    made = zoom([kept[0], "class 3", kept[2]])
    content, one = (score_images(made.image, objective).table[:, 0].tolist() for objective in kept[1:])
    assert (made.scores["content"], made.scores["content (2)"]) == (content, one)


def test_a_zoom_that_no_disk_has_room_for_is_kept(tmp_path: Path) -> None:
    with fill_disk(512), pytest.raises(da.UnsavedError, match=r"'in\.gif' could not be written") as it:
        zoom(path=tmp_path / "in.gif", seconds=0.5, fps=10)
    assert not list(tmp_path.iterdir())
    assert it.value.result.image.shape == (3, 3, 32, 32)


def test_classes_of_depths_are_asked_by_their_logits() -> None:
    assert torch.equal(zoom().image, zoom([class_objective(TOY, name, "logit") for name in WISHES]).image)
    assert not torch.equal(zoom().image, zoom([da.classes(name) for name in WISHES]).image)
