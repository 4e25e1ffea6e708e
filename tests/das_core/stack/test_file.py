import hashlib
import json
import math
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.file import StackFileError, load_stack, save_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.parametrizations import OperatorForm
from das_core.stack.spec import StackSpec
from das_core.stack.start import Surroundings
from das_core.stack.state import OptimizerState
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from das_core.views.windows import Windows
from full_disk import fill_disk
from stops import assert_ends_anywhere
from toys import SPEC, VIEWS, climb


@pytest.fixture(scope="module")
def small() -> ImageStack:
    """A small stack with everything that one can hold."""
    spec = StackSpec(16, 16, 2, levels=(1, 4, 20), method="layers")
    narrow = replace(VIEWS, windows=Windows(2))
    return climb(ImageStack.noise(spec), steps=2, optimizer=SGD(1.0, 0.9), augmentation=narrow).stack


@pytest.fixture
def file(tmp_path: Path, small: ImageStack) -> Path:
    """The small stack in a file."""
    path = tmp_path / "small.safetensors"
    save_stack(small, path)
    return path


def tensors_of(stack: ImageStack) -> list[Tensor]:
    around = stack.surroundings
    held = [] if around is None else [around.pixels, around.mask]
    return [stack.start, stack.canvas, *held, *(stack.optimizer_state.tensors if stack.optimizer_state else ())]


def assert_same(one: ImageStack, other: ImageStack) -> None:
    assert (one.spec, one.steps) == (other.spec, other.steps)
    assert hash(one.spec) == hash(other.spec)
    states = [part and (part.kind, part.steps) for part in (one.optimizer_state, other.optimizer_state)]
    assert states[0] == states[1]
    for part, same in zip(tensors_of(one), tensors_of(other), strict=True):
        assert torch.equal(part, same)


@each_case(
    ("time", "method", "optimizer"),
    *product([None], ["spectral", "layers"], [NormalizedAscent(0.05, 0.0, 0.0), SGD(0.5, 0.9), Adam()]),
    *product([Time(5, loop=True)], ["spectral", "layers"], [NormalizedAscent(0.05, 0.0, 0.0), SGD(0.05, 0.9)]),
)
def test_save_load_continue_is_an_uninterrupted_ascent_bit_for_bit(
    time: Time | None, method: OperatorForm, optimizer: Optimizer, tmp_path: Path
) -> None:
    start = ImageStack.noise(replace(SPEC, method=method, time=time), 1 if time else 2)
    if time is None:
        mask = torch.zeros(2, 32, 32)
        mask[:, 8:24, 4:20] = 1
        start = start.place_into(torch.rand(1, 3, 32, 32), mask, 2)
    settings: dict[str, Any] = {"optimizer": optimizer, "schedule": "constant"}
    settings |= {"focus": None, "denoising": Denoising(strength=0.05, end=0.05)}
    through = climb(start, steps=3, **settings)
    path = str(tmp_path / "half.safetensors")
    save_stack(climb(start, steps=1, **settings).stack, path)
    rest = climb(load_stack(path), steps=2, **settings)
    assert torch.equal(rest.image, through.image)
    assert_same(rest.stack, through.stack)


@each_case(
    "fields",
    {"width": np.int64(32), "height": np.int32(24), "margin": 0, "tile": 1},
    {"margin": 8, "time": {"frames": np.int8(3), "loop": np.True_}},
    {"margin": 8, "levels": np.array([5, 1]), "frozen": [[1, np.uint8(4)]] * 9, "zoom": {"depths": 2, "factor": 2}},
    {"margin": np.uint64(4), "color": np.str_("rgb"), "parametrization": "fourier", "method": "layers"},
)
def test_settings_of_other_types_are_saved_and_loaded_as_they_were(fields: dict[str, Any], tmp_path: Path) -> None:
    made = {name: kind(**fields[name]) for name, kind in (("time", Time), ("zoom", Zoom)) if name in fields}
    spec = StackSpec(**{"width": 32, "height": 32} | fields | made)
    count: Any = np.int64(3)
    state = OptimizerState("sgd", (torch.ones(2),), count)
    stack = replace(ImageStack.gray(spec), steps=count, optimizer_state=state)
    save_stack(stack, tmp_path / "made.safetensors")
    assert_same(load_stack(tmp_path / "made.safetensors"), stack)


def test_what_cannot_be_read_is_not_written(small: ImageStack, tmp_path: Path) -> None:
    bad = replace(small, surroundings=Surroundings(torch.ones(1, 3, 20, 20), -torch.ones(1, 1, 20, 20)))
    with pytest.raises(ValueError, match=r"^the stack cannot be saved: it holds values in surroundings.1 outside 0"):
        save_stack(bad, tmp_path / "bad.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_whole_or_not_at_all_and_nothing_is_left_beside_it(file: Path, small: ImageStack) -> None:
    before = file.read_bytes()
    assert len(before) < sum(4 * tensor.numel() for tensor in tensors_of(small)) + 2048
    with fill_disk(50), pytest.raises(OSError, match="File too large"):
        save_stack(replace(small, steps=9), file)
    with pytest.raises(FileExistsError):
        save_stack(replace(small, steps=9), file, replace=False)
    assert file.read_bytes() == before
    save_stack(replace(small, steps=9), file)
    assert load_stack(file).steps == 9
    assert list(file.parent.iterdir()) == [file]
    (other := file.with_suffix(".txt")).touch()
    assert file.stat().st_mode == other.stat().st_mode


def test_a_flipped_bit_of_the_values_or_the_settings_is_refused(file: Path) -> None:
    content = file.read_bytes()
    for place in (len(content) - 1, content.index(b"steps") + 10):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ValueError, match=r"the stack file 'small.safetensors' .*choose"):
            load_stack(file)


def seal(path: Path, tensors: dict[str, Tensor], **changes: str) -> Path:
    """Write a file whose hash is right, whatever it says: that at `path` with other tensors and metadata."""
    with safe_open(path, "pt") as content:
        metadata = content.metadata() | changes
    shapes = {name: (str(tensor.dtype), tuple(tensor.shape)) for name, tensor in sorted(tensors.items())}
    hashed = json.dumps([metadata["stack"], shapes]).encode() + b"".join(tensors[n].numpy().tobytes() for n in shapes)
    save_file(tensors, path, metadata | {"sha256": hashlib.sha256(hashed).hexdigest()})
    return path


def test_a_file_that_is_not_there_or_a_folder_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.safetensors", tmp_path):
        with pytest.raises(ValueError, match=rf"'{path.name}' cannot be read"):
            load_stack(path)


def around(pixels: float, mask: float, channels: int = 1) -> dict[str, Tensor]:
    shape = (20, 20)
    return {
        "surroundings.0": torch.full((1, 3, *shape), pixels),
        "surroundings.1": torch.full((1, channels, *shape), mask),
    }


@each_case(
    ("says", "changes", "spec"),
    (r"KeyError.'canvas'", {"canvas": None}, {}),
    (r"KeyError.'surroundings.0'", {"surroundings.1": torch.zeros(1, 1, 20, 20)}, {}),
    (r"the start is torch.float32 of shape \(2, 3, 20, 20\); give", {"start": torch.zeros(2, 3, 20, 20)}, {}),
    (r"a canvas of shape \(\) has no image", {"canvas": torch.zeros(())}, {}),
    (r"a canvas of shape \(0, .* has no image", dict.fromkeys(("canvas", "start"), torch.zeros(0, 3, 20, 20)), {}),
    (r"the start is torch.float16", {"start": torch.zeros(1, 3, 20, 20).half()}, {}),
    (r"it holds values in canvas that are NaN", {"canvas": torch.full((1, 3, 20, 20), math.nan)}, {}),
    (r"the tensors \['extra'\] are missing or belong to no stack", {"extra": torch.zeros(1)}, {}),
    (r"it holds values in optimizer.0 that are NaN", {"optimizer.0": torch.full((1,), math.inf)}, {}),
    (r"the mask .* is torch.float32", around(0.0, 0.0, 3), {}),
    (r"it holds values in surroundings\.0 outside 0\.\.1", around(1.5, 0.5), {}),
    (r"it holds values in surroundings\.1 outside 0\.\.1", around(0.5, -0.1), {}),
    (r"width '16' is not a whole number", {}, {"width": "16"}),
    (r"width 1099511627776 is not a whole number", {}, {"width": 2**40}),
    (r"TypeError.*Time", {}, {"time": 3}),
    (r"1 images are no film of 3 frames", {}, {"time": {"frames": 3}}),
    (r"300000 frozen bands are more than the 20 resolutions", {}, {"frozen": [[1, 2]] * 300_000}),
    ("Exceeds the limit", {}, {"margin": "HUGE"}),
)
def test_content_that_is_no_stack_is_an_error_that_names_the_file(
    says: str, changes: dict[str, Tensor | None], spec: dict[str, Any], small: ImageStack, tmp_path: Path
) -> None:
    file = tmp_path / "small.safetensors"
    save_stack(small, file)
    with safe_open(file, "pt") as content:
        described = json.loads(content.metadata()["stack"])
    described["spec"] |= spec
    tensors = {name: tensor for name, tensor in {**load_file(file), **changes}.items() if tensor is not None}
    # A number of thousands of digits, which JSON refuses.
    seal(file, tensors, stack=json.dumps(described).replace('"HUGE"', "9" * 5000))
    with pytest.raises(StackFileError, match=rf"the stack file 'small.safetensors' does not .* \({says}") as refused:
        load_stack(file)
    assert len(str(refused.value)) < 400


def test_a_file_of_another_version_is_refused(file: Path) -> None:
    with pytest.raises(StackFileError, match=r"is of version 2, and this pack reads version 1: update the pack"):
        load_stack(seal(file, load_file(file), version="2"))


def test_a_large_file_is_hashed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, path = ImageStack.noise(StackSpec(32, 32, 8)), tmp_path / "noise.safetensors"
    save_stack(stack, path)
    monkeypatch.setattr("das_core.stack.file._AT_ONCE", 1000)
    assert assert_ends_anywhere(lambda: save_stack(stack, path)) > 10
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    assert assert_ends_anywhere(lambda: load_stack(path)) > 10
    assert torch.equal(load_stack(path).canvas, stack.canvas)
