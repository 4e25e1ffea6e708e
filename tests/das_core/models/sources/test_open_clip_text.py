"""Tokenizers and text towers of open_clip, with random weights: no test here needs the net."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
import transformers
from huggingface_hub import constants
from open_clip.hf_configs import arch_dict
from open_clip.tokenizer import HFTokenizer
from torch import Tensor, nn

import tinyclip
from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.models.sources import open_clip_text as towers
from das_core.models.sources.download import locate_repository
from das_core.models.sources.open_clip_models import load_clip_file


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may ask the hub."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def test_a_tokenizer_of_the_hub_is_read_from_its_folder(offline: None, tmp_path: Path) -> None:
    text = tinyclip.TINY["text_cfg"] | {"vocab_size": 7, "hf_tokenizer_name": "me/words", "pool_type": "last"}
    config = tinyclip.TINY | {"text_cfg": text}
    with tinyclip.registered(tmp_path, "wordy", config):
        torch.save(tinyclip.model(config).state_dict(), tmp_path / "a.pt")
        with pytest.raises(ValueError, match=r"tokenizer.json of me/words could not .* put the file into .*me--words"):
            load_clip_file(tmp_path / "a.pt", "wordy", tmp_path)
        tinyclip.write_tokenizer(locate_repository("me/words", tmp_path))
        loaded = load_clip_file(tmp_path / "a.pt", "wordy", tmp_path)
    assert loaded.encode_text(["a photo", "a fish"]).shape == (2, 24)
    assert (loaded.text_tower.count("a photo"), loaded.text_tower.count_truncated("a " * 20)) == (3, 5)


def test_tokens_are_counted_as_they_are_cut() -> None:
    tower = tinyclip.clip().text_tower
    assert (tower.context_length, tower.count("a photo of a cat"), tower.count_truncated("cat " * 20)) == (16, 7, 6)
    torch.testing.assert_close(tower.embed("cat " * 14), tower.embed("cat " * 15))


def test_a_tower_reads_the_scripts_of_its_vocabulary_which_is_looked_through_once(tmp_path: Path) -> None:
    of_openai = tinyclip.clip().text_tower
    assert of_openai.reads("un ch\u00e2teau")
    assert not of_openai.reads("\u57ce\u5821")
    tinyclip.write_tokenizer(tmp_path)
    text = {"hf_tokenizer_name": str(tmp_path)}
    tower = towers.build_text_tower(nn.Linear(2, 3), towers.build_tokenizer(text))
    assert tower.reads("a castle")
    assert not tower.reads("\u57ce\u5821"), "five English words"
    tokenizer = towers.build_tokenizer(text)
    assert isinstance(tokenizer, HFTokenizer)
    calls = []

    def get_vocab() -> dict[str, int]:
        calls.append(1)
        return {chr(0x4E00 + number): number for number in range(6000)}

    tokenizer.tokenizer.get_vocab = get_vocab
    tower = towers.build_text_tower(nn.Linear(2, 3), tokenizer)
    assert tower.reads("a castle")
    assert calls == []
    assert tower.reads("\u57ce\u5821")
    assert tower.reads("\u732b")
    assert calls == [1]


BROKEN = """
import sys, threading
from pathlib import Path

import open_clip

from das_core.models.sources.open_clip_text import check_text_config
from das_core.models.sources.open_clip_towers import build_open_clip_module

seen = []

def hear():
    try:
        import torchaudio
    except OSError as error:
        seen.append(str(error))

def build(*args, _build=open_clip.CustomTextCLIP, **more):
    other = threading.Thread(target=hear)
    other.start()
    other.join()
    return _build(*args, **more)

open_clip.CustomTextCLIP = build
text = {"hf_model_name": sys.argv[1], "hf_pooler_type": "mean_pooler", "hf_proj_type": "linear"}
check_text_config(text, 10**6)
seeing = {"image_size": 32, "layers": 1, "patch_size": 8}
build_open_clip_module({"embed_dim": 24, "vision_cfg": seeing, "text_cfg": text})
hear()
assert seen == ["built for another torch"] * 2, seen
assert "torchaudio" not in sys.modules
"""


def test_a_broken_torchaudio_breaks_no_tower_and_is_seen_as_it_is_by_other_threads(tmp_path: Path) -> None:
    (tmp_path / "torchaudio.py").write_text("raise OSError('built for another torch')")
    write_network(tmp_path / "network")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    ran = subprocess.run(
        [sys.executable, "-c", BROKEN, str(tmp_path / "network")],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_a_tokenizer_takes_its_settings_and_its_context_length_from_the_configuration(tmp_path: Path) -> None:
    # Without a name the tokenizer is that of open_clip.
    assert torch.equal(towers.build_tokenizer({"width": 64})(["a cat"]), open_clip.get_tokenizer("ViT-B-32")(["a cat"]))
    lower, canonical = (
        towers.build_tokenizer({"tokenizer_kwargs": {"clean": clean}}) for clean in ("lower", "canonicalize")
    )
    assert torch.equal(canonical(["A_Cat!"]), lower(["a cat"]))
    assert not torch.equal(lower(["A_Cat!"]), lower(["a cat"]))
    # To the context length texts are cut and padded.
    assert towers.build_tokenizer({"context_length": 5})(["a cat"]).tolist() == [[49406, 320, 2368, 49407, 0]]
    tinyclip.write_tokenizer(tmp_path)
    tokenizer = towers.build_tokenizer({"hf_tokenizer_name": str(tmp_path), "context_length": 4})
    assert isinstance(tokenizer, HFTokenizer)
    assert tokenizer(["a cat", "a photo a dog a"]).tolist() == [[3, 5, 1, 0], [3, 4, 3, 1]]


def test_nobody_is_asked_whether_a_tokenizer_may_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tinyclip.write_tokenizer(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Words", "auto_map": {"AutoTokenizer": ["program.Words", "program.Words"]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "program.py").write_text("raise SystemExit('the program ran')")
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    with pytest.raises(ValueError, match=r"custom code|execute the configuration file"):
        towers.build_tokenizer({"hf_tokenizer_name": str(tmp_path)})


def test_a_configuration_names_folders_where_it_named_repositories(offline: None, tmp_path: Path) -> None:
    home = locate_repository("me/words", tmp_path)
    tinyclip.write_tokenizer(home)
    (home / "config.json").write_text("{}")
    text = {"hf_tokenizer_name": "me/words", "hf_model_name": "me/words", "context_length": 64}
    expected = {"hf_tokenizer_name": str(home), "hf_model_name": str(home), "context_length": 64}
    assert towers.localize_config(text, tmp_path) == expected
    assert text["hf_model_name"] == "me/words"
    with pytest.raises(ValueError, match=r"config.json of me/others could not .*put the file into .*me--others"):
        towers.localize_config({"hf_model_name": "me/others"}, tmp_path)


def write_network(folder: Path, kind: str = "roberta", **more: Any) -> dict[str, Any]:
    """Write the configuration of a small network, and return the text configuration that names it."""
    layers = {"num_hidden_layers": 2, "num_layers": 2, "encoder_layers": 2, "decoder_layers": 2}
    small = {"vocab_size": 7, "hidden_size": 32, "d_model": 32, "num_attention_heads": 2, "num_heads": 2, "d_kv": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 40}
    wide = {"intermediate_size": 64, "d_ff": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    folder.mkdir(exist_ok=True)
    config = {"model_type": kind, "pad_token_id": 0} | layers | small | heads | wide | more
    (folder / "config.json").write_text(json.dumps(config))
    return {"hf_model_name": str(folder)}


@each_case("kind", *arch_dict)
def test_networks_are_no_larger_than_their_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    text = write_network(tmp_path, kind)
    towers.prepare_transformers()
    network = transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(tmp_path))
    # A checkpoint has the encoder alone.
    held = sum(value.numel() for name, value in network.state_dict().items() if not name.startswith("decoder."))
    monkeypatch.setattr(towers, "_ALWAYS_ALLOWED", 0)
    towers.check_text_config(text, held)
    with pytest.raises(ValueError, match=r"'.*config.json' was refused: its network would have .* million numbers"):
        towers.check_text_config(text, held // 8)
    # A tower that open_clip itself describes is not looked at.
    towers.check_text_config({"width": 2**20, "layers": 10**9}, 0)


@each_case(
    ("says", "more"),
    ("its vocab_size is 8000000, more than a text tower has", {"vocab_size": 8_000_000}),
    ("its network would have 9[0-9]* million numbers", {"vocab_size": 2**20, "hidden_size": 8192}),
    ("its network would have", {"model_type": "m2m_100", "decoder_ffn_dim": 2**20, "d_model": 2**12}),
    ("its num_hidden_layers is 1000000, more", {"num_hidden_layers": 1_000_000}),
    ("its num_labels is 1000000000, more", {"task_specific_params": {"a": [{"num_labels": 10**9}]}}),
    ("its hidden_size is nan, more", {"hidden_size": float("nan")}),
    ("a network of the type 'llama', and text towers are of roberta, ", {"model_type": "llama"}),
    ("it names a program .*evil/attention", {"attn_implementation": "evil/attention"}),
    ("it names a program .*evil/attention", {"_attn_implementation": {"": "evil/attention"}}),
)
def test_a_network_too_large_or_with_a_program_is_not_built(tmp_path: Path, says: str, more: dict[str, Any]) -> None:
    text = write_network(tmp_path, **more)
    with PeakBytes() as made, pytest.raises(ValueError, match=rf"'.*' was refused: .*{says}.*; delete .*config.json"):
        towers.check_text_config(text, 100_000)
    assert made.peak < 2**20


class Count(nn.Module):
    """Embeds tokens by how often each of the first seven occurs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(7))

    def forward(self, tokens: Tensor) -> Tensor:
        assert tokens.shape == (1, 8), "texts are read one at a time"
        return nn.functional.one_hot(tokens, 7).sum(dim=1) * self.weight


def test_a_text_tower_embeds_what_its_tokenizer_makes_of_a_text(tmp_path: Path) -> None:
    tinyclip.write_tokenizer(tmp_path)
    module = Count()
    tower = towers.build_text_tower(
        module, towers.build_tokenizer({"hf_tokenizer_name": str(tmp_path), "context_length": 8})
    )
    # pad, end, unknown, a, photo, cat, fish
    assert tower.encode("a cat a fish a dog").tolist() == [1, 1, 1, 3, 0, 1, 1]
    torch.testing.assert_close(tower.embed("a"), torch.tensor([6.0, 1, 0, 1, 0, 0, 0]) / 38**0.5)
    assert (tower.count("a cat a fish a dog"), tower.count("a"), tower.context_length) == (7, 2, 8)
    assert tower.module is module
    assert not module.training
    assert not module.weight.requires_grad


def test_many_texts_are_embedded_as_one_by_one(tmp_path: Path) -> None:
    write_network(tmp_path)
    tinyclip.write_tokenizer(tmp_path)
    towers.prepare_transformers()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = open_clip.hf_model.HFTextEncoder(
            str(tmp_path), output_dim=6, pooler_type="mean_pooler", proj_type="linear", pretrained=False
        )
    tokenizer = towers.build_tokenizer({"hf_tokenizer_name": str(tmp_path), "context_length": 12})
    texts = ["a cat", "a", "a photo a fish a cat a dog", *["a fish"] * 70]
    for module in (network, Recording(network)):
        tower = towers.build_text_tower(module, tokenizer)
        said = Said()
        many = tower.embed_many(texts, said)
        torch.testing.assert_close(many, torch.stack([tower.embed(text) for text in texts]))
        assert said.done == [64, 73]


class Said:
    """A progress that is written down."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def __call__(self, done: int, total: int) -> None:
        assert total == 73
        self.done.append(done)


class Recording(nn.Module):
    """A network that may have been trained with padding, so that it gets all of it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Tensor:
        assert tokens.shape[1] == 12
        embeddings: Tensor = self.network(tokens)
        return embeddings
