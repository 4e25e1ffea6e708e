"""What a node shows while it works, in the end and when it fails, in the page and the console; and cancel."""

import threading
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cases import each_case
from loaded_pack import Pack, Toy, previews, to_bytes
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


@each_case(("batch", "rows"), (2, 1), (3, 2), (6, 2))
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


@each_case(("name", "enabled", "shown"), ("Optimize", True, True), ("Optimize", False, False), ("", True, False))
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


def test_a_timer_speaks_of_a_wait(progress: ModuleType, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_failure_stands_on_its_node_and_cancel_is_none(progress: ModuleType, running: Running) -> None:
    import comfy.model_management

    fail(progress, ValueError("levels are <odd>"))
    with progress.show_failure():
        pass
    fail(progress, MemoryError())
    fail(progress, comfy.model_management.InterruptProcessingException())
    assert running.server.sent == [("5", "levels are &lt;odd&gt;", "page"), ("5", "MemoryError", "page")]


def test_the_advice_at_the_end_of_a_long_message_fits_on_a_node(progress: ModuleType, running: Running) -> None:
    address = "https://download.pytorch.org/models/alexnet.pth"
    told = f"a file\ncould not be downloaded from {address} ({'x' * 1_000_000}); check the connection"
    fail(progress, ValueError(told))
    (text,) = running.server.texts
    assert text.startswith("a file could not be downloaded from download.pytorch.org (xxx")
    assert text.endswith("xxx); check the connection")
    assert len(text) <= 180


def test_a_node_of_the_pack_says_why_it_failed(pack: Pack, running: Running) -> None:
    with pytest.raises(ValueError, match="is unknown"):
        pack.objective(classes="sunflower")
    assert running.server.texts[-1].startswith("class 'sunflower' is unknown and nothing is near; write a name such as")


def test_a_refusal_that_repeats_thousands_of_characters_is_cut_in_its_middle(progress: ModuleType) -> None:
    with (
        pytest.raises(ValueError, match=r"^the band 'xxx.* \[…\] .*xxx' is none; write 17-64$") as caught,
        progress.show_failure(),
    ):
        raise ValueError(f"the band '{'x' * 5000}' is none; write 17-64")
    assert len(str(caught.value)) == 1000


def test_a_long_wait_says_what_is_done(progress: ModuleType, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.fixture
def page(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.page")


def test_a_text_goes_to_the_running_node_in_the_page_that_queued_it(page: ModuleType, running: Running) -> None:
    assert page.find_running_node() == ("5", "first")
    page.show_text("step 1/3")
    running.node_id, running.server.client_id = "12:5", None
    page.show_text("step 2/3")
    assert running.server.sent == [("5", "step 1/3", "page"), ("12:5", "step 2/3", None)]


def test_a_prompt_cannot_bring_html_into_the_page(page: ModuleType, running: Running) -> None:
    page.show_text("<img src=x onerror=alert(1)> & 'co'")
    assert running.server.texts == ["&lt;img src=x onerror=alert(1)&gt; &amp; 'co'"]


def test_a_warning_is_logged_and_shown(page: ModuleType, running: Running, caplog: pytest.LogCaptureFixture) -> None:
    page.warn_on_node("100 % odd", "7")
    page.warn_on_node("odd", None)
    assert caplog.messages == ["100 % odd", "odd"]
    assert running.server.sent == [("7", "100 % odd", "page")]


def test_without_comfyui_there_is_neither_node_nor_server(page: ModuleType) -> None:
    assert page.find_running_node() is None
    assert page.find_server() is None
    page.show_text("step 1/3")
    page.say_on_node("5", "step 1/3")


@pytest.fixture
def with_page(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """The pack where images and texts can be shown; the images stand in place of the names of their files."""

    def show_image(image: Tensor, cls: type[Any]) -> Any:
        return SimpleNamespace(as_dict=lambda: {"images": [image, cls]})

    def show_text(value: str) -> Any:
        return SimpleNamespace(as_dict=lambda: {"text": (value,)})

    shown = SimpleNamespace(PreviewImage=show_image, PreviewText=show_text)
    monkeypatch.setattr(pack.module("nodes.bridge.page"), "ui", shown)
    return pack


def classifying(pack: Pack) -> dict[str, Any]:
    return {"classifier": pack.classifier(Toy()), "image": torch.rand(2, 9, 9, 3)}


NODES: dict[str, tuple[Callable[[Pack], dict[str, Any]], int | None, int | None]] = {
    # The inputs, and which outputs are the text and the chart.
    "DAS_Classify": (classifying, 0, 1),
    "DAS_Similarity": (lambda pack: {"clip": pack.clip(Toy()), "image": torch.rand(2, 9, 9, 3)}, 0, 1),
    "DAS_PlotHistory": (lambda pack: {"history": pack.optimize()[3]}, 0, 1),
    "DAS_ObjectiveScore": (
        lambda pack: {"image": torch.rand(3, 24, 32, 3), "objectives": {"objective0": pack.objective()}},
        1,
        3,
    ),
    "DAS_StackLevels": (lambda pack: {"stack": pack.stack(), "size": 40}, None, None),
    "DAS_ListLayers": (lambda pack: {"model": pack.classifier(Toy())}, 0, None),
}


@each_case("node_id", *NODES)
def test_a_node_shows_its_text_and_its_chart(with_page: Pack, node_id: str) -> None:
    make_inputs, text, chart = NODES[node_id]
    inputs = make_inputs(with_page)
    assert with_page.node(node_id).GET_SCHEMA().is_output_node
    result, shown = with_page.run(node_id, **inputs), with_page.show(node_id, **inputs)
    assert shown is not None
    assert shown.get("text") == (None if text is None else (result[text],))
    if chart is not None:
        image, shown_by = shown["images"]
        assert torch.equal(image, result[chart])
        assert issubclass(shown_by, with_page.node(node_id))


def test_without_a_page_nothing_is_shown(pack: Pack) -> None:
    assert pack.show("DAS_ListLayers", model=pack.classifier(Toy())) is None
