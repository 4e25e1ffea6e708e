"""Sparse autoencoders, probes and vectors in files: of SAELens, Prisma, sparsify, dictionary_learning, overcomplete,
CLIP-Scope, or of one's own."""

import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from ...common.scalars import as_whole
from ...common.text import shorten
from ..dictionary import Dictionary, Normalization
from .checkpoints import LAYOUTS, choose_prefix, find_prefixes, read_json, take_part
from .weights import check_plain, read_weights

_LOG = logging.getLogger(__name__)

_NAMES = LAYOUTS["dictionary"]
_ENCODERS: dict[str, bool] = dict(_NAMES["encoders"])
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".npy")


def load_dictionary(path: str | PathLike[str]) -> Dictionary:
    """Load a sparse autoencoder, the encoder of a transcoder, a probe (a linear layer), or vectors from a file.

    What the tensors do not say (normalisation of activations, number of active latents, whether the bias of the decoder
    is subtracted) is read from a cfg.json or config.json beside the file whose sizes are those of the tensors.

    Args:
        path: a .safetensors file, one that torch has saved (.pt, .pth, .bin, .ckpt), or a .npy file of shape (N, C) or
            (C,); a tensor that is alone in its file is taken for such vectors. Or the folder of one autoencoder, as
            SAELens and others save it.

    Raises:
        ValueError: when the file is missing, damaged, has code, or holds none of these.

    Example:
        >>> sae = load_dictionary("models/features/blocks.3.hook_resid_post")  # doctest: +SKIP
        >>> sae.find_neighbours(12)  # doctest: +SKIP
        (12, 907, 55, 3120)
    """
    path = _find_file(Path(path))
    state = read_weights(path)
    check_plain(state, path.name)
    if len(state) == 1 and not find_prefixes(state, _ENCODERS):
        state = {"weight": torch.atleast_2d(next(iter(state.values())))}
    found = {key: prefixes for key in _ENCODERS if (prefixes := find_prefixes(state, [key]))}
    key = next(iter(found), "")
    if not found or "r_mag" in state or (key == "weight" and len(found[key]) > 1):
        gated, other = "a gated autoencoder, which is not", "no autoencoder, linear layer or vector that is"
        raise ValueError(
            f"'{path.name}' holds {gated if 'r_mag' in state else other} read here (it has "
            f"{shorten(', '.join(state), 100)}); save the directions alone, as one tensor of shape (latents, channels)"
        )
    prefix = choose_prefix(state, found[key], path.name)
    state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    # A linear layer has a bias of its own under the name of a centre.
    biases, centers = (["bias"], []) if key == "weight" else (_NAMES["biases"], _NAMES["centers"])
    try:
        weight = _read_matrix(state, key, _ENCODERS[key])
        config = _find_config(path, weight)
        bias = _find_vector(state, biases, len(weight))
        threshold, active = _read_activation(state, config, len(weight))
        center = _find_vector(state, centers, weight.shape[1]) if _subtracts(config) else None
        decoder = next((_read_matrix(state, name, flip) for name, flip in _NAMES["decoders"] if name in state), None)
    except ValueError as error:
        raise ValueError(f"'{path.name}' cannot be used: {error}") from error
    parts = [part for part in (weight, bias, center, threshold, decoder) if part is not None]
    if not all(bool(part.isfinite().all()) for part in parts):
        raise ValueError(f"'{path.name}' holds values that are no numbers; get it again")
    return Dictionary(
        path.stem if path.stem not in ("sae_weights", "sae", "ae", "weights") else f"{path.parent.name}/{path.stem}",
        weight,
        torch.zeros(len(weight)) if bias is None else bias,
        center,
        _read_normalization(config, path.name),
        threshold,
        active,
        decoder if decoder is not None and decoder.shape == weight.shape else None,
    )


def _find_file(path: Path) -> Path:
    """Return the weights in the folder of an autoencoder, or the path of a file as it is."""
    if not path.is_dir():
        return path
    found = {one.name: one for one in sorted(path.iterdir()) if one.is_file() and one.suffix in _SUFFIXES}
    # Beside the weights, SAELens writes how often latents are active.
    usual = [name for name in _NAMES["files"] if name in found] or [name for name in found if "sparsity" not in name]
    if len(usual) == 1:
        return found[usual[0]]
    inside = [one.parent.name for name in _NAMES["files"] for one in sorted(path.glob(f"*/{name}"))]
    there = (
        f"it has {shorten(', '.join(usual or inside), 200)}" if usual or inside else f"no file is {_NAMES['files'][0]}"
    )
    raise ValueError(f"the folder '{path.name}' is not of one autoencoder ({there}); give one file or folder in it")


def _read_matrix(state: Mapping[str, Tensor], name: str, flip: bool) -> Tensor:
    """Return a matrix (N, C) in float32; `flip` tells that it is stored as (C, N)."""
    value = state[name]
    if value.ndim != 2 or 0 in value.shape or not (value.is_floating_point() or value.dtype is torch.int64):
        raise ValueError(f"its {name} is {tuple(value.shape)} of {value.dtype}, and (latents, channels) is needed")
    return (value.T if flip else value).float().contiguous()


def _find_vector(state: Mapping[str, Tensor], names: Sequence[str], count: int) -> Tensor | None:
    """Return the first of some vectors that is there, in float32; a ValueError when it has not `count` numbers."""
    for name in names:
        if name in state:
            if state[name].shape != (count,):
                raise ValueError(f"its {name} is {tuple(state[name].shape)}, and the encoder needs ({count},)")
            return state[name].float()
    return None


def _find_config(path: Path, weight: Tensor) -> dict[str, Any]:
    """Return the configuration beside a file if its sizes are those of the encoder (N, C); else an empty one."""
    for name in _NAMES["configs"]:
        content = read_json(path.with_name(name))
        content = take_part(content, "trainer") or content  # dictionary_learning
        sizes = [content.get(key) for key in ("d_in", "activation_dim", "d_sae", "dict_size")]
        given = {as_whole(size) for size in sizes if size is not None}
        if given and given <= {weight.shape[1], len(weight)}:
            return content
        if content:
            _LOG.warning("%s beside '%s' says no sizes, or others, and is not used", name, path.name)
    return {}


def _subtracts(config: Mapping[str, Any]) -> bool:
    """Return whether the bias of the decoder is subtracted from the activations; it is, unless something says else."""
    kind = str(config.get("dict_class", ""))
    architecture = str(config.get("architecture", ""))
    if config.get("transcode") is True or "transcoder" in architecture or kind == "JumpReluAutoEncoder":
        return False
    return config.get("apply_b_dec_to_input", True) is not False


def _read_normalization(config: Mapping[str, Any], source: str) -> Normalization:
    named: Any = config.get("normalize_activations")
    if named in get_args(Normalization):
        return named
    if named in (True, "expected_average_only_in"):
        # The factor of training is not in the file. It moves the bias, and not the direction that an ascent climbs.
        _LOG.warning("'%s' was trained on scaled activations; here they are taken as they are", source)
    elif named not in (None, False):
        raise ValueError(
            f"'{source}' normalises activations by '{shorten(named)}'; {', '.join(get_args(Normalization))} are known"
        )
    return "none"


def _read_activation(
    state: Mapping[str, Tensor], config: Mapping[str, Any], count: int
) -> tuple[Tensor | None, int | None]:
    """Return the thresholds (N,) of a JumpReLU, and how many latents are active at a position; each None for none."""
    for key in ("architecture", "activation_fn_str", "activation_fn", "activation"):
        if (named := config.get(key)) and named not in _NAMES["activations"]:
            raise ValueError(f"its activation function '{shorten(named)}' is not known here")
    kind = str(config.get("dict_class", ""))
    for name, is_log in _NAMES["thresholds"]:
        # `AutoEncoderTopK` of dictionary_learning learns one and does not use it.
        if name in state and state[name].numel() in (1, count) and kind != "AutoEncoderTopK":
            value = state[name].float().flatten().expand(count)
            return value.exp() if is_log else value.clamp(min=0), None
    active = as_whole(config.get("k", take_part(config, "activation_fn_kwargs").get("k")))
    return None, active if active is not None and active > 0 else None
