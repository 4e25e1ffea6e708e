"""What a node shows while it works and when it fails, in the page and in the console; and the cancel button."""

import threading
from contextlib import suppress
from types import ModuleType

import numpy as np
import pytest
import torch

from cases import each_case
from loaded_pack import Pack, previews, to_bytes
from running_node import Running


@pytest.fixture
def progress(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.progress")


def test_steps_reach_the_bar_with_an_image_as_it_is_and_without_its_graph(progress: ModuleType) -> None:
    image = torch.rand(1, 3, 6, 9, generator=torch.Generator().manual_seed(2)).requires_grad_()
    with previews() as updates:
        bar = progress.Progress(8)
        bar.update(1, image=image)
        bar.update(20, 20)
    (done, total, (kind, picture, size)), last = updates
    assert last == (20, 20, None)
    assert (done, total, kind, size) == (1, 8, "JPEG", None)
    assert (np.asarray(picture) == to_bytes(image.detach()[0].movedim(0, -1))).all()


@each_case(("batch", "rows"), [(2, 1), (3, 2), (6, 2)])
def test_of_a_batch_the_first_four_are_previewed_two_beside_two(progress: ModuleType, batch: int, rows: int) -> None:
    # Image number n is grey of the value n / 8.
    images = torch.arange(batch).div(8)[:, None, None, None].expand(batch, 3, 6, 9)
    with previews() as updates:
        progress.Progress(1).update(1, image=images)
    sheet = np.asarray(updates[0][2][1])
    assert sheet.shape == (rows * (6 + 2) + 2, 2 * (9 + 2) + 2, 3)
    middles = sheet[5::8, 6::11, 0].flatten()[: min(batch, 4)]
    assert middles.tolist() == [int(number / 8 * 255) for number in range(min(batch, 4))]


def test_after_cancel_a_step_raises_what_comfyui_catches(progress: ModuleType) -> None:
    import comfy.model_management

    progress.check_interrupted()
    bar = progress.Progress(3)
    for look in (progress.check_interrupted, lambda: bar.update(1)):
        comfy.model_management.interrupt_current_processing()
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            look()
    # ComfyUI takes the cancel back with the exception, so that the next run starts.
    bar.update(1)


def test_a_text_is_shown_at_once_and_the_next_not_before_it_can_be_read(
    progress: ModuleType, running: Running, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(pack.module("nodes.bridge.progress").time, "monotonic", lambda: now)
    bar = progress.Progress(4)
    for now, text in ((10.0, "one"), (10.1, "two"), (10.3, ""), (10.4, "three"), (10.5, "four")):  # noqa: B007
        bar.update(1, text=text)
    assert running.server.texts == ["one", "three"]


@each_case(("name", "enabled", "shown"), [("Optimize", True, True), ("Optimize", False, False), ("", True, False)])
def test_the_console_has_a_bar_unless_comfyui_has_none_also_when_a_run_fails(
    progress: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    enabled: bool,
    shown: bool,
) -> None:
    import comfy.utils

    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_ENABLED", enabled)
    with suppress(KeyError), progress.Progress(1, name) as bar:
        assert capsys.readouterr().err == ""
        bar.update(0)
        bar.update(3, 4)
        raise KeyError
    err = capsys.readouterr().err
    assert (err == "") is not shown
    assert not shown or ("Optimize: " in err and "3/4" in err and err.endswith("\n"))


def test_what_reports_nothing_is_spoken_of_by_a_timer_and_not_called_done_after_an_error(
    progress: ModuleType, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 0.0)
    said = threading.Event()
    send = running.server.send_progress_text

    def send_and_tell(text: str, node_id: str, sid: str | None = None) -> None:
        send(text, node_id, sid)
        said.set()

    monkeypatch.setattr(running.server, "send_progress_text", send_and_tell)
    with suppress(KeyError), progress.Wait("loading it"):
        assert said.wait(30)
        raise KeyError
    assert running.server.sent == [("5", "loading it", "page")]


def fail(progress: ModuleType, error: BaseException) -> None:
    with pytest.raises(type(error)), progress.show_failure():
        raise error


def test_a_failure_stands_on_its_node(progress: ModuleType, running: Running) -> None:
    fail(progress, ValueError("levels are <odd>"))
    with progress.show_failure():
        pass
    fail(progress, MemoryError())
    assert running.server.sent == [("5", "levels are &lt;odd&gt;", "page"), ("5", "MemoryError", "page")]


def test_the_advice_at_the_end_of_a_long_message_fits_on_a_node(progress: ModuleType, running: Running) -> None:
    address = "https://download.pytorch.org/models/alexnet.pth"
    fail(
        progress,
        ValueError(f"a file\ncould not be downloaded from {address} ({'x' * 1_000_000}); check the connection"),
    )
    (text,) = running.server.texts
    assert text.startswith("a file could not be downloaded from download.pytorch.org (xxx")
    assert text.endswith("xxx); check the connection")
    assert len(text) <= 180


def test_cancel_is_no_failure(progress: ModuleType, running: Running) -> None:
    import comfy.model_management

    fail(progress, comfy.model_management.InterruptProcessingException())
    assert running.server.texts == []


def test_a_node_of_the_pack_says_why_it_failed(pack: Pack, running: Running) -> None:
    with pytest.raises(ValueError, match="is unknown"):
        pack.run("DAS_PickClass", name="sunflower")
    assert running.server.texts[-1].startswith("class 'sunflower' is unknown; write 'all flower' for 3 of this kind")


def test_a_refusal_that_repeats_thousands_of_characters_is_cut_in_its_middle(progress: ModuleType) -> None:
    with (
        pytest.raises(ValueError, match=r"^the band 'xxx.* \[…\] .*xxx' is none; write 17-64$") as caught,
        progress.show_failure(),
    ):
        raise ValueError(f"the band '{'x' * 5000}' is none; write 17-64")
    assert len(str(caught.value)) == 1000


def test_a_wait_of_a_second_says_how_much_is_done_and_how_long_it_took(
    progress: ModuleType, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with previews() as updates, progress.Wait("loading it") as waiting:
        waiting.report(1, 2)
        now = 0.9
        waiting.report(2, 2)
    assert updates == [(1, 2, None), (2, 2, None)]
    assert running.server.texts == []
    with progress.Wait("loading it", "downloading it") as waiting:
        now = 2.4
        waiting.report(1, 4)
        now = 3.4
        waiting.report(900, 0)
        now = 13.3
    assert running.server.texts == ["downloading it: 25%", "loading it: done in 12 s"]
