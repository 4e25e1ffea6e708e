"""Stacks that are saved and loaded by nodes: under ComfyUI's folders, and nowhere else."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from loaded_pack import Pack


@pytest.fixture
def home(pack: Pack) -> Iterator[Path]:
    """The folder of stacks in ComfyUI's output folder, gone afterwards like that of the input folder."""
    yield pack.output / "stacks"
    for folder in (pack.output, pack.home / "input"):
        shutil.rmtree(folder / "stacks", ignore_errors=True)


def listed(pack: Pack) -> list[str]:
    (schema,) = pack.node("DAS_LoadStack").GET_SCHEMA().inputs
    options: list[str] = schema.options
    return options


def climb(pack: Pack, objective: Any, stack: Any, steps: int) -> Any:
    objectives = {"objective0": objective}
    return pack.optimize(stack=stack, objectives=objectives, steps=steps, schedule="constant", **MOMENTUM)[1]


MOMENTUM: dict[str, Any] = {"optimizer": {"optimizer": "sgd", "learning_rate": 1.0, "momentum": 0.9}}


def test_saved_loaded_and_continued_it_is_the_uninterrupted_ascent(pack: Pack, home: Path) -> None:
    objective = pack.objective()
    through = climb(pack, objective, pack.stack(), 4)
    (name,) = pack.run("DAS_SaveStack", stack=climb(pack, objective, pack.stack(), 2), filename_prefix="half")
    assert name == "half_00001_.safetensors [output]"
    (loaded,) = pack.run("DAS_LoadStack", file=name)
    assert torch.equal(climb(pack, objective, loaded, 2).canvas, through.canvas)


def test_every_file_gets_a_number_of_its_own_and_the_newest_stands_first(pack: Pack, home: Path) -> None:
    names = [pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="night/castle")[0] for _ in range(2)]
    assert names == [f"night/castle_0000{number}_.safetensors [output]" for number in (1, 2)]
    os.utime(home / "night" / "castle_00001_.safetensors", (1, 1))
    assert listed(pack) == names[::-1]


def test_a_file_put_into_the_input_folder_is_listed_and_loads(pack: Pack, home: Path) -> None:
    pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="mine")
    (pack.home / "input" / "stacks").mkdir(parents=True)
    shutil.move(home / "mine_00001_.safetensors", pack.home / "input" / "stacks" / "theirs.safetensors")
    assert listed(pack) == ["theirs.safetensors"]
    assert pack.run("DAS_LoadStack", file="theirs.safetensors")[0].steps == 0


def test_a_changed_file_is_loaded_again(pack: Pack, home: Path) -> None:
    (name,) = pack.run("DAS_SaveStack", stack=pack.stack())
    fingerprint = pack.node("DAS_LoadStack").fingerprint_inputs
    before = fingerprint(file=name)
    assert before == fingerprint(file=name)
    os.utime(home / "direct_ascent_00001_.safetensors", (1, 1))
    assert before != fingerprint(file=name)
    assert fingerprint(file="gone.safetensors") == 0


@pytest.mark.parametrize("prefix", ["../x", "a/../../x", "/tmp/x", "", " ", ".", "a/..", "a/", "..", "\0", "a\0b"])
def test_a_prefix_that_leaves_the_folder_is_refused(pack: Pack, home: Path, prefix: str) -> None:
    before = sorted(pack.home.rglob("*"))
    with pytest.raises(ValueError, match=r"filename_prefix .* leaves the folder .*stacks.*'castle'"):
        pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix=prefix)
    assert sorted(pack.home.rglob("*")) == before


def test_a_link_that_leads_out_of_the_folder_is_not_followed(pack: Pack, home: Path, tmp_path: Path) -> None:
    (name,) = pack.run("DAS_SaveStack", stack=pack.stack())
    shutil.copy(home / "direct_ascent_00001_.safetensors", tmp_path / "outside.safetensors")
    (home / "link.safetensors").symlink_to(tmp_path / "outside.safetensors")
    (home / "out").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ValueError, match=r"no stack file 'link.safetensors "):
        pack.run("DAS_LoadStack", file="link.safetensors [output]")
    with pytest.raises(ValueError, match="leaves the folder"):
        pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix="out/x")
    assert pack.run("DAS_LoadStack", file=name)[0].steps == 0


@pytest.mark.parametrize(
    "name",
    ["gone.safetensors", "gone.safetensors [output]", "../secret.safetensors", "/etc/passwd", "", " [output]"],
)
def test_a_name_that_is_not_in_the_list_is_refused(pack: Pack, home: Path, name: str) -> None:
    pack.run("DAS_SaveStack", stack=pack.stack())
    shutil.copy(home / "direct_ascent_00001_.safetensors", pack.output / "secret.safetensors")
    with pytest.raises(ValueError, match=r"no stack file .* lies in .*stacks.*Save Stack"):
        pack.run("DAS_LoadStack", file=name)
    (pack.output / "secret.safetensors").unlink()


def test_a_damaged_file_is_named(pack: Pack, home: Path) -> None:
    (name,) = pack.run("DAS_SaveStack", stack=pack.stack())
    file = home / "direct_ascent_00001_.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"'direct_ascent_00001_.safetensors' is damaged.*get it again"):
        pack.run("DAS_LoadStack", file=name)


def test_a_file_that_does_not_fit_into_memory_is_refused(
    pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.model_management

    (name,) = pack.run("DAS_SaveStack", stack=pack.stack())
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: 1000)
    with pytest.raises(ValueError, match=r"the stack file '.*' needs about .* are free: "):
        pack.run("DAS_LoadStack", file=name)
