"""Steering Optimize: acts of the page and of the input, what the page is told, More and Larger."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from loaded_pack import STEADY, Pack, Watched, previews
from running_node import Running

ASKED: dict[str, Any] = {"steps": 4, "chunk": 16, "seed": 3, "preview_every": 0}


@pytest.fixture(autouse=True)
def forget(pack: Pack) -> None:
    pack.module("nodes.ascent.continuing")._last.clear()


def optimize(pack: Pack, tell: Callable[[int], None] = lambda _: None, **inputs: Any) -> Any:
    """Run Optimize on two images; `tell` is called at every step, with its number from 1."""
    objectives = {"objective0": pack.objective(Watched(tell)), "objective1": pack.objective(classes="1")}
    return pack.optimize(stack=pack.stack(batch_size=2), objectives=objectives, **(ASKED | inputs))


def pressing(pack: Pack, running: Running, *acts: tuple[int, list[Any] | None]) -> Callable[[int], None]:
    """Return what presses these acts, each during this step, from 1."""
    press = pack.module("nodes.bridge.controls").press_act

    def tell(call: int) -> None:
        for step, act in acts:
            if step == call:
                assert not press(running.node_id, running.prompt_id, act)

    return tell


def test_what_the_page_steers_counts_from_the_next_step_and_can_be_repeated(pack: Pack, running: Running) -> None:
    node = pack.node("DAS_Optimize")
    before = node.fingerprint_inputs()
    grown: dict[str, Any] = {"focus": {"focus": "center"}}
    plain = optimize(pack, **grown)
    assert node.fingerprint_inputs() == before
    acts: list[tuple[int, list[Any]]] = [(1, ["place", 0.1, 0.9]), (2, ["choose", [1]]), (2, ["weigh", "class 1", 0])]
    steered = optimize(pack, pressing(pack, running, *acts), **grown)
    assert not torch.equal(plain[0], steered[0])
    assert node.fingerprint_inputs() != before, "the result is not that of the inputs"
    text = running.server.events[-1][1]["acts"]
    assert json.loads(text) == [[step, *act] for step, act in acts]
    again = optimize(pack, acts=text, **grown)
    assert torch.equal(again[0], steered[0])
    assert running.server.events[-1][1]["acts"] == text


def test_the_page_is_told_what_can_be_steered_and_what_was(pack: Pack, running: Running) -> None:
    optimize(pack, pressing(pack, running, (2, ["weigh", "class 0", 2])), **STEADY)
    assert {(name, client) for name, _, client in running.server.events} == {("direct_ascent.acts", "page")}
    begin, after, end = (content for _, content, _ in running.server.events)
    assert begin == {
        **{"node_id": "5", "prompt_id": "first", "acts": "", "so_far": 0, "goes_on": False},
        **{"factors": {"class 0": 1.0, "class 1": 1.0}, "focus": False, "paints": True},
        **{"images": 2, "chosen": (0, 1), "shown": 2, "columns": 2, "refused": []},
    }
    assert (after["so_far"], after["factors"]) == (1, {"class 0": 2.0, "class 1": 1.0})
    assert end == after
    # Done again, it is told when it takes place.
    optimize(pack, acts=after["acts"], **STEADY)
    begin, again, _ = (content for _, content, _ in running.server.events[3:])
    assert (begin["so_far"], begin["factors"]["class 0"], begin["acts"]) == (0, 1.0, after["acts"])
    assert again == after
    # A page that was loaded again asks.
    fingerprint = pack.node("DAS_Optimize").fingerprint_inputs()
    optimize(pack, pressing(pack, running, (2, None)), **STEADY)
    begin, asked, _ = (content for _, content, _ in running.server.events[6:])
    assert asked == begin
    assert pack.node("DAS_Optimize").fingerprint_inputs() == fingerprint, "it changes nothing"


def test_a_page_that_is_opened_later_finds_the_end_among_the_results(
    pack: Pack, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    shows = SimpleNamespace(PreviewImage=lambda image, cls: SimpleNamespace(as_dict=lambda: {"images": list(image)}))
    monkeypatch.setattr(pack.module("nodes.bridge.page"), "ui", shows)
    objectives = {"objective0": pack.objective()}
    given = {"stack": pack.stack(batch_size=2), "augmentation": pack.augmentation(), "objectives": objectives}
    shown = pack.show("DAS_Optimize", **given, **ASKED)
    assert shown is not None
    (ended,) = shown["das_ascent"]
    assert ended.pop("image").shape == (68, 134, 3)
    state = ended.pop("state")
    assert ended == {"done": 4, "text": running.server.texts[-1], "prompt_id": "first"}
    assert (state["acts"], state["factors"], state["chosen"]) == ("", {"class 0": 1.0}, (0, 1))

    def fill_disk(image: Any, cls: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shows, "PreviewImage", fill_disk)
    assert pack.show("DAS_Optimize", **given, **ASKED) is None, "but the picture is made"


def test_a_refused_act_is_said_and_changes_nothing(pack: Pack, running: Running) -> None:
    steered = optimize(pack, pressing(pack, running, (1, ["weigh", "castle", 2]), (2, ["choose", [5]])))
    assert torch.equal(steered[0], optimize(pack)[0])
    (refused,) = running.server.events[1][1]["refused"]
    assert "no objective 'castle'; there are" in refused
    assert any("no image 5 that climbs" in text for text in running.server.texts)
    with pytest.raises(
        ValueError, match=r"act 1, at step 2: there is no objective 'castle'.* 'a new one' below Finish now"
    ):
        optimize(pack, acts='[[2,"weigh","castle",2]]')


def test_what_the_page_paints_can_be_repeated(pack: Pack, running: Running) -> None:
    stroke = ["protect", [[[0.9012345678901234, 0.9012345678901234, 0.0123456789012345]] * 4500]]
    coming = json.dumps([[4, "go_on", 1], [0, *stroke], [0, *stroke]])
    optimize(pack, pressing(pack, running, *((step, stroke) for step in (1, 2, 3))), acts=coming, **STEADY)
    told = [content for _, content, _ in running.server.events]
    assert any("what is steered could not be repeated" in text for content in told for text in content["refused"])
    text = told[-1]["acts"]
    assert [act[1] for act in json.loads(text)] == ["protect", "go_on", "protect", "protect"]
    again = optimize(pack, acts=text, **STEADY)
    assert again[0].shape == (2, 64, 64, 3)


def test_larger_and_more_go_on_without_repeating_the_steps(pack: Pack, running: Running) -> None:
    calls: list[int] = []
    model = pack.objective(Watched(calls.append))
    given = ASKED | {"stack": pack.stack(), "objectives": {"objective0": model}, "augmentation": pack.augmentation()}
    pack.optimize(**given)
    begun = len(calls)
    with previews() as shown:
        asked = given | {"frame_every": 1, "preview_every": 1}
        image, stack, frames, history, _ = pack.optimize(**asked, acts='[[4,"go_on",2]]')
    assert len(calls) == begun + 2, "a third of four steps is one step, and the picture is scored"
    assert image.shape == frames.shape == (1, 128, 128, 3)
    assert [record.step for record in history] == [0, 1, 2, 3, 4]
    assert stack.steps == 5
    first = next(preview[1] for *_, preview in shown if preview)
    assert first.size == (64, 64)
    assert any(low < high for low, high in first.getextrema()), "the picture that goes on, not the grey start"
    assert any(text.startswith("larger: 128 x 128: first of 1 step") for text in running.server.texts)
    twice = '[[4,"go_on",2],[1,"go_on",1]]'
    largest = pack.optimize(**given, acts=twice)[0]
    assert len(calls) == begun + 6, "as many steps again as the last third belongs to"
    # With another seed, or without the memory of the last run, all steps are done, which the node says.
    assert not any(text.startswith("again") for text in running.server.texts)
    pack.optimize(**given | {"seed": 4}, acts='[[4,"go_on",2]]')
    assert len(calls) == begun + 13
    assert any(text.startswith("again: step 1/4") for text in running.server.texts)
    assert torch.equal(pack.optimize(**given, acts=twice)[0], largest)
    assert len(calls) == begun + 24
    # What counts from the first step of what goes on is told before that step.
    pack.optimize(**given)
    running.server.events.clear()
    (name,) = history[0].scores
    pack.optimize(**given, acts=f'[[4,"go_on",1],[0,"weigh","{name}",2]]')
    assert [told["factors"][name] for _, told, *_ in running.server.events][:2] == [1, 2]


def test_what_cannot_be_larger_is_kept_as_it_is(pack: Pack, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    larger = pack.module("nodes.ascent.continuing")
    plain = optimize(pack)[0]
    memory = pack.module("nodes.bridge.memory")
    monkeypatch.setattr(larger, "estimate_ascent_bytes", lambda *_: 2 * memory.measure_free_memory())
    image = optimize(pack, acts='[[4,"go_on",2]]')[0]
    assert torch.equal(image, plain)
    assert "not larger: an ascent of 2 x 128 x 128 needs about" in running.server.texts[-1]


def test_finish_now_ends_before_what_would_be_larger(pack: Pack, running: Running) -> None:
    press = pack.module("nodes.bridge.controls").press_finish
    image = optimize(pack, lambda call: press("5", "first") if call == 2 else None, acts='[[4,"go_on",2]]')[0]
    assert image.shape == (2, 64, 64, 3)
