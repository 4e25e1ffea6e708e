"""The fitted projection of a starter CLIP: ridge regression from embeddings of sentences to directions of classes."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from .class_sentences import ClassSentence, compute_targets
from .download import Progress
from .open_clip_models import Config
from .sentence_encoder import encode_sentences

RECIPE = "2"
"""The version of the fitting method. A projection in a file that another version has fitted is fitted again."""

RIDGE = 1.0
"""The penalty of the ridge regression, small compared with the sum of the weights of the sentences.

Any penalty from 0.5 to 2 gives about the same results for words that the projection was not fitted on.
"""

last_encoded: dict[tuple[Path, tuple[str, ...]], Tensor] = {}
"""The embeddings of the sentences of the last fit, by the folder of the sentence encoder and the sentences. All starter
CLIPs are fitted to the same sentences, so the next starter CLIP in the same process need not encode them again."""


def fit_class_projection(
    model: nn.Module,
    config: Config,
    sentences: Sequence[ClassSentence],
    directions: Tensor,
    progress: Progress | None = None,
) -> Tensor:
    """Return the projection of a starter CLIP, fitted to sentences about the classes of its image tower.

    Args:
        model: as `build_open_clip_module` builds it from `config`, with the weights of the sentence encoder.
        config: the configuration that `starter_clip.build_config` returns.
        sentences: N sentences, each with the indices of the classes that it is about.
        directions: the direction of each class in the embedding space of the CLIP, (classes, D), see
            `compute_class_directions`.
        progress: is called after every batch of sentences, with how many are encoded and with N. If the sentences and
            the encoder are the same as in the last call, nothing is encoded, and `progress` is not called.

    Returns:
        The matrix (D, E), in float32; D is the width of the embeddings of the CLIP, E that of the embeddings of the
        sentence encoder.
    """
    spoken = (Path(config["text_cfg"]["hf_model_name"]), tuple(sentence.text for sentence in sentences))
    embeddings = last_encoded.get(spoken)
    if embeddings is None:
        embeddings = encode_sentences(model, config, spoken[1], progress)
        last_encoded.clear()
        last_encoded[spoken] = embeddings
    targets = compute_targets(sentences, directions)
    return fit_projection(embeddings, targets, weights=[sentence.weight for sentence in sentences])


def fit_projection(
    embeddings: Tensor, targets: Tensor, ridge: float = RIDGE, weights: Sequence[float] | None = None
) -> Tensor:
    """Return the matrix that maps embeddings closest to their targets, by ridge regression without a constant term.

    The constant term is left out because the projection of the text tower has none.

    Args:
        embeddings: (N, E).
        targets: (N, D).
        ridge: the penalty, at least 0; the larger it is, the smaller are the entries of the matrix.
        weights: N factors of the squared errors, each at least 0; None if all are 1.

    Returns:
        The matrix (D, E), in float32.
    """
    x, y = embeddings.double(), targets.double()
    weighted = x if weights is None else x * torch.tensor(weights, dtype=x.dtype).unsqueeze(1)
    gram = weighted.T @ x + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(gram, weighted.T @ y).T.float().contiguous()
