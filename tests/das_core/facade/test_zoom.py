"""A zoom in a line: wishes of every form, what comes out, and messages that say what there is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageSequence

import direct_ascent as da
from cases import each_case, refuses
from das_core import facade
from das_core.ascent.recipe import suit_zoom
from das_core.facade.zoom import Zooming
from toys import classifier, random_views, toy_class

TOY = classifier()
WISHES = ["class 3", "class 5", "class 7"]


def zoom(wishes: Any = WISHES, **settings: Any) -> Zooming:
    quick: dict[str, Any] = {"size": 32, "steps": 2, "progress": False, "recipe": "sketch"}
    return facade.zoom(TOY, wishes, **quick | settings)


@each_case(
    ("wishes", "names"),
    (("class 3", da.channel("2", 7), 5), ["class 3", "2 channel 7", "class 5"]),
    (["class 3", da.classes(5) - 0.2 * da.classes(1)], ["class 3", "class 5", "class 1"]),
    (["class 3", "class 5", "class 3"], ["class 3", "class 5"]),
)
def test_wishes_by_depth(wishes: Any, names: list[str]) -> None:
    made = zoom(wishes)
    assert list(made.scores) == names
    assert all(len(scores) == len(wishes) for scores in made.scores.values())
    assert made.image.shape == (len(wishes), 3, 32, 32)
    assert made.stack.spec.zoom == da.stack.Zoom(len(wishes), 2.5)


def test_each_depth_does_what_it_was_asked() -> None:
    made = zoom(steps=12, factor=4.0)
    for depth, name in enumerate(WISHES):
        others = [made.scores[name][other] for other in range(3) if other != depth]
        assert made.scores[name][depth] > max(others)


def test_a_zoom_is_saved_as_a_film_of_a_length_that_can_be(tmp_path: Path) -> None:
    made = zoom()
    made.save(tmp_path / "in.gif", seconds=0.5, fps=10)
    with Image.open(tmp_path / "in.gif") as opened:
        assert sum(1 for _ in ImageSequence.Iterator(opened)) == 11
    assert made.save(tmp_path / "in.png", seconds=1, fps=4) == [tmp_path / "in.png"]
    with Image.open(tmp_path / "in.png") as opened:
        assert (opened.n_frames, opened.info["duration"]) == (9, 250)  # type: ignore[attr-defined]
        opened.seek(4)
        shown = torch.frombuffer(bytearray(opened.convert("RGB").tobytes()), dtype=torch.uint8)
    assert torch.equal(shown, (made.image[1] * 255).round().byte().permute(1, 2, 0).flatten())
    zoom(WISHES[:2], loop=True).save(tmp_path / "loop.webp", seconds=0.5, fps=10)
    with Image.open(tmp_path / "loop.webp") as opened:
        assert opened.n_frames == 10  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"cannot have frames of 16,384 x 48 pixels: a \.webp has at most 16,383"):
        replace(made, stack=da.ImageStack.gray(replace(made.stack.spec, width=16_384, height=48), 3)).save(
            tmp_path / "a.webp"
        )
    for seconds in (0.0, -1.0, 1e9, float("nan"), "x"):
        with pytest.raises(ValueError, match=r"seconds from depth to depth cannot be, at 24 frames .* 3 depths; 2 are"):
            made.save(tmp_path / "zoom.gif", seconds=seconds)  # type: ignore[arg-type]


test_what_cannot_be_is_said_with_what_can = refuses(
    lambda wishes, settings: zoom(wishes, **settings),
    (["class 3"], {}, "depths 1 is not a whole number from 2 to 32"),
    (["class 3", None], {}, "a NoneType is nothing to ask for"),
    ("class 3", {}, "a str is no list of depths"),
    ({0: "class 3", 1: "class 5"}, {}, "a dict is no list of depths"),
    (WISHES, {"factor": 9.0}, "factor 9.0 is not between 1.25 and 8"),
    (WISHES, {"start": torch.rand(2, 3, 32, 32)}, "2 start images do not go with 3 depths: use 1 or 3"),
    ([da.in_region(toy_class(), torch.ones(1, 8, 8)), "class 3"], {}, "a zoom has no regions"),
    ([da.channel("2", 7) + da.diversity("2"), "class 3"], {}, "makes images differ, and depths belong"),
)


def test_a_named_recipe_is_adapted_and_classes_of_depths_are_asked_by_their_logits() -> None:
    made = zoom().image
    asked = [da.classes(name, "share").on(TOY) for name in WISHES]
    assert torch.equal(made, zoom(asked, recipe=suit_zoom(da.SKETCH, 3)).image)
    assert not torch.equal(made, zoom(recipe=da.SKETCH).image)
    assert not torch.equal(made, zoom([da.classes(name) for name in WISHES]).image)


@each_case("loop", False, True)
def test_a_zoom_with_an_image_for_each_moment_is_measured_by_those_of_its_depths(loop: bool) -> None:
    images = random_views(32, 12 if loop else 9)
    kept = [da.content(some).on(TOY) for some in (images, images[::4], images[:1])]
    made = zoom([kept[0], "class 3", kept[2]], loop=loop)
    content, one = (da.score_images(made.image, objective).table[:, 0] for objective in kept[1:])
    torch.testing.assert_close(torch.tensor(made.whole_scores["content"]), content)
    torch.testing.assert_close(torch.tensor(made.whole_scores["content (2)"]), one)


def test_a_depth_is_scored_as_the_moment_that_it_is_and_without_its_factor() -> None:
    asked = [da.classes(number).on(TOY) for number in (3, 5, 7, 1, 2)]
    tracked = da.over_frames(da.prior("l2"), ((0, 1.0), (2, 0.0)))
    stack = da.ImageStack.noise(da.StackSpec(32, 32, 8, zoom=da.stack.Zoom(3)), seed=2)
    ascent = da.Ascent(stack, [da.one_per_image(asked), tracked], steps=1)
    before, pictures = ascent.score(whole=True), stack.image()
    alone = [da.score_images(pictures, objective).table[:, 0] for objective in asked]
    # Depths 0, 1 and 2 are the moments 0, 4 and 8, for which the classes are asked in turn.
    scores = torch.tensor(before[da.one_per_image(asked).name])
    torch.testing.assert_close(scores, torch.stack([alone[0][0], alone[4][1], alone[3][2]]))
    assert before["l2"] == [0.0] * 3
    ascent.run()
    assert max(ascent.score()["l2"]) < 0
