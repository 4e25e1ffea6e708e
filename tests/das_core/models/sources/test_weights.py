"""Checkpoints: whole ones are read, all others are refused with a ValueError, and none of them runs."""

import copy
import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.common.interruption import interruptible
from das_core.models.sources.classifier_files import load_classifier_file
from das_core.models.sources.weights import RefusedError, UndrawnWeights, fit_weights, read_weights
from dead_drive import unplug
from stops import Stop, StopError

# What torch says of damaged pickles before it refuses them.
pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")

FORMATS = ["zip.pth", "legacy.pth", "safe.safetensors"]


def tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn(4, 3, 3, 3, generator=generator),
        "conv.bias": torch.randn(4, generator=generator),
        "norm.num_batches_tracked": torch.tensor(7),
        "head.weight": torch.randn(5, 4, generator=generator).half(),
    }


@cache
def saved(form: str) -> bytes:
    if form.endswith("safetensors"):
        return safetensors.torch.save(tensors())
    buffer = io.BytesIO()
    torch.save(OrderedDict(tensors()), buffer, _use_new_zipfile_serialization=form.startswith("zip"))
    return buffer.getvalue()


def write(folder: Path, form: str, content: bytes) -> Path:
    path = folder / form
    path.write_bytes(content)
    return path


def read_or_refusal(path: Path) -> dict[str, Tensor] | str:
    try:
        return read_weights(path)
    except ValueError as error:
        return str(error)


def assert_equal(state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        assert state[name].dtype == value.dtype
        assert torch.equal(state[name], value)


@each_case(("name", "form"), *((form, form) for form in FORMATS), ("model.ckpt", "zip.pth"))
def test_every_format_gives_the_tensors_back(tmp_path: Path, name: str, form: str) -> None:
    assert_equal(read_weights(write(tmp_path, name, saved(form))), tensors())


def test_names_in_nested_dictionaries_are_joined(tmp_path: Path) -> None:
    content = {"epoch": 90, "net": {"model": {**tensors(), "note": "best"}}, 0: torch.ones(2)}
    deep: dict[str, Any] = {"weight": torch.ones(1)}
    for _ in range(9):
        deep = {"deeper": deep}
    torch.save(content | deep, tmp_path / "a.pth")
    expected = {f"net.model.{name}": value for name, value in tensors().items()}
    assert_equal(read_weights(tmp_path / "a.pth"), expected | {"0": torch.ones(2)})


@each_case("content", {}, [], 3, {"epoch": 3}, {"model": {}}, [torch.ones(3)])
def test_a_file_without_weights_says_what_is_needed(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"'a.pth' holds no weights; a state_dict \(tensors by name\) is needed"):
        read_weights(tmp_path / "a.pth")


def test_missing_and_unreadable_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path / "gone.pth", tmp_path):
        with pytest.raises(ValueError, match=f"there is no checkpoint file '{path.name}'"):
            read_weights(path)
    path = write(tmp_path, "a.pth", b"")
    unplug(monkeypatch, tmp_path)
    with pytest.raises(ValueError, match=r"'a.pth' cannot be read \(.*not connected\); check its permissions"):
        read_weights(path)


@each_case(
    ("name", "content"),
    *product(["a.pth", "a.safetensors"], [b"", b"\x00", b"<html>404</html>", b"\xff" * 4096, b"PK\x03\x04"]),
    # Files of the other kind.
    ("a.pth", saved("safe.safetensors")),
    ("a.safetensors", saved("zip.pth")),
    ("a.safetensors", saved("legacy.pth")),
)
def test_what_is_no_checkpoint_of_its_suffix_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(ValueError, match=f"'{name}' (cannot be read|was refused)"):
        read_weights(write(tmp_path, name, content))


@each_case("form", *FORMATS)
def test_a_file_that_was_cut_off_is_refused_wherever(tmp_path: Path, form: str) -> None:
    content = saved(form)
    for length in {*range(0, len(content), max(1, len(content) // 40)), len(content) - 1}:
        with pytest.raises(ValueError, match=f"'{form}' (cannot be read|was refused)"):
            read_weights(write(tmp_path, form, content[:length]))


@each_case("form", *FORMATS)
def test_a_damaged_file_gives_tensors_or_a_value_error(tmp_path: Path, form: str) -> None:
    whole = saved(form)
    places = st.integers(0, len(whole) - 1) | st.integers(0, 400)
    edits = st.tuples(places, st.integers(0, 4), st.binary(max_size=4))

    @settings(max_examples=120, database=None)
    @given(st.lists(edits, min_size=1, max_size=5))
    def damaged(changes: list[tuple[int, int, bytes]]) -> None:
        content = bytearray(whole)
        for place, removed, put in changes:
            content[place : place + removed] = put
        outcome = read_or_refusal(write(tmp_path, form, bytes(content)))
        assert form in outcome if isinstance(outcome, str) else all(isinstance(one, Tensor) for one in outcome.values())

    damaged()


class Payload:
    """Pickles as a call of `touch`: what unpickles it carelessly leaves a file behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


@each_case("form", "zip", "legacy", "bare")
@each_case("name", "a.pth", "a.safetensors")
def test_code_in_a_file_is_not_run(tmp_path: Path, form: str, name: str) -> None:
    marker, path = tmp_path / "ran", tmp_path / name
    content = {**tensors(), "extra": Payload(marker)}
    if form == "bare":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    says = "was refused.*save its state_dict alone" if name == "a.pth" else "cannot be read"
    with pytest.raises(ValueError, match=f"'{name}' {says}"):
        read_weights(path)
    assert not marker.exists()
    if form != "bare" and name == "a.pth":
        # The charge is live: a careless reader sets it off.
        torch.load(path, weights_only=False)
        assert marker.exists()


def test_a_program_is_refused(tmp_path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "jit.pt"))
    with pytest.raises(RefusedError, match=r"'jit.pt' was refused: it is a TorchScript archive.*as .safetensors"):
        read_weights(tmp_path / "jit.pt")


def repack(path: Path, compression: int = zipfile.ZIP_STORED, old: bytes = b"", new: bytes = b"") -> None:
    """Write an archive of torch again, compressed or with other bytes in its entries."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as read, zipfile.ZipFile(path, "w", compression) as written:
        for name in read.namelist():
            content = read.read(name)
            written.writestr(name, content.replace(old, new) if old else content)


def repeat_entry(path: Path) -> None:
    """Let an archive name one entry many times."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bomb/data/0", bytes(2**16))
        for number in range(1, 100):
            again = copy.copy(archive.filelist[0])
            again.filename = f"bomb/data/{number}"
            archive.filelist.append(again)


@each_case("spoil", lambda path: repack(path, zipfile.ZIP_DEFLATED), repeat_entry)
def test_an_archive_that_could_unpack_to_any_size_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "bomb.pth"
    torch.save({"a": torch.zeros(2**20)}, path)
    read_weights(path)
    spoil(path)
    assert path.stat().st_size < 2**17
    with pytest.raises(RefusedError, match=r"'bomb.pth' was refused: it is a compressed archive, or.*with torch.save"):
        read_weights(path)


def test_one_value_that_is_named_as_billions_is_refused(tmp_path: Path) -> None:
    path, shared = tmp_path / "wide.pth", torch.ones(2**16)
    torch.save({"head.weight": torch.zeros(1).expand(3_000_000, 1024)}, path)
    with pytest.raises(RefusedError, match=r"would take 11.4 GiB, .* \(head.weight is named as \(3000000, 1024\)\)"):
        read_weights(path)
    # Tensors that share memory pass.
    torch.save({"a": shared, "b": shared, "c": shared.expand(4, -1)}, path)
    assert read_weights(path)["c"].shape == (4, 2**16)


@each_case("legacy", False, True)
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "beyond.pth"
    torch.save({"a": torch.ones(1234)}, path, _use_new_zipfile_serialization=not legacy)
    # In the pickle the shape stands as a number of two bytes; now it is one of four, with 2^31 - 1 values.
    short, long = pickle.BININT2 + (1234).to_bytes(2, "little"), pickle.BININT + (2**31 - 1).to_bytes(4, "little")
    assert short in path.read_bytes()
    if legacy:
        path.write_bytes(path.read_bytes().replace(short, long))
    else:
        repack(path, old=short, new=long)
    with pytest.raises(ValueError, match=r"'beyond.pth' (cannot be read|was refused)"), PeakBytes() as made:
        read_weights(path)
    assert made.peak < 2**26 or legacy


@each_case(
    "head", torch.zeros(3_000_000, 0), torch.zeros(1, 1024).to_sparse(), torch.zeros(0, 1024), torch.zeros(3_000_000, 1)
)
def test_no_layer_is_built_for_rows_that_are_not_there(tmp_path: Path, head: Tensor) -> None:
    torch.save({"classifier.weight": head}, tmp_path / "tiny.pth")
    with PeakBytes() as made, pytest.raises(ValueError, match="'tiny"):
        load_classifier_file(tmp_path / "tiny.pth", "timm/mobilenetv3_small_050")
    assert made.peak < 2**26


def toy() -> nn.Module:
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), head=nn.Conv2d(4, 5, 1)))


@each_case("counted", True, False)
@each_case("dtype", torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn)
def test_weights_that_fit_are_loaded(counted: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    state, module = toy().to(dtype).state_dict(), toy()
    if not counted:
        # Norms of old versions of PyTorch have no counter.
        del state["norm.num_batches_tracked"]
    assert fit_weights(module, state, "a.pth", "toy") is module
    for name, parameter in module.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, state[name].float())


def test_loading_can_be_ended_between_modules() -> None:
    module = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
    ones = {name: torch.ones_like(value) for name, value in module.state_dict().items()}
    with pytest.raises(StopError), interruptible(Stop(3)):
        fit_weights(module, ones, "it", "toy")
    loaded = [bool((part.get_parameter("weight") == 1).all()) for part in module]
    assert loaded == [True, False, False, False]
    stop = Stop()
    fit_weights(module, ones, "it", "toy")
    with interruptible(stop):
        module.load_state_dict(ones)
    assert not stop.calls


@each_case(
    ("change", "says"),
    ({"conv.bias": None}, 'Missing .*"conv.bias"'),
    ({"extra": torch.ones(1)}, 'Unexpected .*"extra"'),
    ({"head.weight": torch.ones(9, 4, 1, 1)}, "size mismatch for head.weight: .*9, 4, 1, 1.*5, 4, 1, 1"),
)
def test_weights_that_do_not_fit_are_shown(change: dict[str, Tensor | None], says: str) -> None:
    state = {name: value for name, value in {**toy().state_dict(), **change}.items() if value is not None}
    with pytest.raises(ValueError, match=rf"'a.pth' does not fit the architecture toy \({says}.*; choose the arch"):
        fit_weights(toy(), state, "a.pth", "toy")


QUANTIZE = partial(torch.quantize_per_tensor, scale=0.1, zero_point=0, dtype=torch.qint8)


@each_case(
    "odd",
    *(Tensor.to_sparse, partial(Tensor.to, dtype=torch.cfloat), partial(Tensor.to, device="meta"), QUANTIZE),
    partial(Tensor.to, dtype=torch.int8),
)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_tensors_that_are_not_plain_are_refused(odd: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match=r"'a.pth' holds tensors that are not plain .*conv.bias"):
        fit_weights(toy(), {**toy().state_dict(), "conv.bias": odd(torch.ones(4))}, "a.pth", "toy")


def test_the_whole_model_counts_as_of_the_current_version_and_its_parts_as_of_the_oldest() -> None:
    class Versioned(nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
            seen[prefix] = local_metadata.get("version")
            super()._load_from_state_dict(state, prefix, local_metadata, *rest)

    seen: dict[str, int | None] = {}
    module = Versioned(2, 2)
    module.part = Versioned(2, 2)
    state = OrderedDict(module.state_dict())
    state._metadata = "anything"  # type: ignore[attr-defined]
    fit_weights(module, state, "a.pth", "toy")
    assert seen == {"": 2, "part.": None}


def test_weights_that_are_drawn_until_they_fit_are_not_drawn_forever() -> None:
    weights = torch.full((64, 64), 9.0)
    with UndrawnWeights():
        torch.nn.init.trunc_normal_(weights, std=0.02)
        torch.nn.init.trunc_normal_(weights, mean=1.0, a=0.9, b=1.1)
