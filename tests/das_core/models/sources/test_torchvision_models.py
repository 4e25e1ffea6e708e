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
from torchvision.models import MNASNet

from cases import each_case
from das_core.models.label_sets import imagenet_labels
from das_core.models.sources.torchvision_models import (
    build_torchvision_module,
    find_published_settings,
    list_downloaded_torchvision,
    list_torchvision_architectures,
    load_torchvision,
    rename_torchvision_tensors,
    wrap_torchvision_module,
)
from das_core.models.sources.weights import StateDict
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


def test_torchvision_weights_are_fetched_once(tmp_path: Path, publish: Publish) -> None:
    module = torchvision_model("resnet18")
    published = publish("resnet18", module.state_dict())
    folder = tmp_path / "classifiers"
    assert list_downloaded_torchvision(folder) == []
    told: list[int] = []
    loaded = load_torchvision("resnet18", folder, lambda done, total: told.append(done))
    assert told[-1] == published.stat().st_size
    assert loaded.name == "resnet18"
    assert loaded.labels == imagenet_labels()
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)
    assert list_downloaded_torchvision(folder) == ["resnet18"]
    published.unlink()
    load_torchvision("resnet18", folder)


def test_on_a_drive_that_is_gone_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unplug(monkeypatch, tmp_path)
    assert list_downloaded_torchvision(tmp_path) == []


def test_torchvision_weights_of_another_digest_are_refused_and_not_kept(tmp_path: Path, publish: Publish) -> None:
    published = publish("resnet18", torchvision_model("resnet18").state_dict())
    content = bytearray(published.read_bytes())
    content[len(content) // 2] ^= 1
    published.write_bytes(content)
    with pytest.raises(ValueError, match=r"'resnet18-\w{8}.pth' is not the file it should be"):
        load_torchvision("resnet18", tmp_path / "classifiers")
    assert not list((tmp_path / "classifiers").iterdir())


def test_torchvision_weights_that_cannot_be_fetched(tmp_path: Path, publish: Publish) -> None:
    publish("resnet18", {}).unlink()
    with pytest.raises(ValueError, match=r"resnet18-\w{8}.pth could not be downloaded"):
        load_torchvision("resnet18", tmp_path / "classifiers")
    with pytest.raises(ValueError, match="torchvision has no classifier 'resnet19'"):
        load_torchvision("resnet19", tmp_path)


def test_googlenet_shifts_its_input(tmp_path: Path, publish: Publish) -> None:
    module = torchvision_model("googlenet", transform_input=True, init_weights=False)
    publish("googlenet", module.state_dict())
    assert_same_answer(load_torchvision("googlenet", tmp_path), module, IMAGENET_MEAN, IMAGENET_STD)


def test_inception_is_built_as_it_was_published() -> None:
    module = build_torchvision_module("inception_v3", 10)
    assert module.transform_input
    loaded = wrap_torchvision_module("inception_v3", module)
    assert (loaded.size, len(loaded.labels)) == (299, 10)


@each_case("version", [1, None])
@pytest.mark.filterwarnings("ignore:A new version of MNASNet")
def test_mnasnets_know_their_versions(tmp_path: Path, publish: Publish, version: int | None) -> None:
    module = torchvision_model("mnasnet0_5")
    assert isinstance(module, MNASNet)
    state = module.state_dict()
    if version == 1:
        state._metadata[""]["version"] = 1  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError, match="size mismatch"):
            module.load_state_dict(state)
        # That has rebuilt its stem as it was in version 1.
        state = module.state_dict()
        assert state["layers.0.weight"].shape[0] == 32
    else:
        state = dict(state)
    publish("mnasnet0_5", state)
    assert_same_answer(load_torchvision("mnasnet0_5", tmp_path), module.eval(), IMAGENET_MEAN, IMAGENET_STD)


def test_names_with_a_dot_in_them_are_todays_names() -> None:
    old = {
        "features.denseblock1.denselayer12.norm.1.weight": torch.zeros(1),
        "features.denseblock1.denselayer12.conv.2.weight": torch.ones(1),
        "features.norm.1.weight": torch.full((1,), 2.0),
        "classifier.weight": torch.full((1,), 3.0),
    }
    renamed = rename_torchvision_tensors(StateDict(old, {"": 3}))
    assert {name: float(value) for name, value in renamed.items()} == {
        "features.denseblock1.denselayer12.norm1.weight": 0,
        "features.denseblock1.denselayer12.conv2.weight": 1,
        # What is no part of a dense layer keeps its name.
        "features.norm.1.weight": 2,
        "classifier.weight": 3,
    }
    assert renamed.versions == {"": 3}


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
