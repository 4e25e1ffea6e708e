"""What a sampler runs comes back when other models have pushed it off the device."""

import logging
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


@pytest.fixture
def control() -> Loaded:
    return Loaded(5)


@pytest.fixture
def patcher() -> Loaded:
    return Loaded(100, Loaded(7))


@pytest.fixture
def device(models: ModuleType, monkeypatch: pytest.MonkeyPatch, patcher: Loaded, control: Loaded) -> Device:
    made = Device(patcher, *patcher.more, control)
    monkeypatch.setattr(models, "mm", made)

    def find(conditions: dict[str, list[Any]], dtype: Any) -> tuple[list[Loaded], int]:
        return [each["control"] for condition in conditions.values() for each in condition], 40

    monkeypatch.setattr(models.comfy.sampler_helpers, "get_additional_models", find, raising=False)
    return made


def arguments(patcher: Loaded | None, control: Loaded) -> Any:
    model = make_model()
    model.current_patcher = patcher
    return {**predict(model, batch=3), "cond": [{"control": control}]}


def test_where_all_fit_nothing_is_moved(
    models: ModuleType, device: Device, patcher: Loaded, control: Loaded, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO),
        models.SamplerModels("they take turns").lend_device(arguments(patcher, control)),
    ):
        device.present.append(Loaded(50))
    assert device.loads == []
    assert caplog.messages == []


@each_case("what", ["evicted", "partly"])
def test_what_was_pushed_off_comes_back_and_the_log_says_so_once(
    models: ModuleType, device: Device, patcher: Loaded, control: Loaded, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    lent = models.SamplerModels("they take turns")
    device.loads.clear()
    caplog.clear()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            patcher.size, device.present = 100, [patcher, *patcher.more, control]
            with lent.lend_device(arguments(patcher, control)):
                if what == "evicted":
                    device.present.remove(patcher)
                else:
                    patcher.size = 30
    # The model, its ControlNet and what belongs to it, with room for a batch of both conditions and the ControlNet.
    assert device.loads == [([patcher, control, *patcher.more], 1000 * 2 * 3 + 40)] * 2
    assert caplog.messages == ["they take turns"]


def test_after_an_error_nothing_is_brought_back(
    models: ModuleType, device: Device, patcher: Loaded, control: Loaded
) -> None:
    def fail() -> None:
        with models.SamplerModels("").lend_device(arguments(patcher, control)):
            device.present.clear()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert device.loads == []


def test_where_comfyui_does_not_tell_what_a_sampler_runs_nothing_happens(
    models: ModuleType, device: Device, control: Loaded
) -> None:
    for unknown in (arguments(None, control), predict(SimpleNamespace(**vars(make_model())))):
        with models.SamplerModels("").lend_device(unknown):
            device.present.clear()
    assert device.loads == []
