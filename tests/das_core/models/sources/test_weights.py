"""Checkpoints: whole ones are read, all others are refused with a ValueError, and none of them runs."""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cases import each_case
from das_core.common.interruption import interruptible
from das_core.models.sources.weights import StateDict, fit_weights, read_weights
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
    buffer = io.BytesIO()
    if form.endswith("safetensors"):
        return safetensors.torch.save(tensors())
    torch.save(OrderedDict(tensors()), buffer, _use_new_zipfile_serialization=form.startswith("zip"))
    return buffer.getvalue()


def read_or_refusal(path: Path) -> StateDict | str:
    try:
        return read_weights(path)
    except ValueError as error:
        return str(error)


def write(folder: Path, form: str, content: bytes) -> Path:
    path = folder / form
    path.write_bytes(content)
    return path


def assert_equal(state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(state) == list(expected)
    for name, value in expected.items():
        assert state[name].dtype == value.dtype
        assert torch.equal(state[name], value)


@each_case(
    ("name", "form"),
    [
        *((form, form) for form in FORMATS),
        *((f"model{suffix}", "zip.pth") for suffix in (".pth", ".pt", ".bin", ".ckpt")),
    ],
)
def test_every_format_and_suffix_gives_the_tensors_back(tmp_path: Path, name: str, form: str) -> None:
    state, expected = dict(read_weights(write(tmp_path, name, saved(form)))), tensors()
    if form == "safe.safetensors":
        # It has an order of its own.
        state, expected = (dict(sorted(one.items())) for one in (state, expected))
    assert_equal(state, expected)


@each_case("key", ["state_dict", "model_state_dict", "model", "model_ema", "state_dict_ema"])
@each_case("prefix", ["", "module.", "model.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_what_trainers_wrap_around_is_taken_off(tmp_path: Path, key: str, prefix: str) -> None:
    state = {prefix + name: value for name, value in tensors().items()}
    torch.save({"epoch": 90, "loss": [0.5], key: state}, tmp_path / "a.pth")
    assert_equal(read_weights(tmp_path / "a.pth"), tensors())


def test_wrappers_nest_and_other_values_are_left_out(tmp_path: Path) -> None:
    torch.save({"model": {"state_dict": {**tensors(), "epochs": 3, "note": "best"}}}, tmp_path / "a.pth")
    assert_equal(read_weights(tmp_path / "a.pth"), tensors())


def test_a_prefix_that_some_lack_is_a_name(tmp_path: Path) -> None:
    state = {"model.weight": torch.ones(2), "head.weight": torch.ones(3)}
    torch.save(state, tmp_path / "a.pth")
    assert_equal(read_weights(tmp_path / "a.pth"), state)


@each_case("content", [{}, [], 3, "text", {"epoch": 3}, {"model": {}}, [torch.ones(3)], torch.ones(3)])
def test_a_file_without_weights_says_what_is_needed(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"'a.pth' holds no weights; a state_dict \(tensors by name\) is needed"):
        read_weights(tmp_path / "a.pth")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.pth", tmp_path):
        with pytest.raises(ValueError, match=f"there is no checkpoint file '{path.name}'"):
            read_weights(path)


@each_case("name", ["a.pth", "a.safetensors"])
def test_a_file_that_cannot_be_read_is_not_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write(tmp_path, name, b"")
    unplug(monkeypatch, tmp_path)
    with pytest.raises(ValueError, match=rf"'{name}' cannot be read \(.*not connected\); check its permissions"):
        read_weights(path)


@each_case(
    ("name", "content"),
    [
        *product(
            ["a.pth", "a.safetensors"],
            [b"", b"\x00", b"not a model\n", b"<html>404</html>", b"\xff" * 4096, b"PK\x03\x04"],
        ),
        # Files of the other kind.
        ("a.pth", saved("safe.safetensors")),
        ("a.safetensors", saved("zip.pth")),
        ("a.safetensors", saved("legacy.pth")),
    ],
)
def test_what_is_no_checkpoint_of_its_suffix_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(ValueError, match=f"'{name}' (cannot be read|was refused)"):
        read_weights(write(tmp_path, name, content))


@each_case("form", FORMATS)
def test_a_file_that_was_cut_off_is_refused_wherever(tmp_path: Path, form: str) -> None:
    content = saved(form)
    for length in {*range(0, len(content), max(1, len(content) // 80)), len(content) - 1}:
        with pytest.raises(ValueError, match=f"'{form}' (cannot be read|was refused)"):
            read_weights(write(tmp_path, form, content[:length]))


@each_case("form", FORMATS)
def test_a_damaged_file_gives_tensors_or_a_value_error(tmp_path: Path, form: str) -> None:
    whole = saved(form)
    places = st.integers(0, len(whole) - 1) | st.integers(0, 400)
    edits = st.tuples(places, st.integers(0, 4), st.binary(max_size=4))

    @settings(max_examples=250, database=None)
    @given(st.lists(edits, min_size=1, max_size=5))
    def damaged(changes: list[tuple[int, int, bytes]]) -> None:
        content = bytearray(whole)
        for place, removed, put in changes:
            content[place : place + removed] = put
        outcome = read_or_refusal(write(tmp_path, form, bytes(content)))
        if isinstance(outcome, str):
            assert f"'{form}'" in outcome
        else:
            assert all(isinstance(value, Tensor) for value in outcome.values())

    damaged()


@settings(max_examples=150, database=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x80\x02", b"\x80\x04\x95", b"PK\x03\x04"]))
def test_random_bytes_give_a_value_error(tmp_path_factory: pytest.TempPathFactory, content: bytes, head: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name in ("random.pth", "random.safetensors"):
        with pytest.raises(ValueError, match="random"):
            read_weights(write(folder, name, head + content))


class Payload:
    """Pickles as a call of `touch`: what unpickles it carelessly leaves a file behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


@each_case("form", ["zip", "legacy", "bare"])
@each_case("name", ["a.pth", "a.safetensors"])
def test_code_in_a_file_is_not_run(tmp_path: Path, form: str, name: str) -> None:
    marker, path = tmp_path / "ran", tmp_path / name
    content = {**tensors(), "extra": Payload(marker)}
    if form == "bare":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(ValueError, match=f"'{name}' (was refused|cannot be read)"):
        read_weights(path)
    assert not marker.exists()
    if form != "bare" and name == "a.pth":
        # The charge is live: a careless reader sets it off.
        torch.load(path, weights_only=False)
        assert marker.exists()


def save_program(path: Path) -> None:
    torch.save(Payload(path.with_name("ran")), path)


def save_script(path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))


@each_case(
    ("name", "save", "says"),
    [
        ("a.pth", save_program, r"never run\)\. Get it as \.safetensors, or save its state_dict alone"),
        ("jit.pt", save_script, r"'jit.pt' was refused: it is a TorchScript archive.*as .safetensors"),
    ],
)
def test_a_refusal_says_what_to_do(tmp_path: Path, name: str, save: Callable[[Path], None], says: str) -> None:
    save(tmp_path / name)
    with pytest.raises(ValueError, match=says):
        read_weights(tmp_path / name)


def toy() -> nn.Module:
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), head=nn.Conv2d(4, 5, 1)))


def drop_counter(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make of a state one of older norms, which had no counter; the versions that it tells stay."""
    del state["norm.num_batches_tracked"]
    return state


@each_case(
    "change",
    [
        lambda state: state,
        # Half precision is widened.
        lambda state: {name: value.half() for name, value in state.items()},
        drop_counter,
    ],
)
def test_weights_that_fit_are_loaded(change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    torch.manual_seed(0)
    state, module = change(toy().state_dict()), toy()
    assert fit_weights(module, state, "a.pth", "toy") is module
    for name, parameter in module.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, state[name].float())


def test_loading_can_be_ended_between_modules() -> None:
    module = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
    ones = {name: torch.ones_like(value) for name, value in module.state_dict().items()}
    with pytest.raises(StopError), interruptible(Stop(3)):
        fit_weights(module, ones, "it", "toy")
    loaded = [bool((part.weight == 1).all()) for part in module]
    assert loaded == [True, False, False, False]
    stop = Stop()
    fit_weights(module, ones, "it", "toy")
    with interruptible(stop):
        module.load_state_dict(ones)
    assert not stop.calls


@each_case(
    ("change", "says"),
    [
        ({"conv.bias": None}, r"1 tensors missing, 0 unknown, 0 of another shape \(missing conv.bias\)"),
        ({"conv.bias": None, "head.bias": None}, r"2 tensors missing, .* \(missing conv.bias\)"),
        ({"extra": torch.ones(1)}, r"0 tensors missing, 1 unknown, 0 of another shape \(unknown extra\)"),
        (
            {"head.weight": torch.ones(9, 4, 1, 1)},
            r"0 tensors missing, 0 unknown, 1 of another shape \(head.weight is \(9, 4, 1, 1\), not \(5, 4, 1",
        ),
        (
            {"head.weight": torch.ones(()), "conv.bias": None, "extra": torch.ones(1)},
            r"1 tensors missing, 1 unknown, 1 of another shape \(head.weight is \(\), .*missing conv.bias; unknown ex",
        ),
    ],
)
def test_weights_that_do_not_fit_are_counted_and_shown(change: dict[str, Tensor | None], says: str) -> None:
    state = {name: value for name, value in {**toy().state_dict(), **change}.items() if value is not None}
    with pytest.raises(ValueError, match=rf"'a.pth' does not fit the architecture toy: {says}"):
        fit_weights(toy(), state, "a.pth", "toy")


@each_case(
    "odd",
    [
        lambda ones: ones.to_sparse(),
        lambda ones: ones.to(torch.complex64),
        lambda ones: ones.to("meta"),
        lambda ones: torch.quantize_per_tensor(ones, 0.1, 0, torch.qint8),
    ],
)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_tensors_that_are_not_plain_are_refused(odd: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match=r"'a.pth' holds tensors that are not plain .*conv.bias"):
        fit_weights(toy(), {**toy().state_dict(), "conv.bias": odd(torch.ones(4))}, "a.pth", "toy")


class Renamed(nn.Module):
    """A module whose first version called its weight `old`."""

    _version = 2

    def __init__(self) -> None:
        super().__init__()
        self.new = nn.Parameter(torch.zeros(3))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        if local_metadata.get("version", 2) < 2 and prefix + "old" in state_dict:
            state_dict[prefix + "new"] = state_dict.pop(prefix + "old")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


@each_case("prefix", ["", "module."])
def test_a_module_reads_its_older_self(tmp_path: Path, prefix: str) -> None:
    state = OrderedDict({f"{prefix}part.old": torch.arange(3.0)})
    state._metadata = {"": {"version": 1}, f"{prefix}part": {"version": 1}}  # type: ignore[attr-defined]
    torch.save(state, tmp_path / "a.pth")
    read = read_weights(tmp_path / "a.pth")
    module = nn.ModuleDict({"part": Renamed()})
    assert fit_weights(module, read, "a.pth", "toy").get_parameter("part.new").tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"missing part.new; unknown part.old"):
        fit_weights(nn.ModuleDict({"part": Renamed()}), dict(read), "a.pth", "toy")


@each_case("metadata", [None, 3, "x", {"": 1}, {"": {"version": "2"}}, {3: {"version": 2}}, {"": {}}])
def test_a_checkpoint_can_say_anything_of_its_versions(tmp_path: Path, metadata: Any) -> None:
    state = OrderedDict({"new": torch.arange(3.0)})
    state._metadata = metadata  # type: ignore[attr-defined]
    torch.save(state, tmp_path / "a.pth")
    module = Renamed()
    fit_weights(module, read_weights(tmp_path / "a.pth"), "a.pth", "toy")
    assert module.new.tolist() == [0, 1, 2]


def test_versions_are_where_torch_looks_for_them() -> None:
    module = nn.ModuleDict({"part": Renamed()})
    module.load_state_dict(StateDict({"part.old": torch.arange(3.0)}, {"part": 1}))
    assert module.get_parameter("part.new").tolist() == [0, 1, 2]
