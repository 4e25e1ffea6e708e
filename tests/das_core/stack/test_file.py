import hashlib
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.file import FORMAT, VERSION, StackFileError, load_stack, save_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.operator_forms import OperatorForm
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from das_core.views.windows import Windows
from full_disk import fill_disk
from stops import assert_ends_anywhere
from toys import SPEC, VIEWS, climb

SAVED = Path(__file__).parent / "stack_version_1.safetensors"
"""Written by version 1; what people have saved has to load for ever."""


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
        (StackSpec(16, 16, 4), 1),
        (StackSpec(16, 16, 0, tile=True), 1),
        (StackSpec(16, 16, 0, tile=False), 1),
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
            ["spectral", "exact", "layers"],
            [NormalizedAscent(0.05, 0.5, 0.0, 0.0), NormalizedAscent(0.05, 0, 0, 0), SGD(0.5, 0.9), Adam()],
        ),
        *product(
            [Time(5, loop=True)],
            ["spectral", "exact"],
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


def test_a_file_of_version_1_loads_and_climbs_on() -> None:
    stack = load_stack(SAVED)
    assert stack.spec == StackSpec(16, 20, 2, levels=(1, 4, 24), gains=(1.0, 0.7, 1 / 3))
    assert (stack.steps, stack.batch) == (3, 2)
    assert stack.optimizer_state is not None
    assert stack.optimizer_state.kind == "sgd"
    assert stack.parameters is not None
    assert stack.image()[1, :, 3, 5].tolist() == pytest.approx(PIXEL, abs=1e-6)
    assert climb(stack, steps=1, augmentation=replace(VIEWS, windows=Windows(2))).stack.steps == 4


PIXEL = [0.0521637, 0.0562958, 0.0627936]


@each_case(
    ("version", "spec"),
    [
        ("1", SPEC),
        ("2", StackSpec(32, 32, 8, levels=(1, 20), time=Time(3, (1, 3), loop=True))),
        ("3", StackSpec(32, 32, 8, levels=(1, 20), zoom=Zoom(2))),
    ],
)
def test_files_of_older_versions_with_their_names_of_the_parts_load(
    version: str, spec: StackSpec, tmp_path: Path
) -> None:
    path = tmp_path / "old.safetensors"
    stack = climb(ImageStack.noise(spec, 1 if spec.time else 2), steps=2, optimizer=SGD(0.5, 0.9), focus=None)
    save_stack(stack.stack, path)
    assert metadata_of(path)["version"] == str(VERSION) == "4"
    description = json.loads(metadata_of(path)["stack"])
    assert ("time" in description["spec"], "zoom" in description["spec"]) == (version == "2", version == "3")
    description["momentum"] = description.pop("optimizer")
    tensors = {
        name.replace("parameters", "drive").replace("optimizer", "momentum"): tensor
        for name, tensor in load_file(path).items()
    }
    assert tensors.keys() == {"start", "canvas", "drive.0", "momentum.0"}
    sealed(path, tensors, **metadata_of(path) | {"version": version, "stack": json.dumps(description)})
    assert_same(load_stack(path), stack.stack)


def test_a_file_is_replaced_whole_or_not_at_all_and_nothing_is_left_beside_it(file: Path, small: ImageStack) -> None:
    before = file.read_bytes()
    with fill_disk(50), pytest.raises(OSError, match="File too large"):
        save_stack(replace(small, steps=9), file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    save_stack(replace(small, steps=9), file)
    assert load_stack(file).steps == 9
    assert list(file.parent.iterdir()) == [file]


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
    content = save(tensors, metadata | {"sha256": "0" * 64})
    seal = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(content.replace(b"0" * 64, seal, 1))
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
SPEC_NAMES = ("width", "height", "margin", "levels", "gains", "color", "method", "tile", "frozen", "time", "new")
FIELDS += [("spec", name) for name in SPEC_NAMES]


@settings(max_examples=150, deadline=None)
@given(field=st.sampled_from(FIELDS), value=json_values, version=st.sampled_from(["1", str(VERSION)]))
def test_a_file_with_any_description_loads_or_is_an_error_that_names_it(
    field: tuple[str, ...], value: Any, version: str, tmp_path_factory: pytest.TempPathFactory
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
    sealed(path, tensors, **metadata | {"stack": json.dumps(description), "version": version})
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


@each_case(
    ("says", "changes", "metadata"),
    [
        (r"is of version '5', .* up to version 4: update the pack", {}, {"version": "5"}),
        (r"does not describe a stack .KeyError.'canvas'", {"canvas": None}, {}),
        (
            r"does not describe a stack .KeyError.'surroundings.pixels'",
            {"surroundings.mask": torch.zeros(1, 1, 20, 20)},
            {},
        ),
        (r"holds parameters.1 as", {"parameters.1": torch.zeros(1, 3, 5, 5)}, {}),
        (
            r"holds one part under its old and its new name; choose another file",
            {"drive.0": torch.zeros(1, 3, 20, 20), "parameters.0": torch.zeros(1, 3, 20, 20)},
            {"version": "1"},
        ),
    ],
)
def test_content_that_is_no_stack_of_a_known_version_is_an_error_that_names_the_file(
    says: str, changes: dict[str, Tensor | None], metadata: dict[str, str], small: ImageStack, tmp_path: Path
) -> None:
    file = tmp_path / "small.safetensors"
    save_stack(small, file)
    tensors = {name: value for name, value in (load_file(file) | changes).items() if value is not None}
    with pytest.raises(StackFileError, match=f"the stack file 'small.safetensors' {says}"):
        load_stack(sealed(file, tensors, **metadata_of(file) | metadata))


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
