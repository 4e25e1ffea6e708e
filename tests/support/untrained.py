"""Models of timm and torchvision with random weights, and a check of the classifiers that are made of them."""

import timm
import torch
import torchvision
from torch import nn

from das_core.models.judge import Judge
from toys import random_views

HALF = (0.5, 0.5, 0.5)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def torchvision_model(name: str, **options: object) -> nn.Module:
    """Return a model of torchvision in evaluation mode, its weights always the same."""
    torch.manual_seed(0)
    module: nn.Module = torchvision.models.get_model(name, weights=None, **options)
    return module.eval()


def timm_model(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = timm.create_model(name, pretrained=False, **options)
    return module.eval()


def assert_same_answer(loaded: Judge, module: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Check that a classifier gives the same logits as a module whose input is normalised by hand."""
    views = random_views(loaded.size)
    by_hand = (views - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    with torch.no_grad():
        answer, expected = loaded(views), module(by_hand)
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(answer / expected.abs().max(), expected / expected.abs().max(), rtol=0, atol=1e-4)
