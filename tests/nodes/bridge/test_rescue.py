"""What is kept of an ascent that fails: images and stack under names of their own, and what is said when that fails."""

import csv
import errno
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from full_disk import refuse_writing
from loaded_pack import Pack


def test_images_and_stack_are_saved_and_named(pack: Pack, saved_stacks: Path) -> None:
    stack = pack.stack(start={"start": "noise"}, batch_size=2)
    said = pack.module("nodes.bridge").rescue(stack)
    names = re.findall(r"direct_ascent_last_good_\d+_\.png", said)
    assert len(set(names)) == 2
    for name, image in zip(names, stack.image(), strict=True):
        saved = np.asarray(Image.open(pack.output / name))
        assert (saved == (image * 255).to(torch.uint8).movedim(0, -1).numpy()).all()
        (pack.output / name).unlink()
    (file,) = re.findall(r"'(direct_ascent_last_good_\d+_\.safetensors \[output\])'", said)
    assert torch.equal(pack.run("DAS_LoadStack", file=file)[0].canvas, stack.canvas)


def test_frames_and_scores_are_saved_too(pack: Pack, saved_stacks: Path) -> None:
    _, stack, frames, history, _ = pack.optimize(frames=1, steps=3)
    said = pack.module("nodes.bridge").rescue(stack, [frame[None].movedim(-1, 1) for frame in frames], history)
    (count, first) = re.findall(
        r"Its (\d+) frames were saved as (direct_ascent_last_good_frame_\d+_\.png) and on", said
    )[0]
    # Those of other failures lie there as well, under numbers below.
    saved = [path for path in sorted(pack.output.glob("direct_ascent_last_good_frame_*.png")) if path.name >= first]
    assert int(count) == len(saved) == 3
    for path, frame in zip(saved, frames, strict=True):
        assert (np.asarray(Image.open(path)) == (frame * 255).to(torch.uint8).numpy()).all()
    (table,) = re.findall(r"Its scores were saved as (direct_ascent_last_good_\d+_\.csv)", said)
    rows = list(csv.DictReader((pack.output / table).open()))
    assert [int(row["step"]) for row in rows] == [1, 2, 3]
    (name,) = history[0].scores
    assert [float(row[name]) for row in rows] == [record.scores[name] for record in history]
    for path in [*saved, pack.output / table, *map(pack.output.joinpath, re.findall(r"direct_\w+_\d+_\.png", said))]:
        path.unlink(missing_ok=True)


def test_no_half_of_an_image_stays_where_the_disk_fills(
    pack: Pack, saved_stacks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(picture: Image.Image, path: Path, **_: Any) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(pack.output.rglob("*.p*"))
    monkeypatch.setattr(Image.Image, "save", fill)
    said = pack.module("nodes.bridge").rescue(pack.stack())
    assert re.search(r"The last good image could not be saved \(.*No space left on device", said)
    assert sorted(pack.output.rglob("*.p*")) == before


def test_failures_at_one_time_overwrite_nothing(pack: Pack, saved_stacks: Path) -> None:
    bridge, stack, together = pack.module("nodes.bridge"), pack.stack(batch_size=2), Barrier(4)

    def fail(_: int) -> str:
        together.wait()
        said: str = bridge.rescue(stack)
        return said

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(fail, range(4)))
    names = [name for text in said for name in re.findall(r"direct_ascent_last_good_\d+_\.png", text)]
    assert len(set(names)) == len(names) == 8
    for name in names:
        (pack.output / name).unlink()


def test_pictures_that_chose_the_same_numbers_are_all_kept(
    pack: Pack, saved_stacks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, stack, together = pack.module("nodes.bridge.rescue"), pack.stack(batch_size=2), Barrier(4)
    choose = module.folder_paths.get_save_image_path

    def choose_together(*arguments: Any) -> Any:
        chosen = choose(*arguments)
        together.wait(60)
        return chosen

    monkeypatch.setattr(module, "save_new_stack", lambda stack, prefix: prefix)
    monkeypatch.setattr(module.folder_paths, "get_save_image_path", choose_together)
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: module.rescue(stack), range(4)))
    names = [name for text in said for name in re.findall(r"direct_ascent_last_good_\d+_\.png", text)]
    assert len(set(names)) == len(names) == 8
    for name in names:
        assert Image.open(pack.output / name).size == (64, 64)
        (pack.output / name).unlink()


def test_a_full_disk_is_said_and_hides_nothing(pack: Pack, saved_stacks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_writing(monkeypatch, errno.ENOSPC)
    said = pack.module("nodes.bridge").rescue(pack.stack())
    assert re.search(r"Its stack could not be saved \(.*No space left on device.*\)", said)
    assert "The last good image was saved in the output folder as direct_ascent_last_good_" in said
    for left in pack.output.glob("direct_ascent_last_good_*.png"):
        left.unlink()
