"""Where stack files may lie: under ComfyUI's folders, and nowhere else."""

import os
import shutil
from pathlib import Path

import pytest

from loaded_pack import Pack


def listed(pack: Pack) -> list[str]:
    (schema,) = pack.node("DAS_LoadStack").GET_SCHEMA().inputs
    options: list[str] = schema.options
    return options


def test_without_folders_nothing_is_listed(pack: Pack, saved_stacks: Path) -> None:
    assert not saved_stacks.exists()
    assert pack.module("nodes.bridge").list_stack_files() == []


def test_every_file_gets_a_number_of_its_own_and_the_newest_stands_first(pack: Pack, saved_stacks: Path) -> None:
    names = [pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="night/castle")[0] for _ in range(2)]
    assert names == [f"night/castle_0000{number}_.safetensors [output]" for number in (1, 2)]
    os.utime(saved_stacks / "night" / "castle_00001_.safetensors", (1, 1))
    assert listed(pack) == names[::-1]


def test_a_file_put_into_the_input_folder_is_listed_and_loads(pack: Pack, saved_stacks: Path) -> None:
    pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="mine")
    (pack.home / "input" / "stacks").mkdir(parents=True)
    shutil.move(saved_stacks / "mine_00001_.safetensors", pack.home / "input" / "stacks" / "theirs.safetensors")
    assert listed(pack) == ["theirs.safetensors"]
    assert pack.run("DAS_LoadStack", file="theirs.safetensors")[0].steps == 0


def test_files_of_one_name_in_both_folders_are_told_apart(pack: Pack, saved_stacks: Path) -> None:
    bridge = pack.module("nodes.bridge")
    given = pack.home / "input" / "stacks"
    for folder in (saved_stacks, given):
        folder.mkdir(parents=True)
        (folder / "one.safetensors").touch()
    names = bridge.list_stack_files()
    assert names == ["one.safetensors", "one.safetensors [output]"]
    assert [bridge.find_stack_file(name) for name in names] == [
        given / "one.safetensors",
        saved_stacks / "one.safetensors",
    ]


def test_the_name_of_a_new_file_leads_back_to_it(pack: Pack, saved_stacks: Path) -> None:
    bridge = pack.module("nodes.bridge")
    path = bridge.choose_stack_path("night/castle")
    path.touch()
    assert path == saved_stacks / "night" / "castle_00001_.safetensors"
    assert bridge.find_stack_file(bridge.name_stack_file(path)) == path


@pytest.mark.parametrize("prefix", ["../x", "a/../../x", "/tmp/x", "", " ", ".", "a/..", "a/", "..", "\0", "a\0b"])
def test_a_prefix_that_leaves_the_folder_is_refused(pack: Pack, saved_stacks: Path, prefix: str) -> None:
    before = sorted(pack.home.rglob("*"))
    with pytest.raises(ValueError, match=r"filename_prefix .* leaves the folder .*stacks.*'castle'"):
        pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix=prefix)
    assert sorted(pack.home.rglob("*")) == before


def test_a_link_that_leads_out_of_the_folder_is_not_followed(pack: Pack, saved_stacks: Path, tmp_path: Path) -> None:
    (name,) = pack.run("DAS_SaveStack", stack=pack.stack())
    shutil.copy(saved_stacks / "direct_ascent_00001_.safetensors", tmp_path / "outside.safetensors")
    (saved_stacks / "link.safetensors").symlink_to(tmp_path / "outside.safetensors")
    (saved_stacks / "out").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ValueError, match=r"no stack file 'link.safetensors "):
        pack.run("DAS_LoadStack", file="link.safetensors [output]")
    with pytest.raises(ValueError, match="leaves the folder"):
        pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="out/x")
    assert pack.run("DAS_LoadStack", file=name)[0].steps == 0


@pytest.mark.parametrize(
    "name",
    ["gone.safetensors", "gone.safetensors [output]", "../secret.safetensors", "/etc/passwd", "", " [output]"],
)
def test_a_name_that_is_not_in_the_list_is_refused(pack: Pack, saved_stacks: Path, name: str) -> None:
    pack.run("DAS_SaveStack", stack=pack.stack())
    shutil.copy(saved_stacks / "direct_ascent_00001_.safetensors", pack.output / "secret.safetensors")
    with pytest.raises(ValueError, match=r"no stack file .* lies in .*stacks.*Save Stack"):
        pack.run("DAS_LoadStack", file=name)
    (pack.output / "secret.safetensors").unlink()
