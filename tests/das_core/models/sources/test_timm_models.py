"""Classifiers of timm, with random weights: no test here needs the net."""

import socket
from pathlib import Path

import pytest
import safetensors.torch
import timm

from das_core.models.labels import imagenet_labels
from das_core.models.sources import timm_models
from das_core.models.sources.timm_models import list_timm_architectures, load_timm
from untrained import IMAGENET_MEAN, IMAGENET_STD, assert_same_answer, timm_model


def test_only_classifiers_of_timm_are_listed() -> None:
    names = list_timm_architectures()
    assert names == sorted(names)
    assert len(names) > 1000
    listed = set(names)
    assert {"resnet18.a1_in1k", "tf_efficientnet_lite0.in1k", "convnext_tiny.fb_in22k", "beit_base_patch16_224.in22k_ft_in22k"} <= listed  # fmt: skip  # noqa: E501
    assert not listed & {"vit_small_patch14_dinov2.lvd142m", "vit_base_patch16_clip_224.openai", "resnet50_clip.openai"}


def test_timm_without_a_net_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"the weights of resnet18.a1_in1k could not be had .*load it as a file"):
        load_timm("resnet18.a1_in1k", tmp_path / "classifiers" / "timm")


def test_timm_with_a_silent_hub_does_not_wait_for_its_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(timm_models, "hf_hub_url", lambda *_: f"http://127.0.0.1:{port}/model.safetensors")
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("the hub's client was asked"))
    with pytest.raises(ValueError, match=r"resnet18.a1_in1k could not be had .*refused.*check the connection"):
        load_timm("resnet18.a1_in1k", tmp_path / "timm")


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a small timm model in a folder as the hub's client leaves it; whoever asks the hub fails."""
    monkeypatch.setattr("timm.models._hub.hf_hub_download", lambda *_, **__: pytest.fail("the hub was asked"))
    monkeypatch.setattr(timm_models, "check_reachable", lambda _: pytest.fail("the hub was asked"))
    commit = "0" * 40
    repository = tmp_path / "models--timm--mobilenetv3_small_050.lamb_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    path = repository / "snapshots" / commit / "model.safetensors"
    path.parent.mkdir(parents=True)
    safetensors.torch.save_file(timm_model("mobilenetv3_small_050").state_dict(), path)
    return path


def test_timm_weights_that_are_there_are_loaded_without_a_net(fetched: Path, tmp_path: Path) -> None:
    loaded = load_timm("mobilenetv3_small_050.lamb_in1k", tmp_path)
    assert loaded.name == "mobilenetv3_small_050.lamb_in1k"
    assert loaded.labels == imagenet_labels()
    assert_same_answer(loaded, timm_model("mobilenetv3_small_050"), IMAGENET_MEAN, IMAGENET_STD)


def test_timm_weights_that_are_damaged_are_refused(fetched: Path, tmp_path: Path) -> None:
    fetched.write_bytes(fetched.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"the weights of mobilenetv3_small_050.lamb_in1k could not be had"):
        load_timm("mobilenetv3_small_050.lamb_in1k", tmp_path)


@pytest.mark.parametrize("name", ["resnet18", "resnet19.a1_in1k", "resnet50_clip.openai"])
def test_timm_models_that_are_no_pretrained_classifiers_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"timm has no pretrained classifier '{name}'"):
        load_timm(name, tmp_path)
