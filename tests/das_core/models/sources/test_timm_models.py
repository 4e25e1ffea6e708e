"""Classifiers of timm, with random weights: no test here needs the net."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from huggingface_hub import constants

from cases import each_case
from das_core.models.label_sets import imagenet_labels
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


REPOSITORY = "timm/mobilenetv3_small_050.lamb_in1k"
NAME = "mobilenetv3_small_050.lamb_in1k"


def test_a_release_outside_the_hub_is_named_with_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def refuse(url: str, folder: Path, digest: str, progress: object) -> Path:
        asked.append((url.rpartition("/")[2], digest))
        raise ValueError(f"could not be downloaded from {url}")

    monkeypatch.setattr(timm_models, "download", refuse)
    with pytest.raises(ValueError, match=r"could not be downloaded from https://github.com/.*seresnet18-4bb0ce65.pth"):
        load_timm("legacy_seresnet18.in1k", tmp_path)
    assert asked == [("seresnet18-4bb0ce65.pth", "4bb0ce65")]


def test_timm_is_given_the_file_that_was_fetched_and_the_download_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []

    def fetch(repository: str, names: Sequence[str], folder: Path, progress: Callable[[int, int], None]) -> Path:
        assert (repository, names[0], folder) == (REPOSITORY, "model.safetensors", tmp_path)
        progress(3, 4)
        path = folder / "model.safetensors"
        safetensors.torch.save_file(timm_model("mobilenetv3_small_050").state_dict(), path)
        return path

    monkeypatch.setattr(timm_models, "fetch_file", fetch)
    loaded = load_timm(NAME, tmp_path, lambda *step: told.append(step))
    assert told == [(3, 4)]
    assert_same_answer(loaded, timm_model("mobilenetv3_small_050"), IMAGENET_MEAN, IMAGENET_STD)


def test_an_architecture_with_a_format_of_its_own_is_read_from_the_file_of_the_hub(tmp_path: Path) -> None:
    name = "flexivit_small.300ep_in1k"
    assert timm.models.get_pretrained_cfg(name).custom_load
    path = tmp_path / f"timm--{name}" / "model.safetensors"
    path.parent.mkdir()
    module = timm_model("flexivit_small")
    safetensors.torch.save_file(module.state_dict(), path)
    loaded = load_timm(name, tmp_path)
    views = torch.rand(1, 3, 240, 240, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(value)[:, None, None] for value in (loaded.mean, loaded.std))
    with torch.no_grad():
        torch.testing.assert_close(loaded(views), module((views - mean) / std), atol=1e-4, rtol=0)


def test_timm_weights_that_are_there_are_loaded_without_a_net_unless_they_are_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timm.models._hub.hf_hub_download", lambda *_, **__: pytest.fail("the hub was asked"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    path = tmp_path / f"timm--{NAME}" / "model.safetensors"
    where = re.escape(str(path.parent))
    message = rf"^model.safetensors of {REPOSITORY} could not .*HF_HUB_OFFLINE .* put the file into {where} yourself$"
    with pytest.raises(ValueError, match=message):
        load_timm(NAME, tmp_path)
    path.parent.mkdir()
    module = timm_model("mobilenetv3_small_050")
    safetensors.torch.save_file(module.state_dict(), path)
    loaded = load_timm(NAME, tmp_path)
    assert (loaded.name, loaded.labels) == (NAME, imagenet_labels())
    assert_same_answer(loaded, module, IMAGENET_MEAN, IMAGENET_STD)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(
        ValueError, match=rf"the weights of {NAME} cannot be read .*; delete .*model.safetensors and run"
    ):
        load_timm(NAME, tmp_path)


def test_timm_weights_that_claim_more_than_they_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / f"timm--{NAME}" / "pytorch_model.bin"
    path.parent.mkdir()
    state = timm_model("mobilenetv3_small_050").state_dict()
    torch.save(state | {"extra": torch.zeros(1).expand(3_000_000, 1024)}, path)
    with pytest.raises(ValueError, match=rf"the weights of {NAME} cannot be read .*its tensors would take 11.5 GiB"):
        load_timm(NAME, tmp_path)


@each_case(
    "name",
    ["resnet18", "resnet50_clip.openai", "hf-hub:timm/resnet18.a1_in1k", "local-dir:/tmp", None],
)
def test_timm_models_that_are_no_pretrained_classifiers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Any
) -> None:
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("timm was asked"))
    with pytest.raises(ValueError, match=f"timm has no pretrained classifier '{name}'"):
        load_timm(name, tmp_path)
