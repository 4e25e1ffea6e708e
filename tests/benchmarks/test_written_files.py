"""What benches write: pictures, made anew only when they must be, and RESULTS.md, in sections that replace old ones."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import direct_ascent as da
from benchmarks import pictures, run
from benchmarks.recipes import PICTURE, Recipe
from benchmarks.run import INTRODUCTION, write_section
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.objectives.objective import Objective
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import classifier

TINY = replace(
    PICTURE, name="tiny", steps=2, spec=StackSpec(32, 24, 8), augmentation=Augmentation(2, Windows(8)), focus=None
)


class Asked(list[str]):
    """Makes objectives of a toy classifier; the list of what for."""

    def __call__(self, recipe: Recipe, wish: str) -> Objective:
        self.append(wish)
        return da.classes(wish).on(classifier())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where pictures are kept."""
    monkeypatch.setattr(pictures, "FOLDER", tmp_path)
    return tmp_path


def make(asked: Asked, wishes: Sequence[str], recipe: Recipe = TINY, seed: int = 0) -> torch.Tensor:
    images, seconds = pictures.make_pictures(recipe, asked, wishes, seed)
    assert len(seconds) == len(wishes)
    assert min(seconds) > 0
    return images


def test_what_is_there_is_not_made_again_unless_it_was_cut_off(folder: Path) -> None:
    asked = Asked()
    first = make(asked, ["1", "2"])
    assert first.shape == (2, 3, 24, 32)
    again = make(asked, ["2", "3", "1"])
    assert asked == ["1", "2", "3"]
    assert torch.equal(again[[2, 0]], first)
    assert len(list(folder.rglob("*.png"))) == 3
    path = pictures.find_file(TINY, "1", 0)
    path.write_bytes(path.read_bytes()[:50])
    path.with_suffix(".json").unlink()
    assert torch.equal(make(asked, ["1"]), first[:1])
    assert asked == ["1", "2", "3", "1"]


def test_it_is_the_ascent_of_the_recipe_with_the_bits_of_a_file_and_notes_of_how_it_was_made() -> None:
    asked = Asked()
    kept = make(asked, ["4"], seed=3)
    image, _ = TINY.climb([asked(TINY, "4")], 3)
    assert (kept - image).abs().max() < 1 / 255
    notes = json.loads(pictures.find_file(TINY, "4", 3).with_suffix(".json").read_text())
    assert notes["wish"] == "4"
    assert notes["threads"] == torch.get_num_threads()


def test_other_settings_and_seeds_make_other_pictures_in_files_named_by_what_was_asked_for() -> None:
    asked = Asked()
    no_transforms = replace(TINY, augmentation=replace(TINY.augmentation, transforms=()))
    others = replace(TINY, steps=3), replace(TINY, optimizer=NormalizedAscent(0.2)), no_transforms
    made = [make(asked, ["1"], recipe) for recipe in (TINY, *others)] + [make(asked, ["1"], seed=1)]
    assert asked == ["1"] * 5
    assert not any(torch.equal(first, second) for first, second in itertools.combinations(made, 2))
    path = pictures.find_file(TINY, "a red sports car!: 0.5", 7)
    assert path.relative_to(pictures.FOLDER).parts[1:] == ("7", "a_red_sports_car.png")
    assert PICTURE.describe() == "448 x 448, 60 steps x 16 views, two models"


def test_a_section_is_replaced_and_all_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RESULTS", tmp_path / "RESULTS.md")
    for name, text in (("text", "first"), ("speed", "fast"), ("image_targets", "blends"), ("text", "second")):
        write_section(name, text)
    written = "\n## Speed\n\nfast\n\n## Text\n\nsecond\n\n## Image targets\n\nblends\n"
    assert (tmp_path / "RESULTS.md").read_text(encoding="utf-8") == INTRODUCTION + written
