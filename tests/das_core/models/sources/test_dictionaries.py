"""Sparse autoencoders, probes and vectors from files: each layout against the formula of its library."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from cases import each_case
from direct_ascent import load_dictionary

COUNT, CHANNELS = 12, 5
DRAWN = torch.Generator().manual_seed(45)


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=DRAWN)


W, B, C, D = draw(COUNT, CHANNELS), draw(COUNT), draw(CHANNELS), draw(COUNT, CHANNELS)
T = draw(COUNT).abs()
X = draw(4, 7, CHANNELS) * 3 + 1
SAELENS = {"W_enc": W.T.contiguous(), "b_enc": B, "W_dec": D, "b_dec": C}
TORCH = {"encoder.weight": W, "encoder.bias": B}
SIZES = {"d_in": CHANNELS, "d_sae": COUNT}


def top(values: Tensor, k: int) -> Tensor:
    """Return values of which only the k largest in the last dimension are left, written with a sort."""
    least = values.sort(dim=-1, descending=True).values[..., k - 1 : k]
    return torch.where(values >= least, values, torch.zeros_like(values))


def layer_norm(x: Tensor) -> Tensor:
    middle = x - x.mean(-1, keepdim=True)
    return middle / (middle.square().sum(-1, keepdim=True).div(CHANNELS - 1).sqrt() + 1e-5)


def linear(x: Tensor) -> Tensor:
    return torch.einsum("abc,nc->abn", x, W) + B


@each_case(
    ("state", "config", "expected"),
    (SAELENS, {**SIZES, "architecture": "standard"}, lambda: linear(X - C).relu()),
    (SAELENS, {**SIZES, "architecture": "standard", "apply_b_dec_to_input": False}, lambda: linear(X).relu()),
    (SAELENS, {**SIZES, "normalize_activations": "layer_norm"}, lambda: linear(layer_norm(X) - C).relu()),
    (
        SAELENS,
        {**SIZES, "normalize_activations": "constant_norm_rescale"},
        lambda: linear(X / X.square().sum(-1, keepdim=True).sqrt() * CHANNELS**0.5 - C).relu(),
    ),
    (SAELENS, {**SIZES, "architecture": "topk", "k": 3}, lambda: top(linear(X - C).relu(), 3)),
    (
        SAELENS | {"threshold": T},
        {**SIZES, "architecture": "jumprelu"},
        lambda: torch.where(linear(X - C) > T, linear(X - C), torch.zeros(())),
    ),
    (SAELENS, {**SIZES, "architecture": "skip_transcoder"}, lambda: linear(X).relu()),
    # Prisma, in what its training writes without the object of its configuration.
    (
        {"state_dict": SAELENS},
        {**SIZES, "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 2}, "normalize_activations": None},
        lambda: top(linear(X - C).relu(), 2),
    ),
    # sparsify
    (TORCH | {"W_dec": D, "b_dec": C}, {"d_in": CHANNELS, "k": 4}, lambda: top(linear(X - C).relu(), 4)),
    (TORCH | {"W_dec": D, "b_dec": C}, {"d_in": CHANNELS, "transcode": True}, lambda: linear(X).relu()),
    # dictionary_learning
    (TORCH | {"bias": C, "decoder.weight": D.T.contiguous()}, None, lambda: linear(X - C).relu()),
    (
        SAELENS | {"threshold": T},
        {"trainer": {"activation_dim": CHANNELS, "dict_size": COUNT, "dict_class": "JumpReluAutoEncoder"}},
        lambda: torch.where(linear(X) > T, linear(X), torch.zeros(())),
    ),
    (
        TORCH | {"b_dec": C, "threshold": torch.tensor(9.0), "k": torch.tensor(3)},
        {"trainer": {"activation_dim": CHANNELS, "k": 3, "dict_class": "AutoEncoderTopK"}},
        lambda: top(linear(X - C).relu(), 3),
    ),
    (
        TORCH | {"b_dec": C, "threshold": torch.tensor(0.5), "k": torch.tensor(3)},
        {"trainer": {"activation_dim": CHANNELS, "k": 3, "dict_class": "BatchTopKSAE"}},
        lambda: torch.where(linear(X - C) > 0.5, linear(X - C), torch.zeros(())),
    ),
    # overcomplete
    (
        {"encoder.final_block.0.weight": W, "encoder.final_block.0.bias": B, "thresholds": T.log()},
        None,
        lambda: torch.where(linear(X) > T, linear(X), torch.zeros(())),
    ),
    # CLIP-Scope
    ({"model_state_dict": {"pre_b": C, "enc": W.T.contiguous(), "dec": D}}, None, lambda: (linear(X - C) - B).relu()),
    # A configuration of another autoencoder is not believed; nor is one without sizes.
    (SAELENS, {"d_in": 9, "architecture": "topk", "k": 1}, lambda: linear(X - C).relu()),
    # A probe of one's own.
    ({"model": {"head.weight": W, "head.bias": B}}, None, lambda: linear(X).relu()),
)
def test_every_layout_encodes_as_its_library(
    tmp_path: Path, state: dict[str, Any], config: dict[str, Any] | None, expected: Callable[[], Tensor]
) -> None:
    torch.save(state, tmp_path / "sae.pt")
    if config is not None:
        (tmp_path / "cfg.json").write_text(json.dumps(config))
    dictionary = load_dictionary(tmp_path / "sae.pt")
    assert (len(dictionary), dictionary.channels) == (COUNT, CHANNELS)
    torch.testing.assert_close(dictionary.encode(X), expected())


def test_the_folder_of_an_autoencoder_is_read_like_its_file(tmp_path: Path) -> None:
    home = tmp_path / "layer_3"
    home.mkdir()
    safetensors.torch.save_file(SAELENS, home / "sae_weights.safetensors")
    safetensors.torch.save_file({"sparsity": B}, home / "sparsity.safetensors")
    (home / "cfg.json").write_text(json.dumps({**SIZES, "architecture": "topk", "k": 3}))
    folder, file = (load_dictionary(path) for path in (str(home), home / "sae_weights.safetensors"))
    assert folder.name == file.name == "layer_3/sae_weights"
    torch.testing.assert_close(folder.encode(X), top(linear(X - C).relu(), 3))
    with pytest.raises(ValueError, match=r"folder '.*' is not of one autoencoder \(it has layer_3\); give one"):
        load_dictionary(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ValueError, match=r"'other' is not of one autoencoder \(no file is sae_weights.safetensors\)"):
        load_dictionary(other)
    torch.save(W, other / "mine.pt")
    assert torch.equal(load_dictionary(other).weight, W)
    np.save(other / "second.npy", W.numpy())
    with pytest.raises(ValueError, match=r"\(it has mine.pt, second.npy\); give one file"):
        load_dictionary(other)


def test_vectors_are_read_in_any_file(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", W.double().numpy())
    np.save(tmp_path / "one.npy", C.numpy())
    torch.save(W, tmp_path / "rows.pt")
    safetensors.torch.save_file({"mine": W.bfloat16()}, tmp_path / "rows.safetensors")
    for name in ("rows.npy", "rows.pt", "rows.safetensors"):
        torch.testing.assert_close(load_dictionary(tmp_path / name).weight, W, atol=0.02, rtol=0)
    vector = load_dictionary(tmp_path / "one.npy")
    torch.testing.assert_close(vector.project(X)[..., 0], X @ C)


def test_neighbours_are_those_of_the_decoder(tmp_path: Path) -> None:
    safetensors.torch.save_file(SAELENS, tmp_path / "sae_weights.safetensors")
    dictionary = load_dictionary(tmp_path / "sae_weights.safetensors")
    cosines = torch.cosine_similarity(D[4:5], D, dim=1).tolist()
    nearest = sorted(range(COUNT), key=lambda index: -cosines[index])
    assert dictionary.find_neighbours(4, 3) == tuple(nearest[:4])
    assert nearest[0] == 4
    assert len(dictionary.find_neighbours(0, 99)) == COUNT
    with pytest.raises(ValueError, match=r"latent 12 is not in .*sae_weights, which has latents 0 to 11"):
        dictionary.find_neighbours(12)


@each_case(
    ("state", "config", "message"),
    (SAELENS | {"r_mag": B}, None, "holds a gated autoencoder, which is not read here"),
    ({"a": W, "b": W}, None, "holds no autoencoder, linear layer or vector that is read here"),
    ({"a.weight": W, "b.weight": W}, None, "holds no autoencoder, linear layer or vector that is read here"),
    (SAELENS | {"W_enc": draw(2, 3, 4)}, None, r"its W_enc is \(2, 3, 4\)"),
    (SAELENS | {"W_enc": torch.tensor(1.0)}, None, r"its W_enc is \(\)"),
    (SAELENS | {"W_dec": torch.tensor(1.0)}, None, r"its W_dec is \(\)"),
    (SAELENS | {"threshold": B * torch.nan}, None, "holds values that are no numbers"),
    (SAELENS | {"W_dec": SAELENS["W_dec"] * torch.nan}, None, "holds values that are no numbers"),
    (SAELENS | {"W_enc": torch.nested.nested_tensor([W, W])}, None, "holds a nested tensor .W_enc. and needs dense"),
    (
        {"weight": W.to_sparse(), "bias": B},
        None,
        "holds tensors that are not plain numbers .*weight is torch.sparse_coo",
    ),
    (SAELENS | {"W_enc": W.to("meta")}, None, "holds tensors that are not plain numbers .*W_enc is .* on meta"),
    (SAELENS | {"b_enc": draw(3)}, None, r"its b_enc is \(3,\), and the encoder needs \(12,\)"),
    (SAELENS | {"b_dec": draw(3)}, None, r"its b_dec is \(3,\), and the encoder needs \(5,\)"),
    (SAELENS | {"b_enc": B / 0}, None, "holds values that are no numbers"),
    (SAELENS, {**SIZES, "normalize_activations": "batch"}, "normalises activations by 'batch'"),
    (SAELENS, {**SIZES, "architecture": "temporal"}, "activation function 'temporal' is not known"),
    (W.to(torch.complex64), None, "holds tensors that are not plain numbers"),
)
def test_what_cannot_be_read_is_named(tmp_path: Path, state: Any, config: Any, message: str) -> None:
    torch.save(state, tmp_path / "sae.pt")
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        load_dictionary(tmp_path / "sae.pt")


@each_case("content", b"", b"\x93NUMPY\x01\x00\xff\xff", b"no array", np.lib.format.magic(1, 0) + b"\x02\x00{}")
def test_damaged_arrays_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"'rows.npy' cannot be read"):
        load_dictionary(tmp_path / "rows.npy")


def test_objects_in_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array([print, 2], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"'rows.npy' cannot be read"):
        load_dictionary(tmp_path / "rows.npy")
