"""Optimize: what comes out, what it can be used for next, what is shown meanwhile, and what stops a run."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from loaded_pack import STEADY, Pack, Watched, assert_is_image


def test_a_graph_with_a_real_classifier_climbs(pack: Pack, starter: Any) -> None:
    (objective,) = pack.run("DAS_ClassObjective", classifier=starter, classes="jellyfish\ngoldfish: 0.1", score="logit")
    asked = {"objectives": {"objective0": objective}, "augmentation": pack.still()}
    slow = STEADY | {"optimizer": STEADY["optimizer"] | {"step_size": 0.03}}
    image, stack, _, history, _ = pack.optimize(steps=4, **asked, **slow)
    scores = [record.scores["jellyfish, goldfish"] for record in history]
    assert scores[-1] > scores[0] + 1
    assert torch.equal(pack.run("DAS_StackToImage", stack=stack)[0], image)


def test_outputs_have_the_size_of_the_picture_and_the_batch(pack: Pack) -> None:
    stack = pack.stack(width=48, height=80, batch_size=2)
    image, after, frames, _, importance = pack.optimize(stack=stack, frame_every=1)
    assert_is_image(image, 2, 80, 48)
    assert_is_image(frames, 4, 80, 48)
    assert (tuple(importance.shape), importance.device) == ((2, 80, 48), image.device)
    assert (importance.min() >= 0, importance.max()) == (True, 1)
    assert tuple(after.canvas.shape) == (2, 3, 112, 80)
    assert not torch.equal(image[0], image[1])


def test_objectives_are_recorded_by_name_whatever_slots_they_have(pack: Pack) -> None:
    asked = {"objective0": pack.objective(classes="1"), "objective3": pack.objective(classes="2"), "objective4": None}
    assert list(pack.optimize(objectives=asked)[3][0].scores) == ["class 1", "class 2"]
    with pytest.raises(ValueError, match=r"no objective is given.* give"):
        pack.optimize(objectives={})


def test_judges_are_loaded_first_and_the_cache_is_freed_last(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    objective = pack.objective(Watched(lambda call: events.append(f"views {call}")))
    memory = pack.module("nodes.bridge.memory").mm
    monkeypatch.setattr(memory, "soft_empty_cache", lambda: events.append("freed"))
    bridge, load = pack.module("nodes.bridge"), pack.module("nodes.bridge").load_judges

    def record(judges: tuple[Any, ...], views: int, room: int) -> None:
        events.append(f"loaded for {views} views at a time")
        assert list(judges) == [objective.terms[0].judge]
        assert room > views * 16 * 16
        load(judges, views, room)

    monkeypatch.setattr(bridge, "load_judges", record)
    pack.optimize(objectives={"objective0": objective}, steps=2, chunk=4)
    assert events == ["loaded for 4 views at a time", "views 1", "views 2", "views 3", "freed"]


def test_an_ascent_that_does_not_fit_into_memory_is_refused(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    module = Watched()
    given = {"stack": pack.stack(), "objectives": {"objective0": pack.objective(module)}}
    # Enough for the picture, and for what nodes before it have asked for.
    set_free_memory(2**20)
    for optimizer, advice in (
        ("ascent", "make width, height, margin or batch_size smaller"),
        ("adam", "set optimizer to ascent or sgd and method to spectral, take fewer levels, or a smaller"),
    ):
        with pytest.raises(ValueError, match=rf"an ascent of 1 x 64 x 64 with 8 levels needs .* are free: {advice}"):
            pack.optimize(**given, optimizer={"optimizer": optimizer})
    assert module.calls == 0
    set_free_memory(4 * 2**30)
    with pytest.raises(ValueError, match=r"keeping 50000 frames needs about 4.6 GiB, .* set frame_every to 2 or more"):
        pack.run("DAS_Optimize", steps=50000, frame_every=1, **given)


def test_without_a_stack_it_climbs_one_of_the_default_size_from_grey(pack: Pack) -> None:
    objectives = {"objective0": pack.objective()}
    image, stack, *_ = pack.run("DAS_Optimize", objectives=objectives, augmentation=pack.still(), steps=1)
    assert_is_image(image, 1, 448, 448)
    assert not stack.start.any()


def test_views_that_do_not_fit_at_once_are_named_on_a_cpu(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    given = {"objectives": {"objective0": pack.objective(Watched())}, "steps": 1}
    set_free_memory(2**27)
    assert_is_image(pack.optimize(**given)[0], 1, 64, 64)
    set_free_memory(2**24)
    with pytest.raises(ValueError, match=r"showing 512 views at once needs about .* are free: set chunk to 0"):
        pack.optimize(**given, chunk=512, augmentation=pack.augmentation(views=512))
