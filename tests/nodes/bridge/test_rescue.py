"""What is kept of an ascent that fails: images and stack under names of their own, and what is said when that fails."""

import csv
import errno
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from full_disk import fill_disk, refuse_writing
from loaded_pack import Pack


def test_images_stack_frames_and_scores_are_saved_and_named(pack: Pack, saved_stacks: Path) -> None:
    _, stack, frames, history, _ = pack.optimize(stack=pack.stack(batch_size=2), frames=1, steps=3)
    said = pack.module("nodes.bridge").rescue(stack, [frame[None].movedim(-1, 1) for frame in frames], history)
    names = re.findall(r"direct_ascent_last_good_\d+_\.png", said)
    ((count, first),) = re.findall(r"Its (\d+) frames were saved as (direct_ascent_last_good_frame_\d+_\.png)", said)
    # Those of other failures lie there as well, under numbers below.
    saved = [path for path in sorted(pack.output.glob("direct_ascent_last_good_frame_*.png")) if path.name >= first]
    assert (len(names), int(count), len(saved)) == (2, 6, 6)
    shown = [*stack.image().movedim(1, -1), *frames]
    for path, image in zip([*(pack.output / name for name in names), *saved], shown, strict=True):
        assert (np.asarray(Image.open(path)) == (image * 255).to(torch.uint8).numpy()).all()
        path.unlink()
    (file,) = re.findall(r"'(direct_ascent_last_good_\d+_\.safetensors \[output\])'", said)
    assert torch.equal(pack.run("DAS_LoadStack", file=file)[0].canvas, stack.canvas)
    (table,) = re.findall(r"Its scores were saved as (direct_ascent_last_good_\d+_\.csv)", said)
    rows = list(csv.DictReader((pack.output / table).open()))
    assert [int(row["step"]) for row in rows] == [1, 2, 3]
    assert [float(row["class 0"]) for row in rows] == [record.scores["class 0"] for record in history]
    (pack.output / table).unlink()


def test_a_full_disk_is_said_hides_nothing_and_leaves_no_half_of_a_file(
    pack: Pack, saved_stacks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_number_that_another_process_takes_meanwhile_is_left_to_it(
    pack: Pack, saved_stacks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, stack = pack.module("nodes.bridge.rescue"), pack.stack()
    chosen = module.folder_paths.get_save_image_path(module._NAME, str(pack.output))
    monkeypatch.setattr(module.folder_paths, "get_save_image_path", lambda *_: chosen)
    monkeypatch.setattr(module, "save_new_stack", lambda stack, prefix: prefix)
    names = [re.findall(r"direct_ascent_last_good_\d+_\.png", module.rescue(stack))[0] for _ in range(2)]
    assert names[0] != names[1]
    for name in names:
        (pack.output / name).unlink()
