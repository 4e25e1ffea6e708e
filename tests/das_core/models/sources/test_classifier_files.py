"""Classifiers from checkpoints on disk, with random weights: no test here needs the net."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torch import Tensor, nn
from torchvision.models import DenseNet, VisionTransformer

from cases import each_case
from das_core.models.classifier import Classifier
from das_core.models.embedder import Embedder
from das_core.models.labels import imagenet_labels, number_labels
from das_core.models.sources import classifier_files
from das_core.models.sources.classifier_files import guess_architecture, load_classifier_file
from das_core.models.sources.torchvision_models import build_torchvision_module
from untrained import HALF, IMAGENET_MEAN, IMAGENET_STD, assert_same_answer, timm_model, torchvision_model


@each_case(
    "architecture",
    *("resnet18", "keras/resnet18", "timm/", "timm/resnet18.no_such_tag", "torchvision/resnet18.x", 3),
    *("timm/hf-hub:me/model", "timm/local-dir:/tmp", "hf-hub:timm/resnet18", ["timm/a"]),
)
def test_unknown_architectures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: Any) -> None:
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("timm was asked"))
    says = f"architecture '{re.escape(str(architecture))}' is unknown; write timm/NAME or torchvision/NAME"
    with pytest.raises(ValueError, match=says):
        load_classifier_file(tmp_path / "a.pth", architecture)


@each_case(
    ("name", "build", "suffix", "classes"),
    ("timm/mobilenetv3_small_050", timm_model, ".safetensors", 1000),
    ("timm/mobilenetv3_small_050", timm_model, ".pth", 10),
    ("torchvision/squeezenet1_1", torchvision_model, ".pth", 1000),
    ("torchvision/mobilenet_v3_small", torchvision_model, ".safetensors", 10),
)
def test_a_checkpoint_is_loaded(tmp_path: Path, name: str, build: Any, suffix: str, classes: int) -> None:
    module, path = build(name.partition("/")[2], num_classes=classes), tmp_path / f"my model{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": module.state_dict()}, path)
    else:
        safetensors.torch.save_file(module.state_dict(), path)
    loaded = load_classifier_file(path, name)
    assert (loaded.name, loaded.size) == ("my model", 224)
    assert isinstance(loaded, Classifier)
    assert loaded.labels == (imagenet_labels() if classes == 1000 else number_labels(10))
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)


def test_a_checkpoint_without_a_last_layer_is_an_embedder(tmp_path: Path) -> None:
    module, path = timm_model("vit_small_patch16_dinov3"), tmp_path / "dino.pth"
    torch.save(module.state_dict(), path)
    loaded = load_classifier_file(path, "timm/vit_small_patch16_dinov3")
    assert isinstance(loaded, Embedder)
    assert (loaded.name, loaded.width) == ("dino", 384)


def test_a_robust_network_keeps_its_normalisation_and_needs_no_architecture(tmp_path: Path) -> None:
    """The layout of robustness (madrylab): the model twice, behind DataParallel, and the values of its normaliser."""
    module = torchvision_model("resnet18", num_classes=10)
    own, twice = module.state_dict(), ("module.model.", "module.attacker.model.")
    state = {prefix + name: value for prefix in twice for name, value in own.items()}
    mean, std = torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1), torch.tensor([0.2, 0.25, 0.3]).view(3, 1, 1)
    for part in ("normalizer", "attacker.normalize"):
        state |= {f"module.{part}.new_mean": mean, f"module.{part}.new_std": std}
    torch.save({"model": state, "optimizer": {"state": {0: {"exp_avg": mean}}}, "epoch": 90}, tmp_path / "robust.ckpt")
    for architecture in (None, "torchvision/resnet18"):
        loaded = load_classifier_file(tmp_path / "robust.ckpt", architecture)
        assert_same_answer(loaded, module, tuple(mean.flatten().tolist()), tuple(std.flatten().tolist()))


@each_case("size", 224, 240, -1, 10**6, "big", None)
def test_a_folder_of_timm_for_the_hub_says_how_it_was_trained(tmp_path: Path, size: Any) -> None:
    module, half = timm_model("mobilenetv3_small_050", num_classes=3), list(HALF)
    safetensors.torch.save_file(module.state_dict(), tmp_path / "model.safetensors")
    published = {"input_size": [3, size, size], "mean": half, "std": half}
    config = {"architecture": "mobilenetv3_small_050", "pretrained_cfg": published}
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = load_classifier_file(tmp_path / "model.safetensors")
    assert (loaded.size, loaded.mean, loaded.std) == (240 if size == 240 else 224, HALF, HALF)
    for strange in ({"architecture": ["a"]}, {"architecture": "no such", "pretrained_cfg": 3}):
        (tmp_path / "config.json").write_text(json.dumps(strange))
        with pytest.raises(ValueError, match="has the shapes of no architecture"):
            load_classifier_file(tmp_path / "model.safetensors", prefix="classifier.")


def test_a_tag_of_timm_tells_how_the_model_was_trained(tmp_path: Path) -> None:
    module = timm_model("tf_efficientnet_lite0", num_classes=3)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    tagged = load_classifier_file(tmp_path / "a.pth", "timm/tf_efficientnet_lite0.in1k")
    assert (tagged.mean, tagged.std) == (HALF, HALF)
    assert_same_answer(tagged, module, HALF, HALF)


@each_case(
    ("name", "value", "says"),
    ("weight", torch.ones(()), r"size mismatch for classifier.weight: .*\[\].*\[1000, 1024\]"),
    ("bias", torch.full((1000,), torch.nan), "answers with values that are no numbers; its weights are damaged"),
)
def test_a_head_of_an_odd_shape_or_with_nan_is_refused(tmp_path: Path, name: str, value: Tensor, says: str) -> None:
    state = timm_model("mobilenetv3_small_050").state_dict()
    torch.save({**state, f"classifier.{name}": value}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=says):
        load_classifier_file(tmp_path / "a.pth", "timm/mobilenetv3_small_050")


@each_case(
    ("architecture", "build", "rename"),
    (
        "densenet121",
        partial(DenseNet, 4, (2, 2, 2, 2), 8, num_classes=4),
        lambda name: re.sub(r"(denselayer\d+\.\w+)([12])\.", r"\1.\2.", name),
    ),
    (
        "vit_b_32",
        partial(VisionTransformer, 224, 112, 1, 2, 8, 16, num_classes=4),
        lambda name: name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."),
    ),
)
def test_some_weights_are_published_under_older_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, architecture: str, build: Any, rename: Callable[[str], str]
) -> None:
    torch.manual_seed(0)
    module, small = (build().eval() for _ in range(2))
    # The head of a new VisionTransformer is 0.
    nn.init.normal_([*module.parameters()][-2])
    state = {rename(name): value for name, value in module.state_dict().items() if "num_batches_tracked" not in name}
    assert len(state.keys() - module.state_dict().keys()) >= 4
    torch.save(state, tmp_path / "a.pth")
    monkeypatch.setattr(classifier_files, "build_torchvision_module", lambda *_, **__: small)
    loaded = load_classifier_file(tmp_path / "a.pth", f"torchvision/{architecture}")
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)


@each_case(
    ("architecture", "classes"),
    ("timm/resnet18", 1000),
    ("torchvision/mobilenet_v3_large", 3),
    ("torchvision/vgg11_bn", 10),
    ("timm/convnext_atto", 7),
    ("timm/vit_tiny_patch16_224", 7),
)
def test_architectures_are_found(architecture: str, classes: int) -> None:
    library, _, name = architecture.partition("/")
    with torch.device("meta"):
        build = build_torchvision_module if library == "torchvision" else timm.create_model
        state = build(name, num_classes=classes).state_dict()
    state = {f"state_dict.model.{key}": value for key, value in state.items()}
    assert guess_architecture(state, "a.pth") == architecture


def test_the_nearest_are_offered() -> None:
    state = timm.create_model("resnet18").state_dict() | {"layer2.0.more.weight": torch.ones(2)}
    says = (
        r"'a.pth' has the shapes of no .*; the nearest are timm/resnet18 \(99% of its tensors\) and .*choose the arch"
    )
    with pytest.raises(ValueError, match=says):
        guess_architecture(state, "a.pth")
