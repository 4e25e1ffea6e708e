"""A film in a line: keyframes in every form, what comes out, and messages that say what there is."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageSequence

import direct_ascent as da
import tinyclip
from cases import each_case
from das_core.ascent.recipe import SKETCH
from das_core.common.masks import canvas_mask
from das_core.facade.film import Film
from das_core.objectives.change import in_region, over_frames
from das_core.objectives.classes import ScoreKind, class_objective
from das_core.report.objective_scores import score_images
from full_disk import fill_disk
from toys import classifier, toy_class

TOY = classifier()


def film(wish: Any, model: Any = TOY, **settings: Any) -> Film:
    return da.film(model, wish, **({"size": 32, "steps": 2, "progress": False, "frames": 4} | settings))


@each_case(
    ("wish", "settings", "names"),
    [
        ("0: class 3 / 3: class 5", {}, ["class 3", "class 5"]),
        ('"0": "class 3", "4": "class 5"', {}, ["class 3", "class 5"]),
        ({0: "class 3", 3: da.channel("2", 7)}, {}, ["class 3", "2 channel 7"]),
        ({0: 3, 2: da.classes(5) - 0.2 * da.classes(1), 3: 3}, {}, ["class 3", "class 5", "class 1"]),
        ("class 3", {}, ["class 3"]),
        (["0: class 3 / 3: class 5", da.classes(1)], {}, ["class 3", "class 5", "class 1"]),
        (over_frames(toy_class(), [0.0, 0.2, 1.0, 0.3]), {}, ["class 3"]),
        ("0: a castle / 3: a volcano", {"model": tinyclip.clip()}, ["a castle", "a volcano"]),
        # A picture.
        ("0: class 3", {"frames": 1}, ["class 3"]),
        ("0: class 3", {"frames": 1, "loop": True}, ["class 3"]),
    ],
)
def test_wishes_over_time(wish: Any, settings: dict[str, Any], names: list[str]) -> None:
    made, frames = film(wish, **settings), settings.get("frames", 4)
    assert list(made.scores) == names
    assert all(len(scores) == frames for scores in made.scores.values())
    assert made.image.shape == (frames, 3, 32, 32)
    assert made.stack.spec.time is not None
    assert (made.stack.spec.time.frames, len(made.history)) == (frames, 2)


def test_a_film_is_the_same_with_the_same_seed_and_another_with_another() -> None:
    wish = "0: class 3 / 3: class 5"
    first, again, other = (film(wish, seed=seed).image for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_both_ends_do_what_they_were_asked() -> None:
    made = film("0: class 3 / 5: class 7", frames=6, steps=12)
    early, late = TOY.probabilities(made.image)[:, [3, 7]].T
    assert early[0] > early[-1]
    assert late[-1] > late[0]


def test_a_film_is_saved_in_its_format_and_with_frames_in_between(tmp_path: Path) -> None:
    made = film("0: class 3 / 3: class 5", loop=True, fps=5, path=tmp_path / "morph.gif")
    with Image.open(tmp_path / "morph.gif") as opened:
        assert sum(1 for _ in ImageSequence.Iterator(opened)) == 4
        assert opened.info["duration"] == 200
    assert made.save(tmp_path / "slow.png", smooth=4) == [tmp_path / "slow.png"]
    with Image.open(tmp_path / "slow.png") as opened:
        assert opened.n_frames == 16  # type: ignore[attr-defined]
        assert opened.info["duration"] == 50
        opened.seek(4)
        shown = torch.frombuffer(bytearray(opened.convert("RGB").tobytes()), dtype=torch.uint8)
    expected = (made.image[1] * 255).round().byte().permute(1, 2, 0).flatten()
    assert torch.equal(shown, expected)


def test_what_cannot_be_saved_is_said_before_the_work(tmp_path: Path) -> None:
    def never(step: object) -> None:
        raise AssertionError("a step was done")

    with pytest.raises(ValueError, match="ends with no format of films"):
        film("0: class 3", path=tmp_path / "morph.jpg", callback=never)
    with pytest.raises(ValueError, match=r"fps 60 is out of range; a .gif has 0.1 to 50"):
        film("0: class 3", path=tmp_path / "morph.gif", fps=15, smooth=4, callback=never)
    for smooth, fps, says in (
        (0, 12, "smooth 0 is not a whole number from 1 up; 1 shows the frames themselves"),
        (0.5, 12, "smooth 0.5 is not a whole number from 1 up"),
        (1.5, 12, "smooth 1.5 is not a whole number from 1 up"),
        (16_385, 0.004, "smooth 16385 is too large for 4 frames; a file has at most 65536 frames: give at most 16384"),
    ):
        with pytest.raises(ValueError, match=says):
            film("0: class 3", path=tmp_path / "morph.webp", fps=fps, smooth=smooth, callback=never)
    with pytest.raises(ValueError, match="smooth 0 is not a whole number from 1 up"):
        film("0: class 3").save(tmp_path / "morph.gif", smooth=0)
    assert not list(tmp_path.iterdir())


@each_case(
    ("wish", "settings", "says"),
    [
        ("0: class 3 / 9: class 5", {}, "keyframe 9 of 'class 5' is beyond the end of 4 frames"),
        ("0: class 3 / 0: class 5", {}, "keyframe 0 stands there twice"),
        ("0: class 3 / 3:", {}, "keyframe 3 is empty"),
        (
            "0: class 3 / 4: class 5",
            {"loop": True},
            "is frame 0 again, and they ask for 'class 5' and 'class 3'; leave",
        ),
        ("0: class 3 / 3: a castle", {}, "a castle"),
        ("0: class 3", {"frames": 0}, "frames 0 is not a whole number from 1 to 1024"),
        ("0: class 3", {"frames": 10_000}, "frames 10000 is not a whole number from 1 to 1024"),
        ({}, {}, "there is no keyframe"),
        ("0: class 3", {"start": torch.rand(3, 3, 32, 32)}, "3 start images are no film of 4 frames: use 1 or 4"),
        ("0: class 3", {"recipe": "quick"}, "there is no recipe 'quick'"),
    ],
)
def test_what_cannot_be_is_said_with_what_can(wish: Any, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        film(wish, **settings)


def test_a_named_recipe_has_views_for_many_frames_and_one_of_your_own_keeps_its_number() -> None:
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
    film(3, counting, recipe="sketch", steps=1)
    assert sum(seen) == 12
    seen.clear()
    film(3, counting, recipe=SKETCH, steps=1)
    assert sum(seen) == SKETCH.augmentation.views


def test_a_callback_ends_it_and_a_start_is_where_it_begins() -> None:
    still = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    made = film("0: class 3 / 3: class 5", start=still, steps=5, callback=lambda step: True)
    assert len(made.history) == 1
    assert float((made.image - still).abs().mean()) < 0.2


def test_a_region_of_another_aspect_is_measured_where_it_acted() -> None:
    masks = torch.zeros(4, 48, 48)
    for frame in range(4):
        masks[frame, :, 8 * frame : 8 * frame + 24] = 1
    covering = canvas_mask(masks, (32, 48), margin=0)[:, 0]
    made = film(in_region(toy_class(), masks), size=(48, 32))
    expected = score_images(made.image, in_region(toy_class(), covering))
    assert made.scores == {"class 3": expected.table[:, 0].tolist()}


@each_case("name", ["morph.gif", "morph.mp4"])
def test_a_film_that_no_disk_has_room_for_is_kept(tmp_path: Path, name: str) -> None:
    expected = film("0: class 3 / 3: class 5")
    with (
        fill_disk(512),
        pytest.raises(da.UnsavedError, match=rf"'{name}' could not be written \(.+made\.save") as it,
    ):
        film("0: class 3 / 3: class 5", path=tmp_path / name)
    assert not list(tmp_path.iterdir())
    made = it.value.result
    assert isinstance(made, Film)
    assert torch.equal(made.image, expected.image)
    assert made.save(tmp_path / name) == [tmp_path / name]


def test_classes_of_keyframes_are_asked_by_their_logits_and_those_of_all_frames_are_not() -> None:
    def tracked(kind: ScoreKind) -> dict[int, Any]:
        return {0: class_objective(TOY, 3, kind), 3: class_objective(TOY, 5, kind)}

    named, explicit = film("0: class 3 / 3: class 5"), film({0: da.classes(3), 3: da.classes(5)})
    assert torch.equal(named.image, film(tracked("logit")).image)
    assert torch.equal(explicit.image, film(tracked("log_probability")).image)
    assert not torch.equal(named.image, explicit.image)
    assert torch.equal(film("class 3").image, film(da.classes(3)).image)
