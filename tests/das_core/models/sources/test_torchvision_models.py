"""Classifiers of torchvision, with random weights: no test here needs the net."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torchvision
from torch import Tensor, nn

from cases import each_case
from das_core.models.label_sets import imagenet_labels
from das_core.models.sources.torchvision_models import (
    build_torchvision_module,
    find_published_settings,
    list_downloaded_torchvision,
    list_torchvision_architectures,
    load_torchvision,
)
from dead_drive import unplug
from untrained import IMAGENET_MEAN, IMAGENET_STD, assert_same_answer, torchvision_model


def test_every_classification_model_of_torchvision_is_listed_and_its_url_carries_a_digest() -> None:
    # Independent of the registry: every set of weights in torchvision.models that knows 1,000 categories.
    lower = {name.casefold(): name for name in dir(torchvision.models) if name.islower()}
    enums = [name for name in dir(torchvision.models) if name.endswith("_Weights")]
    with_classes = [
        lower[name.removesuffix("_Weights").casefold()]
        for name in enums
        if len(getattr(torchvision.models, name).DEFAULT.meta["categories"]) == 1000
    ]
    assert list_torchvision_architectures() == sorted(with_classes)
    assert len(with_classes) >= 80
    for name in list_torchvision_architectures():
        digest = torchvision.models.get_model_weights(name).DEFAULT.url.rpartition("-")[2].removesuffix(".pth")
        assert 8 <= len(digest) <= 10
        int(digest, 16)


Publish = Callable[[str, dict[str, Tensor]], Path]


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Puts weights where torchvision's default URL of an architecture points from then on."""
    original = torchvision.models.get_model_weights

    def put(architecture: str, state: dict[str, Tensor]) -> Path:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
        path = tmp_path / "published" / f"{architecture}-{digest}.pth"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(buffer.getvalue())
        default = original(architecture).DEFAULT
        stub = SimpleNamespace(url=path.as_uri(), meta=default.meta, transforms=default.transforms)
        monkeypatch.setattr(
            torchvision.models,
            "get_model_weights",
            lambda name: SimpleNamespace(DEFAULT=stub) if name == architecture else original(name),
        )
        return path

    return put


def test_torchvision_weights_are_fetched_once(
    tmp_path: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = torchvision_model("squeezenet1_1")
    published = publish("squeezenet1_1", module.state_dict())
    folder = tmp_path / "classifiers"
    assert list_downloaded_torchvision(folder) == []
    told: list[int] = []
    loaded = load_torchvision("squeezenet1_1", folder, lambda done, total: told.append(done))
    assert told[-1] == published.stat().st_size
    assert loaded.name == "squeezenet1_1"
    assert loaded.labels == imagenet_labels()
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)
    assert list_downloaded_torchvision(folder) == ["squeezenet1_1"]
    published.unlink()
    load_torchvision("squeezenet1_1", folder)
    # The drive may be gone.
    unplug(monkeypatch, folder)
    assert list_downloaded_torchvision(folder) == []


def test_torchvision_weights_that_are_wrong_or_cannot_be_fetched_are_named(tmp_path: Path, publish: Publish) -> None:
    published = publish("squeezenet1_1", {"a": torch.ones(1)})
    published.write_bytes(published.read_bytes() + b"more")
    with pytest.raises(ValueError, match=r"'squeezenet1_1-\w{8}.pth' is not the file it should be"):
        load_torchvision("squeezenet1_1", tmp_path / "classifiers")
    assert not list((tmp_path / "classifiers").iterdir())
    published.unlink()
    with pytest.raises(ValueError, match=r"squeezenet1_1-\w{8}.pth could not be downloaded"):
        load_torchvision("squeezenet1_1", tmp_path / "classifiers")
    with pytest.raises(ValueError, match="torchvision has no classifier 'resnet19'"):
        load_torchvision("resnet19", tmp_path)


def test_googlenet_and_inception_shift_their_input(tmp_path: Path, publish: Publish) -> None:
    module = torchvision_model("googlenet", transform_input=True, init_weights=False)
    publish("googlenet", module.state_dict())
    assert_same_answer(load_torchvision("googlenet", tmp_path), module, IMAGENET_MEAN, IMAGENET_STD)
    with torch.device("meta"):
        assert build_torchvision_module("inception_v3").transform_input


def test_mnasnets_which_know_their_versions_are_of_the_current_one(tmp_path: Path, publish: Publish) -> None:
    module = torchvision_model("mnasnet0_5")
    publish("mnasnet0_5", dict(module.state_dict()))
    assert_same_answer(load_torchvision("mnasnet0_5", tmp_path), module, IMAGENET_MEAN, IMAGENET_STD)


@each_case(
    ("architecture", "head", "last", "sizes", "mean"),
    [
        ("swin_v2_t", 768, 1.0, {256}, IMAGENET_MEAN),
        ("efficientnet_b1", 1280, 1.0, {240}, IMAGENET_MEAN),
        ("efficientnet_v2_l", 1280, 1.0, {480}, (0.5, 0.5, 0.5)),
        ("inception_v3", 2048, 1.0, {299}, IMAGENET_MEAN),
        ("vgg16", 25088, 1.0, {224}, IMAGENET_MEAN),
        # The weights for style transfer have no numbers in the last layers.
        ("vgg16", 25088, torch.nan, {224}, (0.48235, 0.45882, 0.40784)),
        # The number of weights is that of no architecture.
        ("swin_v2_t", 5, 1.0, {224, 256}, IMAGENET_MEAN),
    ],
)
def test_the_settings_of_an_architecture_are_found_whatever_its_classes(
    architecture: str, head: int, last: float, sizes: set[int], mean: tuple[float, ...]
) -> None:
    with torch.device("meta"):
        module = build_torchvision_module(architecture, 1000)
    *_, (name, _) = module.named_children()
    replaced = nn.Linear(head, 7)
    nn.init.constant_(replaced.bias, last)
    setattr(module, name, nn.Sequential(replaced))
    found = find_published_settings(module).values()
    assert {known["size"] for known in found} == sizes
    assert {known["mean"] for known in found} == {tuple(mean)}
