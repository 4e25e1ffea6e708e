"""The border to ComfyUI's memory manager: what it is asked to load, and models that it has moved."""

import os
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from cases import each_case
from loaded_pack import Pack, Toy

GIGA = 2**30


@pytest.fixture
def bridge(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge")


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


def test_free_memory_is_asked_of_the_device_that_is_named(
    pack: Pack, bridge: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {bridge.get_device(): 7, torch.device("meta"): 9}
    monkeypatch.setattr(pack.module("nodes.bridge.memory").mm, "get_free_memory", lambda device: free[device])
    assert bridge.measure_free_memory() == 7
    assert bridge.measure_free_memory(torch.device("meta")) == 9


def test_what_needs_more_than_is_free_is_refused_with_both_numbers(
    bridge: ModuleType, set_free_memory: Callable[[int], None]
) -> None:
    set_free_memory(3 * GIGA)
    bridge.check_memory(3 * GIGA, "a picture", "make it smaller")
    message = r"^a picture needs about 4\.5 GiB, and 3\.0 GiB are free: make it smaller$"
    with pytest.raises(ValueError, match=message):
        bridge.check_memory(9 * GIGA // 2, "a picture", "make it smaller")


def test_frames_that_do_not_fit_are_refused_with_the_interval_that_would_do(
    bridge: ModuleType, set_free_memory: Callable[[int], None]
) -> None:
    # Every frame is there twice: by itself, and in the batch of all.
    frame = 2 * 4 * 3 * 5 * 64 * 32
    set_free_memory(334 * frame)
    message = r"^keeping 500 frames needs .*: set frames to 3 or more, which keeps 334, or to 0$"
    with pytest.raises(ValueError, match=message):
        bridge.check_frame_memory(5, 64, 32, steps=1000, every=2)
    # What is suggested fits, with nothing to spare.
    bridge.check_frame_memory(5, 64, 32, steps=1000, every=3)
    set_free_memory(334 * frame - 1)
    with pytest.raises(ValueError, match=r"keeping 334 frames .* set frames to 4"):
        bridge.check_frame_memory(5, 64, 32, steps=1000, every=3)


def test_if_not_even_one_frame_fits_a_smaller_picture_is_suggested(
    bridge: ModuleType, set_free_memory: Callable[[int], None]
) -> None:
    frame = 2 * 4 * 3 * 64 * 32
    set_free_memory(frame)
    bridge.check_frame_memory(1, 64, 32, steps=10, every=0)
    set_free_memory(frame - 1)
    for every in (0, 1):
        with pytest.raises(ValueError, match=r"frames needs .*: make the picture or the batch smaller$"):
            bridge.check_frame_memory(1, 64, 32, steps=10, every=every)


def test_a_managed_module_computes_on_comfyuis_device_and_waits_on_the_cpu(bridge: ModuleType) -> None:
    module = Toy()
    handle = bridge.manage_module(module)
    assert handle.model is module
    assert handle.load_device == bridge.get_device()
    assert handle.offload_device == torch.device("cpu")


def test_a_module_that_comfyui_keeps_on_the_same_device_is_shared(bridge: ModuleType, memory: ModuleType) -> None:
    owner = bridge.manage_module(Toy())
    assert memory.share_patcher(owner) is owner


def test_one_that_comfyui_keeps_elsewhere_is_shared_by_a_clone(bridge: ModuleType, memory: ModuleType) -> None:
    module = Toy()
    elsewhere = memory.comfy.model_patcher.ModelPatcher(module, torch.device("meta"), torch.device("cpu"))
    shared = memory.share_patcher(elsewhere)
    assert shared is not elsewhere
    assert shared.model is module
    assert (shared.load_device, elsewhere.load_device) == (bridge.get_device(), torch.device("meta"))


def test_one_that_comfyui_loads_piece_by_piece_is_loaded_whole(bridge: ModuleType, memory: ModuleType) -> None:
    module = Toy()

    class Dynamic:
        """Stands for ModelPatcherDynamic, which needs a GPU."""

        load_device = bridge.get_device()

        def is_dynamic(self) -> bool:
            return True

        def get_clone_model_override(self) -> tuple[nn.Module, tuple[()]]:
            return module, ()

        def clone(self, disable_dynamic: bool, model_override: tuple[nn.Module, tuple[()]]) -> Any:
            assert disable_dynamic
            return bridge.manage_module(model_override[0])

    shared = memory.share_patcher(Dynamic())
    assert (shared.model, shared.load_device) == (module, bridge.get_device())


def test_each_tower_of_a_clip_has_a_handle_of_its_own(pack: Pack, bridge: ModuleType) -> None:
    clip = pack.clip(Toy())
    assert clip.owner.model is clip.module
    assert clip.text_tower.owner.model is clip.text_tower.module
    assert clip.owner is not clip.text_tower.owner


def test_a_clip_without_a_text_tower_or_with_one_that_loads_itself_is_managed_too(
    pack: Pack, bridge: ModuleType
) -> None:
    clip = pack.clip(Toy())
    assert bridge.manage_clip(replace(clip, text=None)).text is None
    alone = replace(clip, text=replace(clip.text, module=None, owner=None))
    assert bridge.manage_clip(alone).text is alone.text


def test_judges_are_loaded_once_with_room_for_the_largest_and_nothing_without_a_judge(
    pack: Pack, bridge: ModuleType, loads: list[tuple[list[Any], int]]
) -> None:
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


def test_the_text_tower_is_loaded_for_new_texts_only_and_only_if_it_has_a_module(
    pack: Pack, bridge: ModuleType, loads: list[tuple[list[Any], int]]
) -> None:
    clip = pack.clip(Toy())
    bridge.load_text_tower(replace(clip, text=replace(clip.text, module=None, owner=None)), ["a cat"])
    assert loads == []
    clip.encode_text(["a cat", "a dog"])
    bridge.load_text_tower(clip, ["a cat", "a dog"])
    assert loads == []
    bridge.load_text_tower(clip, ["a cat", "a bird"])
    ((handles, _),) = loads
    assert handles == [clip.text_tower.owner]


def test_a_clip_without_a_text_tower_cannot_be_asked_to_read(pack: Pack, bridge: ModuleType) -> None:
    with pytest.raises(ValueError, match="toy has no text tower"):
        bridge.load_text_tower(replace(pack.clip(Toy()), text=None), ["a cat"])


def test_a_classifier_moved_under_inference_mode_is_repaired(pack: Pack) -> None:
    module = Toy()
    module.register_buffer("shift", torch.zeros(4))
    objective = pack.objective(module)
    with torch.inference_mode():
        # What a GPU does at every move, and the CPU only when the type changes.
        module.double().float()
    assert all(parameter.is_inference() for parameter in module.parameters())
    assert module.get_buffer("shift").is_inference()
    moved = pack.optimize(objectives={"objective0": objective})[0]
    assert not any(tensor.is_inference() for tensor in (*module.parameters(), *module.buffers()))
    assert torch.equal(moved, pack.optimize()[0])


def test_a_text_tower_moved_under_inference_mode_is_repaired(pack: Pack) -> None:
    def ask(text: str) -> Any:
        return pack.run("DAS_TextObjective", clip=clip, text=text)[0]

    clip = pack.clip(Toy())
    before = ask("a cat").terms[0].score.targets
    module = clip.text_tower.module
    with torch.inference_mode():
        module.double().float()
    assert all(parameter.is_inference() for parameter in module.parameters())
    objective = ask("a mouse")
    assert not any(parameter.is_inference() for parameter in module.parameters())
    assert not objective.terms[0].score.targets.is_inference()
    assert torch.equal(ask("a cat").terms[0].score.targets, before)


def test_weights_that_autograd_takes_are_left_as_they_are(pack: Pack, bridge: ModuleType) -> None:
    judge = pack.classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)))
    before = list(judge.module.parameters())
    bridge.load_judges([judge], 1)
    assert all(old is new for old, new in zip(before, judge.module.parameters(), strict=True))


def test_cached_memory_is_given_back_however_a_run_ends(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    monkeypatch.setattr(pack.module("nodes.bridge.memory").mm, "soft_empty_cache", lambda: ends.append("freed"))
    free_cache_on_exit = pack.module("nodes.bridge").free_cache_on_exit
    with free_cache_on_exit():
        ends.append("done")
    with pytest.raises(KeyError), free_cache_on_exit():
        raise KeyError
    assert ends == ["done", "freed", "freed"]


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


@each_case("platform_name", ["win32", "darwin", "linux"])
def test_where_the_heap_cannot_be_trimmed_a_run_ends_as_well(
    bridge: ModuleType, memory: ModuleType, monkeypatch: pytest.MonkeyPatch, platform_name: str
) -> None:
    monkeypatch.setattr(memory.sys, "platform", platform_name)
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    with bridge.free_cache_on_exit():
        pass


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
