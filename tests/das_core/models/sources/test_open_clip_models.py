"""Models of open_clip from checkpoints and from a hub in a folder, with random weights: no test here needs the net."""

import contextlib
import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import safetensors.torch
import torch
import transformers
from torch import Tensor

import tinyclip
from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.models.sources import hub
from das_core.models.sources.hub import locate_repository
from das_core.models.sources.open_clip_catalog import list_downloaded_open_clip_pairs
from das_core.models.sources.open_clip_models import load_clip_file, load_open_clip
from stops import assert_ends_anywhere

TEXTS = ["a photo of a cat", "a coral reef full of fish"]
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes open_clip know the architecture `tiny`."""
    with tinyclip.registered(tmp_path_factory.mktemp("configs")):
        yield


def native(custom: bool = False, architecture: str = "tiny") -> torch.nn.Module:
    """A model as open_clip itself makes it."""
    torch.manual_seed(0)
    return open_clip.create_model(architecture, force_custom_text=custom, pretrained_text=False).eval()


def assert_same(loaded: Any, model: Any, images: Tensor = IMAGES) -> None:
    """The loaded model answers as open_clip's own does, to its own preprocessing."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (loaded.mean, loaded.std))
    tokens = open_clip.get_tokenizer("tiny")(TEXTS)
    with torch.no_grad():
        expected_image = model.encode_image((images - mean) / std, normalize=True)
        expected_text = model.encode_text(tokens, normalize=True)
    torch.testing.assert_close(loaded.encode_images(images), expected_image, atol=1e-5, rtol=0)
    torch.testing.assert_close(loaded.encode_text(TEXTS), expected_text, atol=1e-5, rtol=0)


@each_case("suffix", [".pt", ".safetensors"])
@each_case("custom", [False, True])
@each_case("architecture", ["tiny", None])
def test_a_checkpoint_saved_by_open_clip_loads_back(
    tmp_path: Path, suffix: str, custom: bool, architecture: str | None
) -> None:
    model = native(custom)
    path = tmp_path / f"my model{suffix}"
    if suffix == ".pt":
        state = {f"module.{name}": value for name, value in model.state_dict().items()}
        torch.save({"epoch": 3, "name": "mine", "state_dict": state}, path)
    else:
        safetensors.torch.save_file(model.state_dict(), path)
    loaded = load_clip_file(path, architecture, tmp_path)
    assert (loaded.name, loaded.size, loaded.width) == ("my model", 32, 24)
    assert (loaded.mean, loaded.std) == (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    assert_same(loaded, model)


def test_a_checkpoint_in_half_precision_is_read_in_full(tmp_path: Path) -> None:
    model = native().half()
    torch.save(model.state_dict(), tmp_path / "half.pt")
    assert load_clip_file(tmp_path / "half.pt", None, tmp_path).dtype == torch.float32
    # Cancelled while it is built, it is not said to be a model that cannot be built.
    assert_ends_anywhere(lambda: load_clip_file(tmp_path / "half.pt", None, tmp_path), places=12)


def test_a_checkpoint_of_an_image_tower_has_no_text_tower(tmp_path: Path) -> None:
    state = {name: value for name, value in native().state_dict().items() if name.startswith("visual.")}
    torch.save(state, tmp_path / "eyes.pt")
    for architecture in ("tiny", None):
        loaded = load_clip_file(tmp_path / "eyes.pt", architecture, tmp_path)
        assert loaded.encode_images(IMAGES).shape == (2, 24)
        with pytest.raises(ValueError, match="eyes has no text tower"):
            loaded.encode_text(TEXTS)


def test_what_does_not_fit_or_cannot_be_built_is_named(tmp_path: Path) -> None:
    torch.save(native().state_dict(), tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"'a.pt' does not fit the architecture a: \d+ tensors missing"):
        load_clip_file(tmp_path / "a.pt", "ViT-S-32", tmp_path)
    with pytest.raises(ValueError, match=r"open_clip has no architecture 'ViT-Z'; write one of its list"):
        load_clip_file(tmp_path / "a.pt", "ViT-Z", tmp_path)
    torch.save({"weight": torch.ones(3)}, tmp_path / "b.pt")
    with pytest.raises(ValueError, match=r"'b.pt' has the shapes of no architecture"):
        load_clip_file(tmp_path / "b.pt", None, tmp_path)
    (tmp_path / "c.pt").write_bytes((tmp_path / "a.pt").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"'c.pt' cannot be read: it is damaged"):
        load_clip_file(tmp_path / "c.pt", None, tmp_path)
    config = tinyclip.TINY | {"vision_cfg": {"timm_model_name": "no_such_model", "image_size": 32}}
    with (
        tinyclip.registered(tmp_path, "broken", config),
        pytest.raises(ValueError, match=r"a cannot be built here \(.*no_such_model.*update open_clip_torch"),
    ):
        load_clip_file(tmp_path / "a.pt", "broken", tmp_path)


def write_trap(folder: Path) -> Path:
    """Write a model whose tokenizer is a program, and return the file that the program makes when it runs."""
    sprung = folder / "sprung"
    words = locate_repository("evil/words", folder)
    tinyclip.write_tokenizer(words)
    (words / "program.py").write_text(
        "import pathlib\nfrom transformers import PreTrainedTokenizerFast\n"
        f"pathlib.Path({str(sprung)!r}).touch()\n"
        "class Words(PreTrainedTokenizerFast): pass\n"
    )
    settings = json.loads((words / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Words", "auto_map": {"AutoTokenizer": ["program.Words", "program.Words"]}}
    (words / "tokenizer_config.json").write_text(json.dumps(settings))
    text = tinyclip.TINY["text_cfg"] | {
        "vocab_size": 7,
        "hf_tokenizer_name": "evil/words",
        "tokenizer_kwargs": {"trust_remote_code": True},
    }
    config = tinyclip.TINY | {"text_cfg": text}
    (folder / "model").mkdir()
    (folder / "model" / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    torch.save(tinyclip.model(config).state_dict(), folder / "a.pt")
    return sprung


def test_a_configuration_from_elsewhere_is_refused_and_its_program_does_not_run(offline: None, tmp_path: Path) -> None:
    sprung = write_trap(tmp_path)
    with pytest.raises(ValueError, match=r"open_clip has no architecture 'local-dir:.*'; write one of its list"):
        load_clip_file(tmp_path / "a.pt", f"local-dir:{tmp_path / 'model'}", tmp_path)
    assert not sprung.exists()
    transformers.AutoTokenizer.from_pretrained(locate_repository("evil/words", tmp_path), trust_remote_code=True)
    assert sprung.exists(), "the trap itself works"


ELSEWHERE: list[Any] = [
    "hf-hub:me/model",
    "local-dir:/tmp",
    "https://example.org/model",
    "../ViT-B-32",
    "/etc/passwd",
    "ViT-B-32.json",
    "x" * 1_000_000,
    "",
    3,
    True,
    ["ViT-B-32"],
    {"ViT-B-32": 1},
]


@each_case("architecture", ELSEWHERE)
def test_only_names_of_the_list_reach_open_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: Any
) -> None:
    torch.save(native().state_dict(), tmp_path / "a.pt")
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: pytest.fail(f"open_clip was asked for {name}"))
    with pytest.raises(ValueError, match=r"open_clip has no architecture '.*'; write one of its list") as refused:
        load_clip_file(tmp_path / "a.pt", architecture, tmp_path)
    assert len(str(refused.value)) < 300
    with pytest.raises(ValueError, match="open_clip has no weights for the architecture"):
        load_open_clip(architecture, "openai", tmp_path)
    with pytest.raises(ValueError, match=r"ViT-B-32 has no weights '.*'; choose one of openai"):
        load_open_clip("ViT-B-32", architecture, tmp_path)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may ask the hub."""
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)


@each_case(
    ("architecture", "tag", "says"),
    [
        ("ViT-Z", "openai", "no weights for the architecture 'ViT-Z'"),
        ("ViT-B-32", "webli", "ViT-B-32 has no weights 'webli'; choose one of openai, laion400m_e31"),
        # Known, and the hub is not asked.
        ("ViT-B-32", "openai", r"open_clip_model.safetensors of timm/vit_base_patch32\S+ could not"),
    ],
)
def test_models_that_cannot_be_had_are_named(
    offline: None, tmp_path: Path, architecture: str, tag: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        load_open_clip(architecture, tag, tmp_path)
    assert not list(tmp_path.iterdir())


@contextlib.contextmanager
def published(name: str, tag: str, **settings: Any) -> Any:
    from open_clip.pretrained import _PRETRAINED

    _PRETRAINED[name] = {tag: {"hf_hub": "me/tiny/", **settings}}
    try:
        yield
    finally:
        del _PRETRAINED[name]


def test_published_weights_in_the_folder_are_loaded_as_they_were_trained(offline: None, tmp_path: Path) -> None:
    model = native()
    home = locate_repository("me/tiny", tmp_path)
    home.mkdir()
    safetensors.torch.save_file(model.state_dict(), home / "open_clip_model.safetensors")
    half = (0.5, 0.5, 0.5)
    with published("tiny", "mine", mean=half, std=half, resize_mode="squash", interpolation="bilinear"):
        assert list_downloaded_open_clip_pairs(tmp_path) == ["tiny/mine"]
        loaded = load_open_clip("tiny", "mine", tmp_path)
    assert (loaded.name, loaded.mean, loaded.std) == ("tiny mine", half, half)
    assert (loaded.fit, loaded.interpolation) == ("squash", "bilinear")
    assert_same(loaded, model)
    with published("tiny", "quick", quick_gelu=True):
        quick = load_open_clip("tiny", "quick", tmp_path)
    assert not torch.allclose(quick.encode_text(TEXTS), loaded.encode_text(TEXTS), atol=1e-4)


@each_case(
    ("more", "says"),
    [
        ({}, ""),
        ({"vocab_size": 2**20}, r"'.*config.json' was refused: its network would have 34 million numbers"),
        ({"num_attention_heads": 0}, r"a cannot be built here \(ZeroDivisionError.*update open_clip_torch"),
        ({"hidden_size": "wide"}, r"a cannot be built here \(.*(hidden_size|of ints).*update open_clip_torch"),
    ],
)
def test_a_network_that_a_folder_describes_is_checked_before_it_is_built(
    offline: None, tmp_path: Path, more: dict[str, Any], says: str
) -> None:
    words, home = (locate_repository(name, tmp_path) for name in ("me/words", "me/text"))
    tinyclip.write_tokenizer(words)
    home.mkdir()
    network = {"model_type": "roberta", "vocab_size": 7, "hidden_size": 32, "num_hidden_layers": 1, "pad_token_id": 0}
    network |= {"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 40}
    (home / "config.json").write_text(json.dumps(network))
    text = {"hf_pooler_type": "mean_pooler", "hf_proj_type": "linear", "context_length": 16}
    local = tinyclip.TINY | {"text_cfg": text | {"hf_model_name": str(home), "hf_tokenizer_name": str(words)}}
    torch.save(tinyclip.model(local).state_dict(), tmp_path / "a.pt")
    (home / "config.json").write_text(json.dumps(network | more))
    config = tinyclip.TINY | {"text_cfg": text | {"hf_model_name": "me/text", "hf_tokenizer_name": "me/words"}}
    with tinyclip.registered(tmp_path, "foreign", config):
        if not says:
            assert load_clip_file(tmp_path / "a.pt", "foreign", tmp_path).encode_text(["a cat"]).shape == (1, 24)
            return
        with PeakBytes() as made, pytest.raises(ValueError, match=says):
            load_clip_file(tmp_path / "a.pt", "foreign", tmp_path)
        assert made.peak < 2**24
