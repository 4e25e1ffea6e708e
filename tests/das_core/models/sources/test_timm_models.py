"""Classifiers of timm and of torchvision, with random weights: no test here needs the net."""

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
import torchvision
from huggingface_hub import constants
from torch import Tensor, nn

from cases import each_case
from das_core.models.labels import imagenet_labels
from das_core.models.sources import timm_models, torchvision_models
from das_core.models.sources.timm_models import list_timm_architectures, load_timm
from dead_drive import unplug
from stops import StopError
from untrained import IMAGENET_MEAN, IMAGENET_STD, assert_same_answer, timm_model, torchvision_model


def test_only_classifiers_of_timm_are_listed_those_to_begin_with_first() -> None:
    names = list_timm_architectures()
    assert len(names) > 1000
    listed = set(names)
    assert {"resnet18.a1_in1k", "tf_efficientnet_lite0.in1k", "convnext_tiny.fb_in22k", "beit_base_patch16_224.in22k_ft_in22k"} <= listed  # fmt: skip  # noqa: E501
    assert not listed & {"vit_small_patch14_dinov2.lvd142m", "vit_base_patch16_clip_224.openai", "resnet50_clip.openai"}


REPOSITORY = "timm/mobilenetv3_small_050.lamb_in1k"
NAME = "mobilenetv3_small_050.lamb_in1k"


def test_a_release_is_fetched_from_the_hub_or_its_own_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def note(*arguments: Any) -> None:
        asked.append(arguments)
        raise StopError

    monkeypatch.setattr(timm_models, "fetch_file", note)
    monkeypatch.setattr(timm_models, "download", note)
    for name in (NAME, "legacy_seresnet18.in1k"):
        with pytest.raises(StopError):
            load_timm(name, tmp_path, print)
    (repository, names, *hub), (url, *own) = asked
    assert (repository, names[0], hub) == (REPOSITORY, "model.safetensors", [tmp_path, print])
    assert re.fullmatch(r"https://github.com/.*seresnet18-4bb0ce65.pth", url)
    assert own == [tmp_path, "4bb0ce65", print]


def test_an_architecture_with_a_format_of_its_own_is_read_from_the_file_of_the_hub(tmp_path: Path) -> None:
    name = "flexivit_small.300ep_in1k"
    assert timm.models.get_pretrained_cfg(name).custom_load
    path = tmp_path / f"timm--{name}" / "model.safetensors"
    path.parent.mkdir()
    module = timm_model("flexivit_small")
    safetensors.torch.save_file(module.state_dict(), path)
    loaded = load_timm(name, tmp_path)
    views = torch.rand(1, 3, 240, 240, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(value)[:, None, None] for value in (loaded.mean, loaded.std))
    with torch.no_grad():
        torch.testing.assert_close(loaded(views), module((views - mean) / std), atol=1e-4, rtol=0)


def test_timm_weights_that_are_there_need_no_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timm.models._hub.hf_hub_download", lambda *_, **__: pytest.fail("the hub was asked"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    path = tmp_path / f"timm--{NAME}" / "model.safetensors"
    where = re.escape(str(path.parent))
    message = rf"^model.safetensors of {REPOSITORY} could not .*HF_HUB_OFFLINE .* put the file into {where} yourself$"
    with pytest.raises(ValueError, match=message):
        load_timm(NAME, tmp_path)
    path.parent.mkdir()
    module = timm_model("mobilenetv3_small_050")
    safetensors.torch.save_file(module.state_dict(), path)
    loaded = load_timm(NAME, tmp_path)
    assert (loaded.name, loaded.labels) == (NAME, imagenet_labels())
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=rf"the weights of {NAME} cannot be read .*; delete .*model.safetensors and"):
        load_timm(NAME, tmp_path)


@each_case("name", "resnet18", "resnet50_clip.openai", "hf-hub:timm/resnet18.a1_in1k", "local-dir:/tmp", None)
def test_what_is_no_classifier_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Any) -> None:
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("timm was asked"))
    with pytest.raises(ValueError, match=f"timm has no pretrained classifier '{name}'"):
        load_timm(name, tmp_path)


def test_every_classification_model_of_torchvision_is_listed() -> None:
    # Independent of the registry: every set of weights in torchvision.models that knows 1,000 categories.
    lower = {name.casefold(): name for name in dir(torchvision.models) if name.islower()}
    enums = [name for name in dir(torchvision.models) if name.endswith("_Weights")]
    with_classes = [
        lower[name.removesuffix("_Weights").casefold()]
        for name in enums
        if len(getattr(torchvision.models, name).DEFAULT.meta["categories"]) == 1000
    ]
    assert torchvision_models.list_torchvision_architectures() == sorted(with_classes)
    assert len(with_classes) >= 80


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


def test_weights_are_fetched_once(tmp_path: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    module = torchvision_model("squeezenet1_1")
    published = publish("squeezenet1_1", module.state_dict())
    folder = tmp_path / "classifiers"
    assert torchvision_models.list_downloaded_torchvision(folder) == []
    told: list[int] = []
    loaded = torchvision_models.load_torchvision("squeezenet1_1", folder, lambda done, total: told.append(done))
    assert told[-1] == published.stat().st_size
    assert loaded.name == "squeezenet1_1"
    assert loaded.labels == imagenet_labels()
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)
    assert torchvision_models.list_downloaded_torchvision(folder) == ["squeezenet1_1"]
    published.unlink()
    torchvision_models.load_torchvision("squeezenet1_1", folder)
    # The drive may be gone.
    unplug(monkeypatch, folder)
    assert torchvision_models.list_downloaded_torchvision(folder) == []


def test_torchvision_weights_that_are_wrong_are_named(tmp_path: Path, publish: Publish) -> None:
    published = publish("squeezenet1_1", {"a": torch.ones(1)})
    published.write_bytes(published.read_bytes() + b"more")
    with pytest.raises(ValueError, match=r"'squeezenet1_1-\w{8}.pth' is not the file it should be"):
        torchvision_models.load_torchvision("squeezenet1_1", tmp_path / "classifiers")
    assert not list((tmp_path / "classifiers").iterdir())
    with pytest.raises(ValueError, match="torchvision has no classifier 'resnet19'"):
        torchvision_models.load_torchvision("resnet19", tmp_path)


@each_case(
    # Googlenet shifts its input, and mnasnets, which know their versions, are of the current one.
    ("name", "settings"),
    ("googlenet", {"transform_input": True, "init_weights": False}),
    ("mnasnet0_5", {}),
)
def test_weights_mean_what_they_mean_in_torchvision(tmp_path: Path, publish: Publish, name: str, settings: Any) -> None:
    module = torchvision_model(name, **settings)
    publish(name, dict(module.state_dict()))
    assert_same_answer(torchvision_models.load_torchvision(name, tmp_path), module, IMAGENET_MEAN, IMAGENET_STD)
    with torch.device("meta"):
        assert torchvision_models.build_torchvision_module("inception_v3").transform_input


@each_case(
    ("architecture", "head", "last", "sizes", "mean"),
    ("swin_v2_t", 768, 1.0, {256}, IMAGENET_MEAN),
    ("efficientnet_b1", 1280, 1.0, {240}, IMAGENET_MEAN),
    ("efficientnet_v2_l", 1280, 1.0, {480}, (0.5, 0.5, 0.5)),
    ("inception_v3", 2048, 1.0, {299}, IMAGENET_MEAN),
    ("vgg16", 25088, 1.0, {224}, IMAGENET_MEAN),
    # The weights for style transfer have no numbers in the last layers.
    ("vgg16", 25088, torch.nan, {224}, (0.48235, 0.45882, 0.40784)),
    # The number of weights is that of no architecture.
    ("swin_v2_t", 5, 1.0, {224, 256}, IMAGENET_MEAN),
)
def test_the_settings_of_an_architecture_are_found_whatever_its_classes(
    architecture: str, head: int, last: float, sizes: set[int], mean: tuple[float, ...]
) -> None:
    with torch.device("meta"):
        module = torchvision_models.build_torchvision_module(architecture, 1000)
    *_, (name, _) = module.named_children()
    replaced = nn.Linear(head, 7)
    nn.init.constant_(replaced.bias, last)
    setattr(module, name, nn.Sequential(replaced))
    found = torchvision_models.find_published_settings(module).values()
    assert {known["size"] for known in found} == sizes
    assert {known["mean"] for known in found} == {tuple(mean)}
