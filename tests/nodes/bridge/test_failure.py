"""Why a node has failed, as text on the node, until it runs again."""

from types import ModuleType

import pytest

from loaded_pack import Pack
from running_node import Running


@pytest.fixture
def failure(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.failure")


def fail(failure: ModuleType, error: BaseException) -> None:
    with pytest.raises(type(error)), failure.show_failure():
        raise error


def test_a_failure_stands_on_its_node(failure: ModuleType, running: Running) -> None:
    fail(failure, ValueError("levels are <odd>"))
    with failure.show_failure():
        pass
    assert running.server.sent == [("5", "levels are &lt;odd&gt;", "page")]


def test_the_advice_at_the_end_of_a_long_message_fits_on_a_node(failure: ModuleType, running: Running) -> None:
    address = "https://download.pytorch.org/models/alexnet.pth"
    fail(
        failure, ValueError(f"a file\ncould not be downloaded from {address} ({'x' * 1_000_000}); check the connection")
    )
    (text,) = running.server.texts
    assert text.startswith("a file could not be downloaded from download.pytorch.org (xxx")
    assert text.endswith("xxx); check the connection")
    assert len(text) <= 180


def test_an_error_without_words_is_called_by_its_class(failure: ModuleType, running: Running) -> None:
    fail(failure, MemoryError())
    assert running.server.texts == ["MemoryError"]


def test_cancel_is_no_failure(failure: ModuleType, running: Running) -> None:
    import comfy.model_management

    fail(failure, comfy.model_management.InterruptProcessingException())
    assert running.server.texts == []


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
