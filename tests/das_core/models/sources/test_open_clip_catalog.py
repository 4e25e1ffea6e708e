"""The lists of open_clip's models, which come with its package: no test here needs the net."""

from pathlib import Path
from typing import Any

import open_clip
import pytest

from cases import each_case
from das_core.models.sources.hub import locate_repository
from das_core.models.sources.open_clip_catalog import (
    COMMON_ARCHITECTURES,
    DEFAULT_PAIR,
    list_downloaded_open_clip_pairs,
    list_open_clip_architectures,
    list_open_clip_models,
    list_open_clip_pairs,
    locate_weights,
    split_open_clip_pair,
)
from dead_drive import unplug


def test_every_published_model_is_listed_and_has_a_file() -> None:
    models = list_open_clip_models()
    assert {(name, tag) for name, tags in models.items() for tag in tags} == set(open_clip.list_pretrained())
    assert {"ViT-B-32", "ViT-B-16-SigLIP2", "RN50", "convnext_base_w"} <= set(models)
    assert set(models) <= set(list_open_clip_architectures())
    for name, tags in models.items():
        assert all(open_clip.get_pretrained_cfg(name, tag)["hf_hub"].count("/") >= 1 for tag in tags)


def test_pairs_are_those_that_are_published_and_begin_with_a_good_one() -> None:
    pairs = list_open_clip_pairs()
    assert pairs[0] == DEFAULT_PAIR
    assert sorted(split_open_clip_pair(pair) for pair in pairs) == sorted(open_clip.list_pretrained())


@each_case("pair", ["ViT-B-32", "ViT-B-32/webli", "hf-hub:me/ViT-B-32", "", None, 3, ["RN50/openai"]])
def test_a_pair_that_is_none_is_named(pair: Any) -> None:
    with pytest.raises(ValueError, match=r"open_clip publishes no model '.*'; choose one of its list, such as"):
        split_open_clip_pair(pair)


def test_architectures_begin_with_the_common_ones_and_are_all_there() -> None:
    names = list_open_clip_architectures()
    assert tuple(names[: len(COMMON_ARCHITECTURES)]) == COMMON_ARCHITECTURES
    assert sorted(names) == sorted(open_clip.list_models())


@each_case(
    ("architecture", "tag", "repository", "names"),
    [
        (
            "ViT-B-32",
            "laion2b_s34b_b79k",
            "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
        ),
        ("ViTamin-S", "datacomp1b", "jienengchen/ViTamin-S", ("pytorch_model.safetensors", "pytorch_model.bin")),
    ],
)
def test_weights_are_asked_for_in_the_safest_format_first(
    architecture: str, tag: str, repository: str, names: tuple[str, ...]
) -> None:
    assert locate_weights(architecture, tag) == (repository, names)


def test_weights_that_are_not_published_have_no_place() -> None:
    with pytest.raises(KeyError):
        locate_weights("ViT-B-32", "webli")


def test_on_a_drive_that_is_gone_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unplug(monkeypatch, tmp_path)
    assert list_downloaded_open_clip_pairs(tmp_path) == []


@each_case("number", [0, 1])
def test_a_pair_is_downloaded_when_the_folder_has_its_file_in_either_format(tmp_path: Path, number: int) -> None:
    assert list_downloaded_open_clip_pairs(tmp_path) == []
    repository, names = locate_weights(*split_open_clip_pair(DEFAULT_PAIR))
    home = locate_repository(repository, tmp_path)
    home.mkdir()
    (home / "open_clip_config.json").touch()
    assert list_downloaded_open_clip_pairs(tmp_path) == []
    (home / names[number]).touch()
    assert list_downloaded_open_clip_pairs(tmp_path) == [DEFAULT_PAIR]
