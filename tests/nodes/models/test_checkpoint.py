"""What the loaders share: the checkpoints that can be chosen, and the time of one."""

from pathlib import Path
from types import ModuleType

import pytest

from loaded_pack import Pack, Toy

KIND = "classifiers"


@pytest.fixture
def checkpoint(pack: Pack) -> ModuleType:
    return pack.module("nodes.models.checkpoint")


def test_the_time_of_a_file_is_that_of_the_chosen_checkpoint(checkpoint: ModuleType, classifier_folder: Path) -> None:
    read_time = checkpoint.read_checkpoint_time
    file = classifier_folder / "a.pth"
    file.touch()
    chosen = {"source": "file", "checkpoint": "a.pth"}
    assert read_time(KIND, chosen) == file.stat().st_mtime_ns > 0
    for other in (None, {}, {"source": "starter"}, chosen | {"checkpoint": "gone.pth"}):
        assert read_time(KIND, other) == 0
    # ComfyUI 0.8.0 hands on a choice that it does not know as bare text.
    assert read_time(KIND, "file") == 0


def test_downloads_and_fits_are_no_checkpoints(checkpoint: ModuleType, pack: Pack, classifier_folder: Path) -> None:
    own = ("a.pth", "sub/timm/a.pth", "two--hyphens.pth")
    stored = (
        "timm/a.pth",
        "gallery/a/b.pth",
        "timm/models--timm--a/b.bin",
        "l--CLIP/c.bin",
        "sub/l--CLIP/c.bin",
        "words_x.pt",
    )
    for name in (*own, *stored):
        (classifier_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (classifier_folder / name).touch()
    assert sorted(checkpoint.list_checkpoints(KIND)) == sorted(own)
    assert [checkpoint.find_checkpoint(KIND, name) for name in own] == [classifier_folder / name for name in own]
    for name in stored:
        with pytest.raises(ValueError, match=f"no checkpoint '{name}' lies in"):
            checkpoint.find_checkpoint(KIND, name)


def test_the_first_folder_is_named(checkpoint: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoint.bridge, "find_model_folder", lambda kind: tmp_path / "large disk" / "judges")
    monkeypatch.setattr(checkpoint.bridge, "list_model_files", lambda kind: [])
    (option,) = checkpoint.checkpoint_input(KIND).options
    assert option == "put a .safetensors or .pt file into large disk/judges"
    for nothing in (option, "", None):
        with pytest.raises(ValueError, match=f"no checkpoint is chosen; put .* into {tmp_path}/large disk/judges, ref"):
            checkpoint.find_checkpoint(KIND, nothing)


def test_the_gallery_is_a_list_that_a_file_adds_to(checkpoint: ModuleType, pack: Pack, classifier_folder: Path) -> None:
    first = checkpoint.gallery_input(KIND).options
    own = classifier_folder / "gallery.toml"
    own.write_text('[classifiers.mine]\naddress = "hf-hub:me/net"\n')
    assert checkpoint.gallery_input(KIND).options == [*first, "mine: licence not stated"]
    assert checkpoint.find_entry(KIND, "mine: licence not stated").address == "hf-hub:me/net"
    for stranger in (
        "hf-hub:stranger/net",
        "https://example.org/a.pt",
        "../a.pt",
        "",
        None,
        3,
        ["mine: licence not stated"],
    ):
        with pytest.raises(ValueError, match=r"the gallery has no '.*'; choose one of it, or add it .*gallery.toml"):
            checkpoint.find_entry(KIND, stranger)
    # The node loads although the file is damaged; a run says what is wrong.
    for damaged in ("[classifiers", '[classifiers.mine]\naddress = "timm/a"\nname = "b"\n', "a = [" + "\n[" * 30_000):
        own.write_text(damaged)
        assert checkpoint.gallery_input(KIND).options == first
        with pytest.raises(ValueError, match=r"gallery.toml cannot be read"):
            checkpoint.find_entry(KIND, first[0])


def test_what_is_recommended_has_to_be_of_the_kind_of_its_list(
    checkpoint: ModuleType, pack: Pack, classifier_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (classifier_folder / "gallery.toml").write_text('[classifiers.mine]\naddress = "hf-hub:me/net"\n')
    made = [pack.classifier(Toy()), pack.clip(Toy())]
    monkeypatch.setattr(checkpoint, "load_listed", lambda entry, folder, progress: made.pop(0))
    source = {"source": "recommended", "judge": "mine: licence not stated"}
    assert pack.run("DAS_LoadClassifier", source=source)[0].name == "toy"
    with pytest.raises(ValueError, match="toy is no classifier"):
        pack.run("DAS_LoadClassifier", source=source)
