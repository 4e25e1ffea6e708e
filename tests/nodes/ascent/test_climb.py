"""Optimize while it runs: frames, previews, Finish now, cancel, and what is saved when it fails."""

import gc
import math
import re
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cases import each_case
from loaded_pack import STEADY, Pack, Watched, assert_is_image, previews, to_bytes
from running_node import Running


@each_case(("steps", "every", "count"), (4, 0, 1), (4, 1, 4), (4, 2, 2), (3, 2, 2), (2, 9, 1))
def test_frames_are_every_so_many_steps_and_the_last(pack: Pack, steps: int, every: int, count: int) -> None:
    image, _, frames, history, _ = pack.optimize(steps=steps, frame_every=every)
    assert_is_image(frames, count, 64, 64)
    assert torch.equal(frames[-1:], image)
    assert [record.step for record in history] == list(range(steps))
    assert len({frame.sum().item() for frame in frames}) == count


@each_case(("every", "shown"), (0, [4]), (1, [0, 1, 2, 3, 4]), (3, [0, 1, 3, 4]))
def test_the_last_preview_is_the_final_image(pack: Pack, every: int, shown: list[int]) -> None:
    with previews() as updates:
        image = pack.optimize(steps=4, preview_every=every)[0]
    assert [done for done, _, preview in updates if preview] == shown
    assert updates[-1][:2] == (4, 4)
    if every:
        # What the ascent starts from, in place of the picture of the run before.
        assert (np.asarray(updates[0][2][1]) == 127).all()
    kind, last, _ = updates[-1][2]
    assert kind == "JPEG"
    assert (np.asarray(last) == to_bytes(image[0])).all()


@each_case(("at", "chunk", "done"), (3, 8, 2), (5, 1, 1))
def test_cancel_does_not_wait_for_the_step(pack: Pack, running: Running, at: int, chunk: int, done: int) -> None:
    import comfy.model_management

    module = Watched(lambda call: comfy.model_management.interrupt_current_processing(call == at))
    objectives = {"objective0": pack.objective(module)}
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        pack.optimize(objectives=objectives, steps=50, chunk=chunk)
    assert module.calls == at
    assert running.server.texts[-1] == f"cancelled after {done}/50 steps, nothing saved"
    assert_is_image(pack.optimize(objectives=objectives)[0], 1, 64, 64)


def finishing(pack: Pack, running: Running, at: int) -> Any:
    """An objective that presses Finish now when its model is called for this time."""
    press = pack.module("nodes.bridge.controls").press_finish

    def tell(call: int) -> None:
        if call == at:
            press(running.node_id, running.prompt_id)

    return pack.objective(Watched(tell))


@each_case(("every", "count"), (0, 1), (2, 1), (3, 1), (1, 2))
def test_finish_now_in_the_midst_of_a_step_leaves_it_out(pack: Pack, running: Running, every: int, count: int) -> None:
    # Two chunks a step: the press comes in the first chunk of the third step.
    asked = {**STEADY, "chunk": 2, "frame_every": every, "preview_every": 0}
    objectives = {"objective0": finishing(pack, running, at=5)}
    with previews() as updates:
        image, stack, kept, history, importance = pack.optimize(objectives=objectives, steps=50, **asked)
    assert running.server.texts[-1].startswith("finished at step 2/50 in ")
    whole = pack.optimize(steps=2, **asked)
    for made, expected in ((image, whole[0]), (kept, whole[2]), (importance, whole[4])):
        assert torch.equal(made, expected)
    assert len(kept) == count
    assert ([record.step for record in history], stack.steps) == ([0, 1], 2)
    done, total, (_, preview, _) = updates[-1]
    assert (done, total) == (2, 50)
    assert (np.asarray(preview) == to_bytes(image[0])).all()


def test_an_ascent_is_gone_as_soon_as_its_node_is(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[weakref.ref[Any]] = []
    loop = pack.module("nodes.ascent.loop")
    climb = loop.climb

    def note(ascent: Any, *more: Any) -> Any:
        kept.append(weakref.ref(ascent))
        return climb(ascent, *more)

    monkeypatch.setattr(loop, "climb", note)
    gc.disable()
    try:
        pack.optimize(steps=2)
        assert kept[0]() is None
    finally:
        gc.enable()


@each_case(("at", "steps"), (1, 1), (5, 2), (7, 3), (0, 4))
def test_only_what_ended_early_gets_a_new_fingerprint(pack: Pack, running: Running, at: int, steps: int) -> None:
    node = pack.node("DAS_Optimize")
    before = node.fingerprint_inputs(steps=4)
    # Two calls a step; the first step is never left out.
    history = pack.optimize(objectives={"objective0": finishing(pack, running, at)}, steps=4, chunk=2)[3]
    assert len(history) == steps
    assert (node.fingerprint_inputs(steps=4) != before) is (steps < 4)
    # The press is used up: the next run is a whole one.
    assert len(pack.optimize(steps=4)[3]) == 4


def test_cancel_after_finish_now_discards(pack: Pack, running: Running) -> None:
    import comfy.model_management

    press = pack.module("nodes.bridge.controls").press_finish

    def both(call: int) -> None:
        press(running.node_id, running.prompt_id)
        comfy.model_management.interrupt_current_processing()

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        pack.optimize(objectives={"objective0": pack.objective(Watched(both))}, steps=50)


def test_it_says_the_step_and_the_score_and_in_the_end_what_it_did(pack: Pack, running: Running) -> None:
    image, *_ = pack.optimize(steps=3)
    *before, step = running.server.texts[:4]
    end = running.server.texts[-1]  # a slow machine says the other steps too
    assert before == ["preparing 64 x 64", "loading the models", "64 x 64: first of 3 steps"]
    assert re.fullmatch(r"step 1/3 · up to \d+ s left ·\nclass 0 \S+", step)
    assert re.fullmatch(r"3 steps in \d+ s ·\nfinal: class 0 (\S+)", end)
    # Not that of a step, whose views may show little of the picture.
    scores = pack.module("das_core.report.objective_scores").score_images(image.movedim(-1, 1), pack.objective())
    assert end.split()[-1] == f"{math.exp(float(scores.table)):.0%}"


def test_no_share_is_said_under_a_look(pack: Pack, running: Running) -> None:
    """A judge is less sure of a good engraving than of a photograph."""
    pack.optimize(steps=3, look=pack.run("DAS_Look", look="engraving")[0])
    step, end = running.server.texts[3], running.server.texts[-1]
    assert re.fullmatch(r"step 1/3 · up to \d+ s left", step)
    assert re.fullmatch(r"3 steps in \d+ s", end)


CPU_ERROR = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"


@each_case(
    ("error", "says"),
    (None, r"'class 0' is not a number at step 3; .* of step 2.*Lower"),
    (RuntimeError(CPU_ERROR), "memory ran out at step 3, with one view at a time"),
    (torch.OutOfMemoryError("CUDA out of memory"), "memory ran out at step 3, with one view at a time"),
    (RuntimeError("shapes do not match"), "shapes do not match"),
)
def test_what_fails_after_the_first_step_is_saved(pack: Pack, error: RuntimeError | None, says: str) -> None:
    def fail(call: int) -> None:
        if call >= 3 and error is not None:
            raise error

    # All views at once, so that a call of the model is a step.
    steady, stack = {**STEADY, "chunk": 16}, pack.stack(batch_size=2)
    objective = pack.objective(Watched(fail, broken=1000 if error else 3))
    with pytest.raises(ValueError if error is None else type(error), match=says) as caught:
        pack.optimize(stack=stack, objectives={"objective0": objective}, steps=4, frame_every=1, **steady)
    good, reached = pack.optimize(stack=stack, steps=2, **steady)[:2]
    names = re.findall(r"direct_ascent_last_good_\d+_\.png", str(caught.value))
    for name, image in zip(names, good, strict=True):
        assert (np.asarray(Image.open(pack.output / name)) == to_bytes(image)).all()
    (name,) = re.findall(r"Its stack was saved as '(.*)': Load Stack", str(caught.value))
    (saved,) = pack.run("DAS_LoadStack", file=name)
    assert torch.equal(saved.canvas, reached.canvas)
    assert saved.steps == 2
    assert "Its 4 frames were saved as direct_ascent_last_good_frame_" in str(caught.value)
    (name,) = re.findall(r"Its scores were saved as (.*?\.csv)", str(caught.value))
    assert len((pack.output / name).read_text().splitlines()) == 1 + 2


def test_a_failed_first_step_saves_nothing_and_frees_the_cache(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[bool] = []
    before = set(pack.output.rglob("*"))
    objective = pack.objective(Watched(broken=1))
    monkeypatch.setattr(pack.module("nodes.bridge.memory").mm, "soft_empty_cache", lambda: freed.append(True))
    with pytest.raises(ValueError, match=r"'class 0' is not a number at step 1; there is no good image yet.*fp32"):
        pack.optimize(objectives={"objective0": objective})
    assert freed == [True]
    assert set(pack.output.rglob("*")) == before
