"""CLIPs of open_clip, with their published weights or with a checkpoint on disk.

open_clip (Ilharco et al., 2021; Cherti et al., 2023, arXiv 2212.07143) builds the towers. `open_clip_catalog.py` says
where their weights are published, `hub.py` fetches the files, and `weights.py` reads them. Downloads are stored
complete or not at all. No code in a file is run. A file that is in the folder already is used without checking its
checksum.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from torch import Tensor, nn

from ...common.images import Fit, Interpolation
from ...common.interruption import interruptible_building, is_cancellation
from ...common.text import shorten
from ..clip import CLIP, assemble_clip
from ..frozen import freeze
from ..judge import Judge, to_triple
from .download import Progress
from .hub import fetch_file
from .open_clip_architecture import STAND_IN_TEXT, guess_architecture
from .open_clip_catalog import list_open_clip_models, locate_weights
from .open_clip_text import (
    Tokenizer,
    build_text_tower,
    build_tokenizer,
    check_text_size,
    localize_config,
    without_torchaudio,
)
from .weight_claims import RefusedError
from .weights import StateDict, fit_weights, read_weights

Config = dict[str, Any]
"""The configuration of a model, as open_clip writes it: `embed_dim`, `vision_cfg`, `text_cfg` and others."""


def load_open_clip(architecture: str, pretrained: str, folder: Path, progress: Progress | None = None) -> CLIP:
    """Load a published model of open_clip.

    Args:
        architecture: one of `list_open_clip_models`, such as 'ViT-B-32'.
        pretrained: the name of published weights of that architecture, such as 'laion2b_s34b_b79k'.
        folder: the folder that keeps downloads of the hub, with a folder for each repository; a file that is not there
            is downloaded into it.
        progress: is called during a download, with the number of bytes of the file that have arrived and with their
            total (0 if it is not known).

    Raises:
        ValueError: when there is no such model, when its weights or its tokenizer cannot be read or downloaded, or when
            it cannot be built with the installed packages.

    Example:
        >>> from pathlib import Path
        >>> from das_core import load_open_clip
        >>> clip = load_open_clip("ViT-B-32", "laion2b_s34b_b79k", Path("models/open_clip"))  # doctest: +SKIP
        >>> clip.encode_text(["a coral reef full of fish"]).shape  # doctest: +SKIP
        torch.Size([1, 512])
    """
    models = list_open_clip_models()
    if architecture not in list(models):
        raise ValueError(
            f"open_clip has no weights for the architecture '{shorten(architecture)}'; choose one of its list"
        )
    if pretrained not in models[architecture]:
        raise ValueError(
            f"{architecture} has no weights '{shorten(pretrained)}'; choose one of {', '.join(models[architecture])}"
        )
    repository, names = locate_weights(architecture, pretrained)
    config = open_clip.get_model_config(architecture)
    published = open_clip.get_pretrained_cfg(architecture, pretrained)
    # The activation function that the weights were trained with. The tensors do not show which one it was, and with
    # another one the embeddings of the model are less accurate.
    config["quick_gelu"] = published.get("quick_gelu", config.get("quick_gelu", False))
    path = fetch_file(repository, names, folder, progress)
    state = read_weights(path)
    return _load(f"{architecture} {pretrained}", config, published, state, path.name, folder, progress)


def load_clip_file(path: Path, architecture: str | None, folder: Path) -> CLIP:
    """Load a CLIP from a checkpoint on disk; no code in the file is run.

    Args:
        path: a .safetensors file, or one that torch has saved (.pt, .pth, .bin). If it has no tensors of a text tower,
            the CLIP has no text tower.
        architecture: one of `list_open_clip_architectures`, such as 'ViT-B-32'; None to guess it from the shapes of
            the tensors. The names by which open_clip loads a repository of the hub or a folder ('hf-hub:…',
            'local-dir:…') are refused, because a repository or a folder may contain code.
        folder: the folder that keeps downloads of the hub, with a folder for each repository; the tokenizer and the
            configuration of a text tower that open_clip does not contain are downloaded into it.

    Raises:
        ValueError: when the architecture is unknown; when the file is missing, is damaged, contains code or does not
            fit the architecture; when the tokenizer or the configuration of the text tower cannot be downloaded; or
            when the model cannot be built with the installed packages.

    Example:
        >>> from pathlib import Path
        >>> from das_core import load_clip_file
        >>> folder = Path("models/open_clip")
        >>> clip = load_clip_file(folder / "my_model.safetensors", "ViT-B-32", folder)  # doctest: +SKIP
        >>> clip.name, clip.width  # doctest: +SKIP
        ('my_model', 512)
    """
    # Checked before the name reaches open_clip, which would also accept 'hf-hub:OWNER/REPOSITORY' and load a
    # configuration that anybody may have written.
    if architecture is not None and architecture not in open_clip.list_models():
        raise ValueError(
            f"open_clip has no architecture '{shorten(architecture)}'; write one of its list, such as ViT-B-32"
        )
    state = read_weights(path)
    if architecture is None:
        architecture = guess_architecture(state, path.name)
    config = open_clip.get_model_config(architecture)
    tags = list_open_clip_models().get(architecture, [])
    # The mean, the standard deviation and the resizing are those of the first published weights of the architecture. A
    # few other weights of the same architecture were trained with other values, such as laion2b_s32b_b82k of ViT-L-14.
    # Without published weights, the values are those of OpenAI's models.
    published = open_clip.get_pretrained_cfg(architecture, tags[0]) if tags else {}
    return _load(path.stem, config, published, state, path.name, folder)


def build_open_clip_module(config: Mapping[str, Any]) -> nn.Module:
    """Build a model of open_clip with random weights.

    Args:
        config: the configuration of the model in open_clip's format, with the keys `embed_dim`, `vision_cfg`,
            `text_cfg` and others.

    Returns:
        A module whose image tower is its submodule `visual`, and whose text tower is its submodule `text`.
    """
    # `custom_text` tells open_clip which class to build; here the class is chosen below.
    config = {name: part for name, part in config.items() if name != "custom_text"}
    vision = config["vision_cfg"] | {"timm_model_pretrained": False}
    # `hf_model_pretrained` is off: the weights of both towers are loaded afterwards, so open_clip must not download
    # weights of the text tower.
    text = config["text_cfg"] | {"hf_model_pretrained": False}
    kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP
    with without_torchaudio(), interruptible_building():
        return kind(**config | {"vision_cfg": vision, "text_cfg": text})


def wrap_open_clip_module(
    name: str,
    model: nn.Module,
    tokenizer: Tokenizer | None,
    published: Mapping[str, Any],
    dtype: torch.dtype | None = torch.float32,
) -> CLIP:
    """Return a CLIP made from a model of open_clip whose weights are loaded already.

    Args:
        name: the name of the model in messages.
        model: a module with an image tower `visual` and a text tower `text`, as `build_open_clip_module` makes it. The
            CLIP uses the towers of this module, not copies, and freezes them.
        tokenizer: the tokenizer of its text tower; None for a CLIP without a text tower, which does not use `text`.
        published: how images were prepared in training, with the keys of open_clip: `mean`, `std`, `resize_mode` and
            `interpolation`. For a missing key, the value of OpenAI's models is used.
        dtype: the precision of the image tower; None to keep the precision that it has.

    Raises:
        ValueError: when a tower does not work, or when the two have embeddings of different widths.
    """
    visual, text = model.get_submodule("visual"), model.get_submodule("text")
    # Otherwise CoCa's towers would return their tokens besides the embedding.
    for part in (visual, text):
        part.output_tokens = False  # type: ignore[assignment]
    size = visual.image_size
    size = size[0] if isinstance(size, tuple | list) else size
    judge = Judge(
        name,
        freeze(visual, dtype),
        int(size),  # type: ignore[arg-type]
        to_triple(published.get("mean", open_clip.OPENAI_DATASET_MEAN)),
        to_triple(published.get("std", open_clip.OPENAI_DATASET_STD)),
    )
    tower = None if tokenizer is None else build_text_tower(text, tokenizer)
    fit: Fit = "squash" if published.get("resize_mode") == "squash" else "shortest"
    interpolation: Interpolation = "bilinear" if published.get("interpolation") == "bilinear" else "bicubic"
    return assemble_clip(judge, tower, fit, interpolation)


def _load(
    name: str,
    config: Config,
    published: Mapping[str, Any],
    state: StateDict,
    source: str,
    folder: Path,
    progress: Progress | None = None,
) -> CLIP:
    """Build a model of open_clip, load weights into it and return it as a CLIP."""
    texts = [value for key, value in state.items() if not key.startswith(("visual.", "logit_"))]
    has_text = bool(texts)
    text = localize_config(config["text_cfg"], folder, progress) if has_text else STAND_IN_TEXT
    try:
        check_text_size(text, sum(value.numel() for value in texts))
        model = build_open_clip_module(config | {"text_cfg": text})
        tokenizer = build_tokenizer(text) if has_text else None
    except RefusedError:
        raise
    # transformers and timm may raise any error, for example for a configuration on disk that is damaged.
    except Exception as error:
        if is_cancellation(error):
            raise
        raise ValueError(
            f"{name} cannot be built here ({type(error).__name__}: {shorten(str(error), 200)}); update "
            "open_clip_torch, timm and transformers, or choose another model"
        ) from error
    own = model.state_dict()
    state = StateDict(_rename_tensors(state, model), state.versions)
    for key in own:
        # Two kinds of tensors keep the values that they were built with, because no embedding that is used depends on
        # them: the scale and the bias of the logits, whose shapes differ between checkpoints; and the tensors of a
        # stand-in, which replaces the text tower if the checkpoint has none.
        if key.startswith("logit_") or (not has_text and not key.startswith("visual.")):
            state[key] = own[key]
    fit_weights(model, state, source, name)
    return wrap_open_clip_module(name, model, tokenizer, published)


def _rename_tensors(state: StateDict, model: nn.Module) -> dict[str, Tensor]:
    """Return the weights in `state`, which come from a file, under the names that they have in `model`."""
    named = convert_state_dict(model, dict(state))
    if "positional_embedding" in named:
        named = convert_to_custom_text_state_dict(named)
    # Old checkpoints contain this tensor; in current versions of transformers there is none.
    named.pop("text.transformer.embeddings.position_ids", None)
    return {key: value for key, value in named.items() if not key.startswith("logit_")}
