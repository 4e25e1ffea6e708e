"""Classifiers from checkpoints on disk, with random weights: no test here needs the net."""

import re
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torch import Tensor, nn
from torchvision.models import DenseNet, VisionTransformer

from cases import each_case
from das_core.models.label_sets import imagenet_labels, number_labels
from das_core.models.sources import classifier_files
from das_core.models.sources.classifier_files import list_file_architectures, load_classifier_file
from das_core.models.sources.torchvision_models import list_torchvision_architectures
from untrained import HALF, IMAGENET_MEAN, IMAGENET_STD, assert_same_answer, timm_model, torchvision_model


def test_file_architectures_name_the_library_and_begin_with_the_common_ones() -> None:
    names = list_file_architectures()
    assert {"torchvision/resnet18", "timm/resnet18"} <= set(names)
    assert len(names) == len(set(names)) == len(list_torchvision_architectures()) + len(timm.list_models())
    common = classifier_files.COMMON_ARCHITECTURES
    assert tuple(names[: len(common)]) == common


@each_case(
    "architecture",
    [
        *("resnet18", "keras/resnet18", "timm/", "timm/resnet18.no_such_tag", "torchvision/resnet18.x", None),
        *("timm/hf-hub:me/model", "timm/local-dir:/tmp", "hf-hub:timm/resnet18", ["timm/a"]),
    ],
)
def test_unknown_architectures_are_named_and_do_not_reach_timm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: Any
) -> None:
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("timm was asked"))
    says = f"architecture '{re.escape(str(architecture))}' is unknown; write timm/NAME or torchvision/NAME"
    with pytest.raises(ValueError, match=says):
        load_classifier_file(tmp_path / "a.pth", architecture)


@each_case("suffix", [".pth", ".safetensors"])
@each_case("classes", [1000, 10])
def test_a_timm_checkpoint_is_loaded(tmp_path: Path, suffix: str, classes: int) -> None:
    module = timm_model("mobilenetv3_small_050", num_classes=classes)
    path = tmp_path / f"my model{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": module.state_dict()}, path)
    else:
        safetensors.torch.save_file(module.state_dict(), path)
    loaded = load_classifier_file(path, "timm/mobilenetv3_small_050")
    assert loaded.name == "my model"
    assert loaded.size == 224
    assert loaded.labels == (imagenet_labels() if classes == 1000 else number_labels(10))
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)


def test_a_tag_of_timm_tells_how_the_model_was_trained(tmp_path: Path) -> None:
    module = timm_model("tf_efficientnet_lite0", num_classes=3)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    tagged = load_classifier_file(tmp_path / "a.pth", "timm/tf_efficientnet_lite0.in1k")
    assert (tagged.mean, tagged.std) == (HALF, HALF)
    assert_same_answer(tagged, module, HALF, HALF)


@each_case(("name", "classes"), [("squeezenet1_1", 1000), ("mobilenet_v3_small", 10)])
def test_a_torchvision_checkpoint_is_loaded(tmp_path: Path, name: str, classes: int) -> None:
    module = torchvision_model(name, num_classes=classes)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    loaded = load_classifier_file(tmp_path / "a.pth", f"torchvision/{name}")
    assert loaded.size == 224
    assert len(loaded.labels) == classes
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    torch.save(torchvision_model("squeezenet1_1").state_dict(), tmp_path / "a.pth")
    for architecture in ("timm/mobilenetv3_small_050", "torchvision/mobilenet_v3_small"):
        with pytest.raises(
            ValueError, match=rf"'a.pth' does not fit the architecture {architecture} \(.*; choose the arch"
        ):
            load_classifier_file(tmp_path / "a.pth", architecture)


@each_case(
    ("name", "value", "says"),
    [
        ("weight", torch.ones(()), r"size mismatch for classifier.weight: .*\[\].*\[1000, 1024\]"),
        ("bias", torch.full((1000,), torch.nan), "answers with values that are no numbers; its weights are damaged"),
    ],
)
def test_a_head_of_an_odd_shape_or_one_that_diverged_is_refused(
    tmp_path: Path, name: str, value: Tensor, says: str
) -> None:
    state = timm_model("mobilenetv3_small_050").state_dict()
    torch.save({**state, f"classifier.{name}": value}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=says):
        load_classifier_file(tmp_path / "a.pth", "timm/mobilenetv3_small_050")


def test_densenets_are_published_under_older_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, small = (DenseNet(4, (2, 2, 2, 2), 8, num_classes=4).eval() for _ in range(2))
    state = {}
    for name, value in module.state_dict().items():
        old = re.sub(r"(denselayer\d+\.\w+)([12])\.", r"\1.\2.", name)
        if not name.endswith("num_batches_tracked"):
            state[old] = value
    assert "features.denseblock1.denselayer1.norm.1.running_mean" in state
    torch.save(state, tmp_path / "a.pth")
    monkeypatch.setattr(classifier_files, "build_torchvision_module", lambda *_, **__: small)
    loaded = load_classifier_file(tmp_path / "a.pth", "torchvision/densenet121")
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)


def test_vision_transformers_are_published_under_older_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, small = (
        VisionTransformer(224, 112, 1, 2, hidden_dim=8, mlp_dim=16, num_classes=4).eval() for _ in range(2)
    )
    nn.init.normal_(module.get_parameter("heads.head.weight"))
    state = {
        name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): value
        for name, value in module.state_dict().items()
    }
    assert len(state.keys() - module.state_dict().keys()) == 4
    torch.save(state, tmp_path / "a.pth")
    monkeypatch.setattr(classifier_files, "build_torchvision_module", lambda *_, **__: small)
    loaded = load_classifier_file(tmp_path / "a.pth", "torchvision/vit_b_32")
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)
