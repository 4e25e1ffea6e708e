import dataclasses
import hashlib
import json
import math
import random
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.file import FORMAT, VERSION, StackFileError, load_stack, save_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.parametrizations import OperatorForm
from das_core.stack.spec import StackSpec
from das_core.stack.state import OptimizerState
from das_core.stack.surroundings import Surroundings
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from full_disk import fill_disk
from stops import assert_ends_anywhere
from toys import SPEC, climb


def tensors_of(stack: ImageStack) -> list[Tensor]:
    momentum = stack.optimizer_state.tensors if stack.optimizer_state else ()
    around = stack.surroundings
    kept = () if around is None else (around.pixels, around.mask)
    return [stack.start, stack.canvas, *(stack.parameters.tensors if stack.parameters else ()), *momentum, *kept]


def assert_same(one: ImageStack, other: ImageStack) -> None:
    assert (one.spec, one.steps) == (other.spec, other.steps)
    assert (one.parameters is None, one.optimizer_state is None) == (
        other.parameters is None,
        other.optimizer_state is None,
    )
    if one.optimizer_state is not None:
        assert (one.optimizer_state.kind, one.optimizer_state.steps) == (
            other.optimizer_state.kind,
            other.optimizer_state.steps,
        )
    for part, same in zip(tensors_of(one), tensors_of(other), strict=True):
        assert torch.equal(part, same)


@each_case("kind", [Path, str])
@each_case(
    ("spec", "batch"),
    [
        (SPEC, 2),
        (StackSpec(16, 16, 0, tile=True), 1),
    ],
)
def test_a_stack_that_has_not_climbed_is_loaded_as_it_was_saved(
    spec: StackSpec, batch: int, kind: Callable[[Path], Path | str], tmp_path: Path
) -> None:
    path = kind(tmp_path / "new.safetensors")
    for stack in (ImageStack.noise(spec, batch), ImageStack.gray(spec, batch)):
        save_stack(stack, path)
        loaded = load_stack(path)
        assert_same(loaded, stack)
        assert loaded.spec.tile is stack.spec.tile


def test_the_surroundings_of_a_part_go_along(tmp_path: Path) -> None:
    steady: dict[str, Any] = {"optimizer": NormalizedAscent(coarse_to_fine=0.0, tilt=0.0), "schedule": "constant"}
    steady |= {"focus": None, "denoising": Denoising(strength=0.05, end=0.05)}
    mask = torch.zeros(2, 32, 32)
    mask[:, 8:24, 4:20] = 1
    part = ImageStack.gray(SPEC).place_into(torch.rand(1, 3, 32, 32), mask, 2)
    through = climb(part, steps=4, **steady)
    save_stack(climb(part, steps=2, **steady).stack, tmp_path / "part.safetensors")
    loaded = load_stack(tmp_path / "part.safetensors")
    assert loaded.batch == 2
    again = climb(loaded, steps=2, **steady)
    assert_same(again.stack, through.stack)
    assert torch.equal(again.image, through.image)


@pytest.fixture
def file(tmp_path: Path, small: ImageStack) -> Path:
    """The small stack in a file."""
    path = tmp_path / "small.safetensors"
    save_stack(small, path)
    return path


@each_case(
    ("time", "method", "optimizer"),
    [
        *product(
            [None],
            ["spectral", "layers"],
            [NormalizedAscent(0.05, 0.5, 0.0, 0.0), NormalizedAscent(0.05, 0, 0, 0), SGD(0.5, 0.9), Adam()],
        ),
        *product(
            [Time(5, loop=True)],
            ["spectral"],
            [NormalizedAscent(0.05, 0.5, 0.0, 0.0), SGD(0.05, 0.9)],
        ),
    ],
)
def test_save_load_continue_is_an_uninterrupted_ascent_bit_for_bit(
    time: Time | None, method: OperatorForm, optimizer: Optimizer, tmp_path: Path
) -> None:
    start = ImageStack.noise(replace(SPEC, method=method, time=time), 1 if time else 2)
    settings: dict[str, Any] = {"optimizer": optimizer, "schedule": "constant"}
    settings |= {"focus": None, "denoising": Denoising(strength=0.05, end=0.05)}
    through = climb(start, steps=5, **settings)
    save_stack(climb(start, steps=2, **settings).stack, tmp_path / "half.safetensors")
    rest = climb(load_stack(tmp_path / "half.safetensors"), steps=3, **settings)
    assert torch.equal(rest.image, through.image)
    assert_same(rest.stack, through.stack)


NUMBERS: list[Any] = [True, False, np.True_, None, "20", 20.0, 2.5, math.nan, math.inf, -1, 0, 2**40, 10**400, 10**5000]
NUMBERS += [np.int64(20), np.uint8(20), np.float32(1.5), Fraction(3, 2), Decimal(1), torch.tensor(4), b"4", object()]
ODD = st.sampled_from([*NUMBERS, [], (1, 4), {}, {"frames": 3}, "rgb", Time(2), Zoom(2), np.zeros((2, 2))])
"""What no setting should be given, and numbers of other types."""


def often(valid: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of a setting: mostly valid ones, and odd ones."""
    return st.integers(0, 9).flatmap(lambda number: ODD if number == 0 else valid)


def wholes(least: int, most: int) -> st.SearchStrategy[Any]:
    made = st.integers(least, most)
    return often(made | made.map(np.int16) | made.map(np.uint64))


def lists(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    made = st.lists(of, min_size=1, max_size=3)
    return often(made | made.map(tuple) | made.map(iter) | st.lists(st.integers(1, 9), min_size=1).map(np.array))


switches = often(st.booleans() | st.sampled_from([0, 1, np.True_, np.False_]))
times = st.fixed_dictionaries({"frames": wholes(1, 4)}, optional={"loop": switches})
zooms = st.fixed_dictionaries(
    {"depths": wholes(2, 3)},
    optional={"factor": often(st.floats(2, 8) | st.integers(3, 8)), "loop": switches, "between": wholes(0, 3)},
)
specs = st.fixed_dictionaries(
    {"width": wholes(16, 24), "height": wholes(16, 24), "margin": wholes(4, 6) | st.just(0)},
    optional={
        "levels": lists(wholes(1, 20)),
        "color": often(st.sampled_from(["rgb", "decorrelated", np.str_("rgb")])),
        "method": often(st.sampled_from(["spectral", "layers"])),
        "tile": switches,
        "frozen": often(st.lists(st.tuples(wholes(1, 5), wholes(5, 30)) | st.just([1, 4]), max_size=2)),
        "parametrization": often(st.sampled_from(["pyramid", "pixels", "fourier", "maco"])),
    },
)


def case(
    fields: dict[str, Any], time: Any = None, zoom: Any = None, steps: Any = 0, state: Any = None
) -> dict[str, Any]:
    return {"fields": fields, "time": time, "zoom": zoom, "steps": steps, "state": state}


def try_to_make(fields: dict[str, Any], time: Any, zoom: Any, steps: Any, state: Any) -> ImageStack | str:
    """Return the stack, or the message with which one of the constructors refuses it."""
    try:
        if time is not None:
            fields = fields | {"time": Time(**time)}
        if zoom is not None:
            fields = fields | {"zoom": Zoom(**zoom)}
        optimizer = None if state is None else OptimizerState("sgd", (torch.ones(2),), state)
        return replace(ImageStack.gray(StackSpec(**fields)), steps=steps, optimizer_state=optimizer)
    except ValueError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(fields=specs, time=st.none() | times, zoom=st.none() | zooms, steps=wholes(0, 9), state=st.none() | wholes(0, 9))
@example(**case({"width": np.int64(32), "height": np.int32(24), "margin": 0, "tile": 1}, steps=np.int64(3)))
@example(**case({"width": 32, "height": 32, "margin": True}))
@example(**case({"width": 32, "height": 32, "margin": 8}, time={"frames": np.int8(3), "loop": 1}, state=np.int8(1)))
@example(**case({"width": 32, "height": 32, "margin": 8, "frozen": [[1, 4]] * 50}, zoom={"depths": 2, "factor": 2}))
def test_a_stack_that_can_be_made_is_saved_and_loaded_as_it_was(
    fields: dict[str, Any], time: Any, zoom: Any, steps: Any, state: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = try_to_make(fields, time, zoom, steps, state)
    if isinstance(stack, str):
        assert 20 < len(stack) < 400
        return
    path = tmp_path_factory.getbasetemp() / "made.safetensors"
    save_stack(stack, path)
    assert_same(load_stack(path), stack)
    assert hash(stack.spec) == hash(load_stack(path).spec)


@each_case(
    ("says", "changes"),
    [
        (r"holds values in canvas that are NaN", {"canvas": torch.full((1, 3, 20, 20), math.nan)}),
        (
            r"holds values in optimizer.0 that are NaN",
            {"optimizer_state": OptimizerState("a", (torch.tensor(math.inf),))},
        ),
        (
            r"holds values in surroundings.1 outside 0",
            {"surroundings": Surroundings(torch.ones(1, 3, 20, 20), -torch.ones(1, 1, 20, 20))},
        ),
    ],
)
def test_what_cannot_be_read_is_not_written(
    says: str, changes: dict[str, Any], small: ImageStack, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"^the stack cannot be saved: it {says}"):
        save_stack(replace(small, **changes), tmp_path / "bad.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_whole_or_not_at_all_and_nothing_is_left_beside_it(file: Path, small: ImageStack) -> None:
    before = file.read_bytes()
    with fill_disk(50), pytest.raises(OSError, match="File too large"):
        save_stack(replace(small, steps=9), file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    save_stack(replace(small, steps=9), file)
    assert load_stack(file).steps == 9
    assert list(file.parent.iterdir()) == [file]
    (other := file.with_suffix(".txt")).touch()
    assert file.stat().st_mode == other.stat().st_mode


Mutation = Callable[[bytearray, random.Random], bytes]


def flipped(content: bytearray, draw: random.Random) -> bytes:
    for _ in range(draw.choice((1, 1, 2, 8))):
        # Half of them in the header, which is a small part of the file.
        end = len(content) if draw.random() < 0.5 else 8 + int.from_bytes(content[:8], "little")
        content[draw.randrange(min(end, len(content)))] ^= 1 << draw.randrange(8)
    return bytes(content)


def overwritten(content: bytearray, draw: random.Random) -> bytes:
    begin = draw.randrange(len(content))
    length = draw.randrange(1, 64)
    content[begin : begin + length] = draw.randbytes(len(content[begin : begin + length]))
    return bytes(content)


def foreign(content: bytearray, draw: random.Random) -> bytes:
    other = save({"canvas": torch.rand(1, 3, 20, 20), "start": torch.rand(1, 3, 20, 20)}, {"format": "pt"})
    picture = b"\x89PNG\r\n\x1a\n" + draw.randbytes(draw.randrange(200))
    text = json.dumps({"format": FORMAT, "version": VERSION}).encode()
    return draw.choice([other, picture, text, draw.randbytes(draw.randrange(4096)), bytes(draw.randrange(64))])


MUTATIONS: dict[str, Mutation] = {
    "bits flipped": flipped,
    "overwritten": overwritten,
    "cut": lambda content, draw: bytes(content[: draw.randrange(len(content))]),
    "longer": lambda content, draw: bytes(content) + draw.randbytes(draw.randrange(1, 99)),
    "foreign": foreign,
}


@each_case("mutation", list(MUTATIONS))
def test_a_good_file_that_was_mutated_is_an_error_that_names_it(
    mutation: str, small: ImageStack, tmp_path: Path
) -> None:
    """Five kinds, two hundred of each: a thousand files."""
    file = tmp_path / "small.safetensors"
    save_stack(small, file)
    assert_same(load_stack(file), small)
    content = file.read_bytes()
    draw = random.Random(mutation)
    for _ in range(200):
        changed = MUTATIONS[mutation](bytearray(content), draw)
        if changed == content:
            continue
        file.write_bytes(changed)
        with pytest.raises(ValueError, match=r"the stack file 'small.safetensors' .*choose"):
            load_stack(file)


def sealed(path: Path, tensors: dict[str, Tensor], **metadata: str) -> Path:
    """A file whose hash is right, whatever it says."""
    shapes = {name: (str(tensor.dtype), tuple(tensor.shape)) for name, tensor in sorted(tensors.items())}
    content = json.dumps([metadata["stack"], shapes]).encode()
    content += b"".join(tensors[name].numpy().tobytes() for name in shapes)
    save_file(tensors, path, metadata | {"sha256": hashlib.sha256(content).hexdigest()})
    return path


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as content:
        metadata: dict[str, str] = content.metadata()
    return metadata


def test_a_file_that_is_not_there_or_a_folder_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.safetensors", tmp_path):
        with pytest.raises(ValueError, match=rf"'{path.name}' cannot be read"):
            load_stack(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [(), ("spec",), ("steps",), ("optimizer",), ("optimizer", "kind"), ("optimizer", "steps")]
FIELDS += [("spec", field.name) for field in dataclasses.fields(StackSpec)] + [("spec", "new")]


@settings(max_examples=150, deadline=None)
@given(field=st.sampled_from(FIELDS), value=json_values)
def test_a_file_with_any_description_loads_or_is_an_error_that_names_it(
    field: tuple[str, ...], value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("described") / "described.safetensors"
    save_stack(ImageStack.gray(StackSpec(16, 16, 2, levels=(1, 20))), path)
    metadata = metadata_of(path)
    description: Any = json.loads(metadata["stack"]) | {"optimizer": {"kind": "sgd", "steps": 1}}
    inner = description
    for name in field[:-1]:
        inner = inner[name]
    if field:
        inner[field[-1]] = value
    else:
        description = value
    tensors = load_file(path) | {"optimizer.0": torch.zeros(1)}
    sealed(path, tensors, **metadata | {"stack": json.dumps(description)})
    message, stack = "", None
    try:
        stack = load_stack(path)
    except ValueError as error:
        message = str(error)
    if stack is None:
        assert message.startswith("the stack file 'described.safetensors' ")
    else:
        assert stack.image().shape == (1, 3, 16, 16)


def test_a_number_of_thousands_of_digits_is_an_error_that_names_the_file(file: Path) -> None:
    metadata = metadata_of(file)
    described = re.sub(r'"steps": \d+', f'"steps": {"9" * 5000}', metadata["stack"], count=1)
    assert described != metadata["stack"]
    with pytest.raises(StackFileError, match=r"'small.safetensors' does not describe a stack") as error:
        load_stack(sealed(file, load_file(file), **metadata | {"stack": described}))
    assert len(str(error.value)) < 400


def black(pixels: float, mask: float) -> dict[str, Tensor]:
    return {
        "surroundings.0": torch.full((1, 3, 20, 20), pixels),
        "surroundings.1": torch.full((1, 1, 20, 20), mask),
    }


@each_case(
    ("says", "changes", "spec"),
    [
        (r"KeyError.'canvas'", {"canvas": None}, {}),
        (r"KeyError.'surroundings.0'", {"surroundings.1": torch.zeros(1, 1, 20, 20)}, {}),
        (r"the start is torch.float32 of shape \(2, 3, 20, 20\); give", {"start": torch.zeros(2, 3, 20, 20)}, {}),
        (r"the canvas is torch.float32 of shape \(1, 3, 20, 21\)", {"canvas": torch.zeros(1, 3, 20, 21)}, {}),
        (r"a canvas of shape \(\) has no image", {"canvas": torch.zeros(())}, {}),
        (r"a canvas of shape \(0, .* has no image", dict.fromkeys(("canvas", "start"), torch.zeros(0, 3, 20, 20)), {}),
        (r"the start is torch.float16", {"start": torch.zeros(1, 3, 20, 20).half()}, {}),
        (r"it holds values in canvas that are NaN", {"canvas": torch.full((1, 3, 20, 20), math.nan)}, {}),
        (r"the tensors \['extra'\] are missing or belong to no stack", {"extra": torch.zeros(1)}, {}),
        (r"tensor 1 of the parameters is", {"parameters.1": torch.zeros(1, 3, 5, 5)}, {}),
        (
            r"LevelTensors of 2 tensors are no parameters of this stack",
            {"parameters.2": None},
            {},
        ),
        (r"it holds values in optimizer.0 that are NaN", {"optimizer.0": torch.full((1,), math.inf)}, {}),
        (r"the mask .* is torch.float32", black(0.0, 0.0) | {"surroundings.1": torch.zeros(1, 3, 20, 20)}, {}),
        (r"it holds values in surroundings\.0 outside 0\.\.1", black(1.5, 0.5), {}),
        (r"it holds values in surroundings\.1 outside 0\.\.1", black(0.5, -0.1), {}),
        (r"width 16 is no whole number of pixels", {}, {"width": "16"}),
        (r"a canvas of 1099511627780 x 20", {}, {"width": 2**40}),
        (r"TypeError.*Time", {}, {"time": 3}),
        (r"1 images are no film of 3 frames", {}, {"time": {"frames": 3}, "method": "spectral"}),
        (r"300000 frozen bands are more than the 20 resolutions", {}, {"frozen": [[1, 2]] * 300_000}),
    ],
)
def test_content_that_is_no_stack_is_an_error_that_names_the_file(
    says: str, changes: dict[str, Tensor | None], spec: dict[str, Any], small: ImageStack, tmp_path: Path
) -> None:
    file = tmp_path / "small.safetensors"
    save_stack(small, file)
    metadata, tensors = metadata_of(file), {**load_file(file), **changes}
    description = json.loads(metadata["stack"])
    description["spec"] |= spec
    metadata["stack"] = json.dumps(description)
    sealed(file, {name: tensor for name, tensor in tensors.items() if tensor is not None}, **metadata)
    with pytest.raises(StackFileError, match=rf"the stack file 'small.safetensors' does not .* \({says}") as refused:
        load_stack(file)
    assert len(str(refused.value)) < 400


def test_a_file_of_another_version_is_refused(file: Path) -> None:
    with pytest.raises(StackFileError, match=r"is of version 2, and this pack reads version 1: update the pack"):
        load_stack(sealed(file, load_file(file), **metadata_of(file) | {"version": "2"}))


def test_a_file_is_no_larger_than_its_tensors_need(file: Path, small: ImageStack) -> None:
    needed = sum(4 * tensor.numel() for tensor in tensors_of(small))
    assert needed <= file.stat().st_size < needed + 2048


def test_a_large_file_is_hashed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, path = ImageStack.noise(StackSpec(32, 32, 8)), tmp_path / "noise.safetensors"
    save_stack(stack, path)
    monkeypatch.setattr("das_core.stack.file._AT_ONCE", 1000)
    assert assert_ends_anywhere(lambda: save_stack(stack, path)) > 10
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    assert assert_ends_anywhere(lambda: load_stack(path)) > 10
    assert torch.equal(load_stack(path).canvas, stack.canvas)
