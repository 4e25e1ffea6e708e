"""Architectures are found by names and shapes; a checkpoint that fits none gets the two nearest."""

import pytest
import timm
import torch

from cases import each_case
from das_core.models.sources.classifier_files import COMMON_ARCHITECTURES
from das_core.models.sources.classifier_guess import guess_architecture
from das_core.models.sources.torchvision_models import build_torchvision_module

FIRST = ("timm/resnet18", "torchvision/mobilenet_v3_large")


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
    assert guess_architecture(state, "a.pth", FIRST) == architecture


def test_the_nearest_are_offered() -> None:
    state = timm.create_model("resnet18").state_dict() | {"layer2.0.more.weight": torch.ones(2)}
    says = (
        r"'a.pth' has the shapes of no .*; the nearest are timm/resnet18 \(99% of its tensors\) and .*choose the arch"
    )
    with pytest.raises(ValueError, match=says):
        guess_architecture(state, "a.pth", COMMON_ARCHITECTURES)
