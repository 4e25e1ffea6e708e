"""Where stack files may lie, and what is kept of an ascent that fails and under which names."""

import errno
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from cases import each_case
from dead_drive import unplug
from full_disk import fill_disk, refuse_writing
from loaded_pack import Pack

SHIPPED = "direct_ascent_lakeside.safetensors [example]"


def listed(pack: Pack) -> list[str]:
    """The options of Load Stack before the last, which comes with the pack."""
    (schema,) = pack.node("DAS_LoadStack").GET_SCHEMA().inputs
    *options, last = schema.options
    assert last == SHIPPED
    return options


def test_every_file_gets_a_number_of_its_own_and_the_newest_stands_first(pack: Pack, saved_stacks: Path) -> None:
    names = [pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="night/castle")[0] for _ in range(2)]
    assert names == [f"night/castle_0000{number}_.safetensors [output]" for number in (1, 2)]
    os.utime(saved_stacks / "night" / "castle_00001_.safetensors", (1, 1))
    assert listed(pack) == names[::-1]


def test_files_of_one_name_in_both_folders_are_told_apart(pack: Pack, saved_stacks: Path) -> None:
    bridge, given = pack.module("nodes.bridge"), pack.home / "input" / "stacks"
    (name,) = pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="mine")
    given.mkdir(parents=True)
    shutil.copy(saved_stacks / "mine_00001_.safetensors", given)
    assert listed(pack) == ["mine_00001_.safetensors", name]
    shipped = bridge.folders.EXAMPLES / "stacks" / "direct_ascent_lakeside.safetensors"
    assert [bridge.find_stack_file(each) for each in (*listed(pack), SHIPPED)] == [
        given / "mine_00001_.safetensors",
        saved_stacks / "mine_00001_.safetensors",
        shipped,
    ]
    assert pack.run("DAS_LoadStack", file="mine_00001_.safetensors")[0].steps == 0


def test_what_is_no_file_is_left_out_and_the_rest_is_listed(pack: Pack, saved_stacks: Path) -> None:
    (name,) = pack.run("DAS_SaveStack", stack=pack.stack())
    for link, target in (("gone", "nowhere"), ("loop", "loop.safetensors"), ("other", "loop.safetensors")):
        (saved_stacks / f"{link}.safetensors").symlink_to(saved_stacks / target)
    (saved_stacks / "folder.safetensors").mkdir()
    (saved_stacks / "circle").symlink_to(saved_stacks, target_is_directory=True)
    os.mkfifo(saved_stacks / "pipe.safetensors")
    assert listed(pack) == [name]
    for bad in ("gone", "loop", "folder", "pipe"):
        with pytest.raises(ValueError, match=f"no stack file '{bad}.safetensors"):
            pack.run("DAS_LoadStack", file=f"{bad}.safetensors [output]")
    with pytest.raises(ValueError, match=r"cannot be saved|leaves the folder"):
        pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="loop.safetensors/castle")


def test_stacks_on_a_lost_drive_are_left_out(pack: Pack, saved_stacks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix=name)[0] for name in ("castle", "night/a")]
    unplug(monkeypatch, saved_stacks / "night")
    assert listed(pack) == names[:1]


def test_racing_savers_lose_nothing(pack: Pack, saved_stacks: Path) -> None:
    bridge, stack, together = pack.module("nodes.bridge"), pack.stack(), Barrier(4)

    def save(_: int) -> list[str]:
        together.wait()
        return [bridge.save_new_stack(stack, "race") for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        names = [name for saved in pool.map(save, range(4)) for name in saved]
    assert len(set(names)) == 16
    assert sorted(names) == sorted(listed(pack))


@each_case(
    ("code", "says"),
    (errno.ENOSPC, r"the stack 'castle' cannot be saved in .*output \(No space left on device\): free some space"),
    (errno.EROFS, r"\(Read-only file system\): make the folder writable, or start ComfyUI with another --output"),
)
def test_a_stack_that_cannot_be_written_is_said_with_what_to_do(
    pack: Pack, saved_stacks: Path, monkeypatch: pytest.MonkeyPatch, code: int, says: str
) -> None:
    refuse_writing(monkeypatch, code)
    with pytest.raises(ValueError, match=says):
        pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="castle")
    assert list(saved_stacks.iterdir()) == []


def test_a_name_that_is_too_long_is_said_so(pack: Pack, saved_stacks: Path) -> None:
    with pytest.raises(ValueError, match=r"File name too long\): use a shorter filename_prefix") as error:
        pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="x" * 300)
    assert len(str(error.value)) < 400


LEAVES = r"filename_prefix .* leaves the folder .*stacks.*'castle'"


@each_case(
    ("prefix", "says"),
    *((prefix, LEAVES) for prefix in ("../x", "a/../../x", "/tmp/x", " ", ".", "a/", "\0")),
    ("\ud800", "filename_prefix holds half of a character"),
)
def test_a_prefix_outside_the_folder_writes_nothing(pack: Pack, saved_stacks: Path, prefix: str, says: str) -> None:
    before = sorted(pack.home.rglob("*"))
    with pytest.raises(ValueError, match=says):
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


@each_case("name", "gone.safetensors [output]", "../secret.safetensors", "/etc/passwd", "")
def test_a_name_that_is_not_in_the_list_is_refused(pack: Pack, saved_stacks: Path, name: str) -> None:
    pack.run("DAS_SaveStack", stack=pack.stack())
    shutil.copy(saved_stacks / "direct_ascent_00001_.safetensors", pack.output / "secret.safetensors")
    with pytest.raises(ValueError, match=r"no stack file .* lies in .*stacks.*Save Stack"):
        pack.run("DAS_LoadStack", file=name)
    assert pack.run("DAS_LoadStack", file=SHIPPED)[0].spec.width == 144
    (pack.output / "secret.safetensors").unlink()


def test_a_full_disk_leaves_no_half_of_a_file(pack: Pack, saved_stacks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rescue, stack = pack.module("nodes.bridge").rescue, pack.stack()
    before = sorted(pack.output.rglob("*.p*"))
    with fill_disk(100):
        said = rescue(stack)
    for what in ("The last good image", "Its stack"):
        assert re.search(rf"{what} could not be saved \(.*File too large", said)
    assert sorted(pack.output.rglob("*.p*")) == before
    # If only the stack cannot be written, the image is saved all the same.
    refuse_writing(monkeypatch, errno.ENOSPC)
    said = rescue(stack)
    assert re.search(r"Its stack could not be saved \(.*No space left on device.*\)", said)
    assert "The last good image was saved in the output folder as direct_ascent_last_good_" in said
    for left in pack.output.glob("direct_ascent_last_good_*.png"):
        left.unlink()


def test_a_number_that_was_taken_is_left(pack: Pack, saved_stacks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, stack = pack.module("nodes.bridge.rescue"), pack.stack()
    chosen = module.folder_paths.get_save_image_path(module._NAME, str(pack.output))
    monkeypatch.setattr(module.folder_paths, "get_save_image_path", lambda *_: chosen)
    monkeypatch.setattr(module, "save_new_stack", lambda stack, prefix: prefix)
    names = [re.findall(r"direct_ascent_last_good_\d+_\.png", module.rescue(stack))[0] for _ in range(2)]
    assert names[0] != names[1]
    for name in names:
        (pack.output / name).unlink()
