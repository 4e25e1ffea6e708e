"""A film in a line: keyframes in every form, what comes out, and messages that say what there is."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from PIL import Image, ImageSequence

import direct_ascent as da
import tinyclip
from cases import each_case, refuses
from das_core import facade
from das_core.ascent.recipe import suit_film
from das_core.common.interruption import interruptible
from das_core.facade.film import Film
from das_core.objectives.classes import ScoreKind
from direct_ascent import SKETCH
from full_disk import fill_disk
from stops import Stop, StopError
from toys import classifier

TOY = classifier()


def film(wish: Any, model: Any = TOY, **settings: Any) -> Film:
    quick: dict[str, Any] = {"size": 32, "steps": 2, "progress": False, "frames": 4}
    return facade.film(model, wish, **quick | settings)


@each_case(
    ("wish", "settings", "names"),
    ('"0": "class 3", "4": "class 5"', {}, ["class 3", "class 5"]),
    ({0: "class 3", 3: da.channel("2", 7)}, {}, ["class 3", "2 channel 7"]),
    ({0: 3, 2: da.classes(5) - 0.2 * da.classes(1), 3: 3}, {}, ["class 3", "class 5", "class 1"]),
    (["0: class 3 / 3: class 5", da.classes(1)], {}, ["class 3", "class 5", "class 1"]),
    ("0: a castle / 3: a volcano", {"model": tinyclip.clip()}, ["a castle", "a volcano"]),
    # A picture.
    ("0: class 3", {"frames": 1, "loop": True}, ["class 3"]),
)
def test_wishes_over_time(wish: Any, settings: dict[str, Any], names: list[str]) -> None:
    made, frames = film(wish, **settings), settings.get("frames", 4)
    assert list(made.scores) == names
    assert all(len(scores) == frames for scores in made.scores.values())
    assert made.image.shape == (frames, 3, 32, 32)
    assert made.stack.spec.time is not None
    assert (made.stack.spec.time.frames, len(made.history)) == (frames, 2)


def test_a_film_is_saved_in_its_format_if_it_has_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ends with no format of films"):
        film("0: class 3", path=tmp_path / "morph.jpg", callback=lambda step: 1 / 0)
    made = film("0: class 3 / 3: class 5", loop=True, path=tmp_path / "morph.gif")
    with Image.open(tmp_path / "morph.gif") as opened:
        assert sum(1 for _ in ImageSequence.Iterator(opened)) == 4
        assert opened.info["duration"] == 80
    assert made.save(tmp_path / "slow.png", fps=5) == [tmp_path / "slow.png"]
    with Image.open(tmp_path / "slow.png") as opened:
        assert (opened.n_frames, opened.info["duration"]) == (4, 200)  # type: ignore[attr-defined]
        opened.seek(1)
        shown = torch.frombuffer(bytearray(opened.convert("RGB").tobytes()), dtype=torch.uint8)
    assert torch.equal(shown, (made.image[1] * 255).round().byte().permute(1, 2, 0).flatten())


test_what_cannot_be_is_said_with_what_can = refuses(
    lambda wish, settings: film(wish, **settings),
    ("0: class 3 / 4: class 5", {"loop": True}, "is frame 0 again, and they ask for 'class 5' and 'class 3'"),
    ("0: class 3", {"frames": 0}, "frames 0 is not a whole number from 1 to 1024"),
    ("0: class 3", {"start": torch.rand(3, 3, 32, 32)}, "3 start images do not go with 4 frames: use 1 or 4"),
)


def test_a_film_that_its_format_cannot_hold_is_refused_first_and_any_other_failure_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"'morph\.webp' cannot have frames of 16,384 x 16 pixels"):
        film("0: class 3", size=(16_384, 16), path=tmp_path / "morph.webp", callback=lambda step: 1 / 0)
    monkeypatch.setattr(Image.Image, "save", Mock(side_effect=RuntimeError("error adding frame")))
    with pytest.raises(facade.UnsavedError, match=r"could not be written \(error adding frame\)") as it:
        film("0: class 3", path=tmp_path / "morph.webp")
    assert isinstance(it.value.result, Film)
    stop = Stop()
    with pytest.raises(facade.UnsavedError), interruptible(stop):
        film("0: class 3", path=tmp_path / "morph.webp")
    with pytest.raises(StopError), interruptible(Stop(stop.calls)):  # The last is at a frame that is written.
        film("0: class 3", path=tmp_path / "morph.webp")


def test_a_film_that_no_disk_has_room_for_is_kept(tmp_path: Path) -> None:
    with fill_disk(512), pytest.raises(facade.UnsavedError, match=r"'morph\.mp4' could not be written") as it:
        film("0: class 3 / 3: class 5", path=tmp_path / "morph.mp4")
    assert not list(tmp_path.iterdir())
    made = it.value.result
    assert isinstance(made, Film)
    assert torch.equal(made.image, film("0: class 3 / 3: class 5").image)


def test_a_named_recipe_has_views_for_many_frames_and_classes_of_keyframes_are_asked_by_their_shares() -> None:
    def tracked(kind: ScoreKind) -> dict[int, Any]:
        return {0: da.classes(3, kind).on(TOY), 3: da.classes(5, kind).on(TOY)}

    named, explicit = film("0: class 3 / 3: class 5"), film({0: da.classes(3), 3: da.classes(5)})
    assert torch.equal(named.image, film(tracked("share")).image)
    assert torch.equal(explicit.image, film(tracked("log_probability")).image)
    assert not torch.equal(named.image, explicit.image)
    # For all frames it is the log-probability.
    sketch = film("class 3", recipe="sketch").image
    assert torch.equal(sketch, film(da.classes(3), recipe=suit_film(SKETCH)).image)
    assert not torch.equal(sketch, film("class 3", recipe=SKETCH).image)
