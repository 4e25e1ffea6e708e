"""What a sampler runs comes back when other models have pushed it off the device."""

import logging
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cases import each_case
from loaded_pack import Pack
from stand_in_diffusion import make_model, predict


class Loaded:
    """Stands for a ModelPatcher of ComfyUI, with so many bytes on the device."""

    def __init__(self, size: int, *more: "Loaded") -> None:
        self.size, self.more = size, more

    def loaded_size(self) -> int:
        return self.size

    def get_nested_additional_models(self) -> list["Loaded"]:
        return list(self.more)


class Device:
    """Stands for ComfyUI's memory manager: what is on the device, and what it was asked to load."""

    def __init__(self, *present: Loaded) -> None:
        self.present = list(present)
        self.loads: list[tuple[list[Loaded], int]] = []

    def loaded_models(self) -> list[Loaded]:
        return self.present

    def load_models_gpu(self, models: list[Loaded], memory_required: int = 0) -> None:
        self.loads.append((models, memory_required))


@pytest.fixture
def models(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.sampler_models")


PATCHER, CONTROL = Loaded(100, Loaded(7)), Loaded(5)


@pytest.fixture
def device(models: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device(PATCHER, *PATCHER.more, CONTROL)
    monkeypatch.setattr(models, "mm", made)

    def find(conditions: dict[str, list[Any]], dtype: Any) -> tuple[list[Loaded], int]:
        return [each["control"] for condition in conditions.values() for each in condition], 40

    monkeypatch.setattr(models.comfy.sampler_helpers, "get_additional_models", find, raising=False)
    return made


def arguments(patcher: Loaded | None = PATCHER) -> Any:
    model = make_model()
    model.current_patcher = patcher
    return {**predict(model, batch=3), "cond": [{"control": CONTROL}]}


def test_where_all_fit_or_an_error_is_raised_nothing_is_moved(
    models: ModuleType, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    lend = models.SamplerModels("they take turns").lend_device
    with caplog.at_level(logging.INFO), lend(arguments()):
        device.present.append(Loaded(50))
    with suppress(KeyError), lend(arguments()):
        device.present.clear()
        raise KeyError
    assert (device.loads, caplog.messages) == ([], [])


@each_case("what", ["evicted", "partly"])
def test_what_was_pushed_off_comes_back_and_the_log_says_so_once(
    models: ModuleType, device: Device, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    lent = models.SamplerModels("they take turns")
    device.loads.clear()
    caplog.clear()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            device.present = [PATCHER, *PATCHER.more, CONTROL]
            with monkeypatch.context() as patched, lent.lend_device(arguments()):
                if what == "evicted":
                    device.present.remove(PATCHER)
                else:
                    patched.setattr(PATCHER, "size", 30)
    # The model, its ControlNet and what belongs to it, with room for a batch of both conditions and the ControlNet.
    assert device.loads == [([PATCHER, CONTROL, *PATCHER.more], 1000 * 2 * 3 + 40)] * 2
    assert caplog.messages == ["they take turns"]


def test_where_comfyui_does_not_tell_what_a_sampler_runs_nothing_happens(models: ModuleType, device: Device) -> None:
    for unknown in (arguments(None), predict(SimpleNamespace(**vars(make_model())))):
        with models.SamplerModels("").lend_device(unknown):
            device.present.clear()
    assert device.loads == []
