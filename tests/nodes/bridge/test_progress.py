"""The progress of a node in the page and in the console, its text, its preview, and the cancel button."""

from types import ModuleType

import numpy as np
import pytest
import torch

from cases import each_case
from loaded_pack import Pack, previews, to_bytes
from running_node import Running


@pytest.fixture
def bridge(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge")


def test_steps_and_their_number_reach_the_bar(bridge: ModuleType) -> None:
    with previews() as updates:
        bar = bridge.Progress(8)
        bar.update(0)
        bar.update(20, 20)
    assert updates == [(0, 8, None), (20, 20, None)]


def test_an_image_is_previewed_as_it_is_and_without_its_graph(bridge: ModuleType) -> None:
    image = torch.rand(1, 3, 6, 9, generator=torch.Generator().manual_seed(2)).requires_grad_()
    with previews() as updates:
        bridge.Progress(2).update(1, image=image)
    ((done, total, (kind, picture, size)),) = updates
    assert (done, total, kind, size) == (1, 2, "JPEG", None)
    assert (np.asarray(picture) == to_bytes(image.detach()[0].movedim(0, -1))).all()


@each_case(("batch", "rows"), [(2, 1), (3, 2), (4, 2), (6, 2)])
def test_of_a_batch_the_first_four_are_previewed_two_beside_two(bridge: ModuleType, batch: int, rows: int) -> None:
    # Image number n is grey of the value n / 8.
    images = torch.arange(batch).div(8)[:, None, None, None].expand(batch, 3, 6, 9)
    with previews() as updates:
        bridge.Progress(1).update(1, image=images)
    sheet = np.asarray(updates[0][2][1])
    assert sheet.shape == (rows * (6 + 2) + 2, 2 * (9 + 2) + 2, 3)
    middles = sheet[5::8, 6::11, 0].flatten()[: min(batch, 4)]
    assert middles.tolist() == [int(number / 8 * 255) for number in range(min(batch, 4))]


def test_a_batch_is_previewed_as_one_sheet_by_optimize(pack: Pack) -> None:
    with previews() as updates:
        pack.optimize(stack=pack.stack(batch_size=6), steps=1)
    assert updates[-1][2][1].size == (2 * (64 + 2) + 2, 2 * (64 + 2) + 2)


def test_after_cancel_a_step_raises_what_comfyui_catches(bridge: ModuleType) -> None:
    import comfy.model_management

    bridge.check_interrupted()
    bar = bridge.Progress(3)
    for look in (bridge.check_interrupted, lambda: bar.update(1)):
        comfy.model_management.interrupt_current_processing()
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            look()
    # ComfyUI takes the cancel back with the exception, so that the next run starts.
    bar.update(1)


def test_a_text_is_shown_at_once_and_the_next_not_before_it_can_be_read(
    bridge: ModuleType, running: Running, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(pack.module("nodes.bridge.progress").time, "monotonic", lambda: now)
    bar = bridge.Progress(4)
    for now, text in ((10.0, "one"), (10.1, "two"), (10.3, ""), (10.4, "three"), (10.5, "four")):  # noqa: B007
        bar.update(1, text=text)
    assert running.server.texts == ["one", "three"]


@each_case(("name", "enabled", "shown"), [("Optimize", True, True), ("Optimize", False, False), ("", True, False)])
def test_the_console_has_a_bar_unless_comfyui_has_none(
    bridge: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    enabled: bool,
    shown: bool,
) -> None:
    import comfy.utils

    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_ENABLED", enabled)
    with bridge.Progress(1, name) as bar:
        assert capsys.readouterr().err == ""
        bar.update(0)
        bar.update(3, 4)
    err = capsys.readouterr().err
    assert (err == "") is not shown
    assert not shown or ("Optimize: " in err and "3/4" in err and err.endswith("\n"))


def test_the_bar_in_the_console_ends_where_it_is_when_a_run_fails(
    bridge: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        with bridge.Progress(8, "Optimize") as bar:
            bar.update(5)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    err = capsys.readouterr().err
    assert "5/8" in err
    assert err.endswith("\n")
