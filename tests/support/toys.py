"""Small judges and objectives for quick ascents."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from das_core.models.classifier import Classifier
from das_core.models.judge import Judge
from das_core.models.labels import numbered


def classifier(size: int = 32, classes: int = 10, seed: int = 0) -> Classifier:
    """A random convolutional classifier, smooth, so that gradients can be compared closely."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(512, classes),
        )
        # Logits as far apart as those of a trained network.
        module[-1].weight.data *= 30
    module = module.eval().requires_grad_(False)
    half = (0.5, 0.5, 0.5)
    return Classifier("toy", module, size, half, half, labels=numbered(classes))


@dataclass(frozen=True)
class Output:
    """An objective whose score is the mean of what a module says."""

    judge: Judge
    name: str = "output"
    weight: float = 1.0

    def score(self, output: Tensor) -> Tensor:
        """Mean over everything but the view."""
        return output.flatten(1).mean(dim=1)


def judge(module: nn.Module, size: int = 16) -> Judge:
    """A judge that passes views on as they are, 0..1."""
    return Judge("toy", module, size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def count_batch_norms(module: nn.Module) -> int:
    """How many batch norms a module still has."""
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())
