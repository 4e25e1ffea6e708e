"""The border to ComfyUI's memory manager: what it is asked to load, models that it has moved, and samplers' models."""

import logging
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from cases import each_case
from loaded_pack import Pack, Toy
from stand_in_diffusion import make_model, predict

GIGA = 2**30


@pytest.fixture
def memory(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.memory")


@pytest.fixture
def loads(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Any], int]]:
    """The handles that the memory manager is asked to load, and the bytes it is to keep free, call by call."""
    calls: list[tuple[list[Any], int]] = []
    monkeypatch.setattr(
        pack.module("nodes.bridge.memory").mm,
        "load_models_gpu",
        lambda models, memory_required=0, **_: calls.append(
            # Without the module that stands for the caches.
            ([each for each in models if type(each.model).__name__ != "Constants"], memory_required)
        ),
    )
    return calls


def test_too_much_memory_is_refused(bridge: ModuleType, memory: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {bridge.get_device(): 3 * GIGA, torch.device("meta"): 5 * GIGA}
    monkeypatch.setattr(memory.mm, "get_free_memory", lambda device: free[device])
    bridge.check_memory(3 * GIGA, "a picture", "make it smaller")
    message = r"^a picture needs about 4\.5 GiB, and 3\.0 GiB are free: make it smaller$"
    with pytest.raises(ValueError, match=message):
        bridge.check_memory(9 * GIGA // 2, "a picture", "make it smaller")
    bridge.check_memory(9 * GIGA // 2, "a picture", "make it smaller", torch.device("meta"))


def test_frames_that_do_not_fit_are_refused(bridge: ModuleType, set_free_memory: Callable[[int], None]) -> None:
    # Every frame is there twice: by itself, and in the batch of all.
    frame = 2 * 4 * 3 * 5 * 64 * 32
    set_free_memory(334 * frame)
    message = r"^keeping 500 frames needs .*: set frame_every to 3 or more, which keeps 334, or to 0$"
    with pytest.raises(ValueError, match=message):
        bridge.check_frame_memory(5, 64, 32, steps=1000, every=2)
    # What is suggested fits, with nothing to spare.
    bridge.check_frame_memory(5, 64, 32, steps=1000, every=3)
    set_free_memory(334 * frame - 1)
    with pytest.raises(ValueError, match=r"keeping 334 frames .* set frame_every to 4"):
        bridge.check_frame_memory(5, 64, 32, steps=1000, every=3)
    set_free_memory(frame - 1)
    for every in (0, 1):
        with pytest.raises(ValueError, match=r"frames needs .*: make the picture or the batch smaller$"):
            bridge.check_frame_memory(5, 64, 32, steps=10, every=every)


def test_a_module_has_one_patcher_or_its_clone_on_comfyuis_device(bridge: ModuleType, memory: ModuleType) -> None:
    module = Toy()
    owner = bridge.manage_module(module)
    assert owner.model is module
    assert (owner.load_device, owner.offload_device) == (bridge.get_device(), torch.device("cpu"))
    assert memory.share_patcher(owner) is owner
    elsewhere = memory.comfy.model_patcher.ModelPatcher(module, torch.device("meta"), torch.device("cpu"))
    shared = memory.share_patcher(elsewhere)
    assert shared is not elsewhere
    assert shared.model is module
    assert (shared.load_device, elsewhere.load_device) == (bridge.get_device(), torch.device("meta"))


def test_a_module_that_comfyui_loads_piece_by_piece_is_loaded_whole(bridge: ModuleType, memory: ModuleType) -> None:
    def clone(disable_dynamic: bool, model_override: tuple[nn.Module]) -> Any:
        assert disable_dynamic
        return bridge.manage_module(model_override[0])

    module = Toy()
    # Stands for ModelPatcherDynamic, which needs a GPU.
    dynamic = SimpleNamespace(
        load_device=bridge.get_device(),
        is_dynamic=lambda: True,
        get_clone_model_override=lambda: (module,),
        clone=clone,
    )
    shared = memory.share_patcher(dynamic)
    assert (shared.model, shared.load_device) == (module, bridge.get_device())


def test_each_tower_of_a_clip_that_does_not_load_itself_has_a_handle_of_its_own(pack: Pack, bridge: ModuleType) -> None:
    clip = pack.clip(Toy())
    assert clip.owner.model is clip.module
    assert clip.text_tower.owner.model is clip.text_tower.module
    assert bridge.manage_clip(replace(clip, text=None)).text is None
    alone = replace(clip, text=replace(clip.text, module=None, owner=None))
    assert bridge.manage_clip(alone).text is alone.text


def test_judges_are_loaded_once_with_room(pack: Pack, bridge: ModuleType, loads: list[tuple[list[Any], int]]) -> None:
    bridge.load_judges([], 8)
    assert loads == []
    small, large = pack.classifier(Toy(), size=16), pack.classifier(Toy(), size=32)
    # The same weights under another name, as an objective for other classes has them.
    again = replace(small, name="again")
    assert again.owner is small.owner
    bridge.load_judges([small, large, again], 8)
    bridge.load_judges([small], 8)
    bridge.load_judges([small], 1)
    (first, most), (second, less), (_, least) = loads
    assert sorted(map(id, first)) == sorted([id(small.owner), id(large.owner)])
    assert [id(handle) for handle in second] == [id(small.owner)]
    # Bytes go with the views and with the area of a view.
    assert most > 3 * less
    assert less == 8 * least > 0
    bridge.load_judges([small], 1, room=10 * least)
    assert loads[-1][1] == 10 * least


def test_new_texts_load_the_text_tower(pack: Pack, bridge: ModuleType, loads: list[tuple[list[Any], int]]) -> None:
    clip = pack.clip(Toy())
    bridge.load_text_tower(replace(clip, text=replace(clip.text, module=None, owner=None)), ["a cat"])
    assert loads == []
    clip.encode_text(["a cat", "a dog"])
    bridge.load_text_tower(clip, ["a cat", "a dog"])
    assert loads == []
    bridge.load_text_tower(clip, ["a cat", "a bird"])
    ((handles, _),) = loads
    assert handles == [clip.text_tower.owner]


def test_models_moved_under_inference_mode_are_repaired(pack: Pack) -> None:
    module, clip = Toy(), pack.clip(Toy())
    module.register_buffer("shift", torch.zeros(4))
    objectives = {"objective0": pack.objective(module)}
    tower = clip.text_tower.module
    with torch.inference_mode():
        for moved in (module, tower):
            # What a GPU does at every move, and the CPU only when the type changes.
            moved.double().float()
    tensors = [*module.parameters(), *module.buffers(), *tower.parameters()]
    assert all(tensor.is_inference() for tensor in tensors)
    assert torch.equal(pack.optimize(objectives=objectives)[0], pack.optimize()[0])
    (objective,) = pack.run("DAS_TextObjective", clip=clip, text="a mouse")
    assert not objective.terms[0].score.targets.is_inference()
    assert not any(tensor.is_inference() for tensor in (*module.parameters(), *module.buffers(), *tower.parameters()))


@each_case("platform_name", "win32", "linux")
def test_cached_memory_is_given_back(memory: ModuleType, monkeypatch: pytest.MonkeyPatch, platform_name: str) -> None:
    ends: list[str] = []
    monkeypatch.setattr(memory.mm, "soft_empty_cache", lambda: ends.append("freed"))
    monkeypatch.setattr(memory.sys, "platform", platform_name)
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    with pytest.raises(KeyError), memory.free_cache_on_exit():
        raise KeyError
    assert ends == ["freed"]


def read_resident_bytes() -> int:
    """How much memory of the machine this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heap of another C library")
def test_freed_heap_is_given_back_when_a_run_ends(bridge: ModuleType) -> None:
    with bridge.free_cache_on_exit():
        # Blocks too small to be mapped by themselves, and one behind them that keeps the heap from shrinking.
        blocks = [torch.ones(2**14) for _ in range(2000)]
        last = blocks.pop()
        del blocks
        before = read_resident_bytes()
    assert before - read_resident_bytes() > 1000 * last.nbytes


def test_the_caches_are_emptied_when_comfyui_frees_memory_and_at_the_end_of_every_node(pack: Pack) -> None:
    cache, memory = pack.module("das_core.common.cache"), pack.module("nodes.bridge.memory")
    classifier = pack.classifier(Toy())
    memory.load_judges([classifier], 1)
    spec = pack.module("das_core.stack.spec").StackSpec(64, 64)
    spec.operator(torch.device("cpu"))
    memory.load_judges([classifier], 1)
    assert cache.measure_caches() > 0
    memory.mm.unload_all_models()
    assert cache.measure_caches() == 0
    spec.operator(torch.device("cpu"))
    pack.optimize(steps=1)
    assert cache.measure_caches() == 0


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


def test_nothing_moves_if_all_fit_or_fail(models: ModuleType, device: Device, caplog: pytest.LogCaptureFixture) -> None:
    lend = models.SamplerModels("they take turns").lend_device
    with caplog.at_level(logging.INFO), lend(arguments()):
        device.present.append(Loaded(50))
    with suppress(KeyError), lend(arguments()):
        device.present.clear()
        raise KeyError
    assert (device.loads, caplog.messages) == ([], [])


@each_case("what", "evicted", "partly")
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
