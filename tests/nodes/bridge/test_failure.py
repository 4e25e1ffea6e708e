"""Why a node has failed, as text on the node, until it runs again."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from loaded_pack import Pack
from running_node import Running


@pytest.fixture
def failure(pack: Pack) -> Iterator[ModuleType]:
    holding = pack.module("nodes.bridge.page")._holding
    holding.clear()
    yield pack.module("nodes.bridge.failure")
    holding.clear()


def fail(failure: ModuleType, error: BaseException) -> None:
    with pytest.raises(type(error)), failure.show_failure():
        raise error


def test_a_failure_stands_on_its_node_until_the_node_runs_again(failure: ModuleType, running: Running) -> None:
    fail(failure, ValueError("levels are <odd>"))
    with failure.show_failure():
        assert running.server.sent == [("5", "levels are &lt;odd&gt;", "page"), ("5", " ", "page")]
    with failure.show_failure():
        pass
    assert len(running.server.sent) == 2


def test_another_node_takes_nothing_away(failure: ModuleType, running: Running) -> None:
    fail(failure, ValueError("odd"))
    running.node_id = "6"
    with failure.show_failure():
        pass
    assert running.server.texts == ["odd"]


def test_what_a_node_says_of_its_next_run_stays(failure: ModuleType, running: Running, pack: Pack) -> None:
    fail(failure, ValueError("odd"))
    with failure.show_failure():
        pack.module("nodes.bridge").show_text("loading")
    assert running.server.texts == ["odd", " ", "loading"]


def test_a_long_message_is_cut_to_what_a_node_has_room_for(failure: ModuleType, running: Running) -> None:
    fail(failure, ValueError("a line\nand " + "x" * 1_000_000))
    (text,) = running.server.texts
    assert text.startswith("a line and xxx")
    assert text.endswith("…")
    assert len(text) <= 180


def test_an_error_without_words_is_called_by_its_class(failure: ModuleType, running: Running) -> None:
    fail(failure, MemoryError())
    assert running.server.texts == ["MemoryError"]


def test_cancel_is_no_failure(failure: ModuleType, running: Running) -> None:
    import comfy.model_management

    fail(failure, comfy.model_management.InterruptProcessingException())
    assert running.server.texts == []


def test_without_a_running_node_nothing_is_shown(failure: ModuleType, pack: Pack) -> None:
    fail(failure, ValueError("odd"))
    assert not pack.module("nodes.bridge.page")._holding


def test_a_warning_of_the_run_before_goes_too_and_that_of_this_run_stays(
    failure: ModuleType, running: Running, pack: Pack
) -> None:
    warn = pack.module("nodes.bridge").warn_on_node
    warn("hardly read", running.node_id)
    fail(failure, ValueError("odd"))
    with failure.show_failure():
        warn("hardly read", running.node_id)
    assert running.server.texts == ["hardly read", " ", "odd", " ", "hardly read"]


def test_every_node_of_the_pack_says_why_it_failed(pack: Pack, failure: ModuleType, running: Running) -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        pack.run("DAS_ImageStack", batch_size="three")
    with pytest.raises(ValueError, match="is unknown"):
        pack.run("DAS_PickClass", name="sunflower")
    first, second = running.server.texts[0], running.server.texts[-1]
    assert first.startswith("batch_size is 'three', not a whole number")
    assert second.startswith("class 'sunflower' is unknown; write 'all flower' for 3 of this kind")


def test_a_refusal_that_repeats_thousands_of_characters_is_cut_in_its_middle(failure: ModuleType) -> None:
    with (
        pytest.raises(ValueError, match=r"^the band 'xxx.* \[…\] .*xxx' is none; write 17-64$") as caught,
        failure.show_failure(),
    ):
        raise ValueError(f"the band '{'x' * 5000}' is none; write 17-64")
    assert len(str(caught.value)) == 1000
