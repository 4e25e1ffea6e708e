"""Optimize: what comes out, what it can be used for next, what is shown meanwhile, and what stops a run."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from loaded_pack import (
    STEADY,
    Pack,
    Toy,
    assert_is_free,
    assert_is_image,
    assert_refused,
    previews,
    to_bytes,
)
from running_node import Running

METHODS = ("spectral", "exact", "layers")
OPTIMIZERS = (
    {"optimizer": "ascent", "momentum": 0.5},
    {"optimizer": "sgd", "learning_rate": 1.0, "momentum": 0.5},
    {"optimizer": "adam"},
)
GIGA = 2**30


class Watched(Toy):
    """Counts its calls and tells of each before it answers; `broken` calls and all later ones answer NaN."""

    def __init__(self, tell: Callable[[int], None] = lambda call: None, broken: int = 1000) -> None:
        super().__init__()
        self.tell, self.broken, self.calls = tell, broken, 0

    def forward(self, views: Tensor) -> Tensor:
        # On the meta device only memory is counted.
        if views.is_meta:
            return super().forward(views)
        self.calls += 1
        self.tell(self.calls)
        return super().forward(views) * (float("nan") if self.calls >= self.broken else 1.0)


def tensors(stack: Any) -> Iterator[Tensor]:
    """Every tensor that a stack carries."""
    yield from (
        stack.start,
        stack.canvas,
        *(stack.parameters.tensors if stack.parameters else ()),
        *(stack.optimizer_state.tensors if stack.optimizer_state else ()),
    )


def test_a_graph_with_a_real_classifier_climbs(pack: Pack, starter: Any) -> None:
    (objective,) = pack.run("DAS_ClassObjective", classifier=starter, classes="jellyfish\ngoldfish: 0.1")
    image, stack, frames, history, _ = pack.optimize(
        stack=pack.stack(levels={"levels": "linear"}),
        objectives={"objective0": objective},
        augmentation=pack.still(),
        steps=5,
        frames=1,
        **STEADY,
    )
    assert_is_image(image, 1, 64, 64)
    assert_is_image(frames, 5, 64, 64)
    scores = [record.scores["jellyfish, goldfish"] for record in history]
    assert scores[-1] > scores[0] + 1
    assert torch.equal(pack.run("DAS_StackToImage", stack=stack)[0], image)

    text, chart, probability = pack.run("DAS_Classify", classifier=starter, image=image, top_k=3)
    lines = text.splitlines()
    assert lines[0] == "EfficientNet-Lite0 sees:"
    assert len(lines) == 4
    assert lines[1].split()[0] == f"{probability:.1%}"
    assert 0 < probability < 1
    assert_is_image(chart, 1, *chart.shape[1:3])


@pytest.mark.parametrize(("width", "height", "margin", "batch"), [(64, 48, 16, 1), (48, 80, 0, 2)])
def test_outputs_have_the_size_of_the_picture_and_the_batch(
    pack: Pack, width: int, height: int, margin: int, batch: int
) -> None:
    stack = pack.stack(width=width, height=height, margin=margin, batch_size=batch)
    assert_is_image(pack.run("DAS_StackToImage", stack=stack)[0], batch, height, width)
    image, after, frames, _, importance = pack.optimize(
        stack=stack, augmentation=pack.augmentation(jitter=margin), frames=1
    )
    assert_is_image(image, batch, height, width)
    assert importance.shape == (batch, height, width)
    assert importance.device == image.device
    assert importance.min() >= 0
    assert importance.max() == 1
    assert_is_image(frames, 2 * batch, height, width)
    assert tuple(after.canvas.shape) == (batch, 3, height + 2 * margin, width + 2 * margin)
    assert batch == 1 or not torch.equal(image[0], image[1])


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda choice: choice["optimizer"])
@pytest.mark.parametrize("method", METHODS)
def test_a_stack_that_has_climbed_is_free_and_goes_on(pack: Pack, method: str, optimizer: dict[str, Any]) -> None:
    stack = pack.stack(method=method)
    first, after, _, early, _ = pack.optimize(stack=stack, optimizer=optimizer)
    for tensor in tensors(after):
        assert_is_free(tensor)
    second, _, _, late, _ = pack.optimize(stack=after, optimizer=optimizer)
    assert [record.step for record in (*early, *late)] == [0, 1, 2, 3]
    assert not torch.equal(first, second)
    assert torch.equal(pack.run("DAS_StackToImage", stack=after)[0], first)


def test_two_ascents_in_a_row_are_one_ascent(pack: Pack) -> None:
    even = STEADY | {"optimizer": {"optimizer": "ascent", "coarse_to_fine": 0.0, "momentum": 0.5}}
    whole = pack.optimize(steps=4, **even)
    half = pack.optimize(steps=2, **even)
    rest = pack.optimize(steps=2, stack=half[1], **even)
    assert torch.equal(rest[0], whole[0])
    assert half[3] + rest[3] == whole[3]


def test_the_seed_decides_and_the_chunk_only_rounds(pack: Pack) -> None:
    image = pack.optimize(seed=3)[0]
    assert torch.equal(pack.optimize(seed=3)[0], image)
    assert not torch.allclose(pack.optimize(seed=4)[0], image, atol=1e-3)
    torch.testing.assert_close(pack.optimize(seed=3, chunk=3)[0], image, atol=1e-3, rtol=0)


def test_without_an_augmentation_views_fit_the_margin(pack: Pack) -> None:
    assert_is_image(pack.optimize(augmentation=None, steps=1)[0], 1, 64, 64)


def test_weighted_objectives_are_recorded_by_name(pack: Pack, toy: Any) -> None:
    asked = {
        # Slots with gaps, as after pulling a link out.
        f"objective{slot}": pack.run("DAS_ClassObjective", classifier=toy, classes=classes, weight=weight)[0]
        for slot, classes, weight in ((0, "1", 1.0), (3, "2: 0.5", -0.3), (5, "1", 0.2))
    }
    history = pack.optimize(objectives=asked | {"objective4": None})[3]
    assert list(history[0].scores) == ["class 1", "class 2", "class 1 (2)"]
    assert all(record.gradient_norm > 0 for record in history)


@pytest.mark.parametrize(("steps", "every", "count"), [(4, 0, 1), (4, 1, 4), (4, 2, 2), (3, 2, 2), (2, 9, 1)])
def test_frames_are_every_so_many_steps_and_the_last(pack: Pack, steps: int, every: int, count: int) -> None:
    image, _, frames, history, _ = pack.optimize(steps=steps, frames=every)
    assert_is_image(frames, count, 64, 64)
    assert torch.equal(frames[-1:], image)
    assert [record.step for record in history] == list(range(steps))
    assert len({frame.sum().item() for frame in frames}) == count


@pytest.mark.parametrize(("every", "shown"), [(0, [4]), (1, [0, 1, 2, 3, 4]), (3, [0, 1, 3, 4])])
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


def test_an_interrupt_before_the_run_stops_it(pack: Pack) -> None:
    import comfy.model_management

    module = Watched()
    objectives = {"objective0": pack.objective(module)}
    comfy.model_management.interrupt_current_processing()
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        pack.optimize(objectives=objectives, steps=50)
    assert module.calls <= 1
    assert_is_image(pack.optimize(objectives=objectives)[0], 1, 64, 64)


def test_an_interrupt_stops_within_the_step(pack: Pack) -> None:
    import comfy.model_management

    module = Watched(lambda call: comfy.model_management.interrupt_current_processing(call == 3))
    objectives = {"objective0": pack.objective(module)}
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        pack.optimize(objectives=objectives, steps=50)
    assert module.calls == 3
    assert_is_image(pack.optimize(objectives=objectives)[0], 1, 64, 64)


def test_a_cancelled_run_says_how_far_it_came(pack: Pack, running: Running) -> None:
    import comfy.model_management

    module = Watched(lambda call: comfy.model_management.interrupt_current_processing(call == 3))
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        pack.optimize(objectives={"objective0": pack.objective(module)}, steps=50, **{**STEADY, "chunk": 8})
    assert running.server.texts[-1] == "cancelled after 3/50 steps, nothing saved"


def test_a_run_that_is_cancelled_before_its_first_step_says_so(
    pack: Pack, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.model_management

    def cancel(*_: Any) -> None:
        comfy.model_management.interrupt_current_processing()

    monkeypatch.setattr(pack.module("nodes.ascent.loop").bridge, "load_judges", cancel)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        pack.optimize(steps=50)
    assert running.server.texts[-1] == "cancelled after 0/50 steps, nothing saved"


def finishing(pack: Pack, running: Running, at: int) -> Any:
    """An objective during whose step of this number Finish now is pressed; all views of a step are one call."""
    press = pack.module("nodes.bridge.finish").press_finish
    return pack.objective(Watched(lambda call: call == at and press(running.node_id, running.prompt_id)))


def test_finish_now_ends_after_the_step_with_the_picture_so_far(pack: Pack, running: Running) -> None:
    steady = {**STEADY, "chunk": 8}
    with previews() as updates:
        image, stack, frames, history, importance = pack.optimize(
            objectives={"objective0": finishing(pack, running, at=3)}, steps=50, frames=2, preview_every=0, **steady
        )
    whole = pack.optimize(steps=3, frames=2, **steady)
    assert torch.equal(image, whole[0])
    assert torch.equal(frames, whole[2])
    assert len(frames) == 2
    assert torch.equal(importance, whole[4])
    assert ([record.step for record in history], stack.steps) == ([0, 1, 2], 3)
    done, total, (_, preview, _) = updates[-1]
    assert (done, total) == (3, 50)
    assert (np.asarray(preview) == to_bytes(image[0])).all()


@pytest.mark.parametrize(("at", "ends_early"), [(1, True), (3, True), (4, False), (None, False)])
def test_only_what_ended_early_gets_a_new_fingerprint(
    pack: Pack, running: Running, at: int | None, ends_early: bool
) -> None:
    node = pack.node("DAS_Optimize")
    before = node.fingerprint_inputs(steps=4)
    objective = finishing(pack, running, at or 0)
    history = pack.optimize(objectives={"objective0": objective}, steps=4, chunk=8)[3]
    assert len(history) == (at or 4)
    assert (node.fingerprint_inputs(steps=4) != before) is ends_early
    # The press is used up: the next run is a whole one.
    assert len(pack.optimize(steps=4)[3]) == 4


def test_cancel_after_finish_now_discards(pack: Pack, running: Running) -> None:
    import comfy.model_management

    press = pack.module("nodes.bridge.finish").press_finish

    def both(call: int) -> None:
        press(running.node_id, running.prompt_id)
        comfy.model_management.interrupt_current_processing()

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        pack.optimize(objectives={"objective0": pack.objective(Watched(both))}, steps=50)


def test_it_says_the_step_and_the_score_and_in_the_end_what_it_did(pack: Pack, running: Running) -> None:
    history = pack.optimize(steps=3)[3]
    first, *steps, end = running.server.texts
    assert first == "loading the models"
    assert steps
    assert re.fullmatch(r"step 1/3 ·\nclass 0 -?\S+", steps[0])
    assert re.fullmatch(r"3 steps in \d+ s ·\nclass 0 (\S+)", end)
    assert float(end.split()[-1]) == pytest.approx(history[-1].scores["class 0"], rel=0.01)


@pytest.mark.parametrize("batch", [1, 2])
def test_the_last_good_image_is_saved_when_a_gradient_breaks(pack: Pack, batch: int) -> None:
    # All views at once, so that a call of the model is a step.
    steady = {**STEADY, "chunk": 8}
    stack = pack.stack(batch_size=batch)
    with pytest.raises(ValueError, match=r"'class 0' is not a number at step 3; .* of step 2.*Lower") as caught:
        pack.optimize(stack=stack, objectives={"objective0": pack.objective(Watched(broken=3))}, steps=4, **steady)
    names = re.findall(r"direct_ascent_last_good_\d+_\.png", str(caught.value))
    assert len(names) == batch
    good = pack.optimize(stack=stack, steps=2, **steady)[0]
    for name, image in zip(names, good, strict=True):
        assert (np.asarray(Image.open(pack.output / name)) == to_bytes(image)).all()


CPU_ERROR = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RuntimeError(CPU_ERROR), "memory ran out at step 3, with one view at a time"),
        (torch.OutOfMemoryError("CUDA out of memory"), "memory ran out at step 3, with one view at a time"),
        (RuntimeError("shapes do not match"), "shapes do not match"),
    ],
    ids=["cpu", "cuda", "other"],
)
def test_whatever_fails_after_the_first_step_all_that_was_reached_is_saved(
    pack: Pack, error: RuntimeError, says: str
) -> None:
    def fail(call: int) -> None:
        if call >= 3:
            raise error

    steady, stack = {**STEADY, "chunk": 8}, pack.stack()
    with pytest.raises(RuntimeError, match=says) as caught:
        pack.optimize(
            stack=stack, objectives={"objective0": pack.objective(Watched(fail))}, steps=4, frames=1, **steady
        )
    good, reached = pack.optimize(stack=stack, steps=2, **steady)[:2]
    (name,) = re.findall(r"direct_ascent_last_good_\d+_\.png", str(caught.value))
    assert (np.asarray(Image.open(pack.output / name)) == to_bytes(good[0])).all()
    (name,) = re.findall(r"Its stack was saved as '(.*)': Load Stack", str(caught.value))
    (saved,) = pack.run("DAS_LoadStack", file=name)
    assert torch.equal(saved.canvas, reached.canvas)
    assert saved.steps == 2
    assert "Its 2 frames were saved as direct_ascent_last_good_frame_" in str(caught.value)
    (name,) = re.findall(r"Its scores were saved as (.*?\.csv)", str(caught.value))
    assert len((pack.output / name).read_text().splitlines()) == 1 + 2


def test_judges_are_loaded_before_the_first_step_and_the_cache_is_freed_after_the_last(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    objective = pack.objective(Watched(lambda call: events.append(f"views {call}")))
    memory = pack.module("nodes.bridge.memory").mm
    monkeypatch.setattr(memory, "soft_empty_cache", lambda: events.append("freed"))
    bridge, load = pack.module("nodes.bridge"), pack.module("nodes.bridge").load_judges

    def record(judges: tuple[Any, ...], views: int, room: int) -> None:
        events.append(f"loaded for {views} views at a time")
        assert list(judges) == [objective.judge]
        assert room > views * 16 * 16
        load(judges, views, room)

    monkeypatch.setattr(bridge, "load_judges", record)
    pack.optimize(objectives={"objective0": objective}, steps=2, chunk=4)
    assert events == ["loaded for 4 views at a time", "views 1", "views 2", "freed"]


def test_the_cache_is_freed_when_a_run_fails(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[bool] = []
    objective = pack.objective(Watched(broken=1))
    monkeypatch.setattr(pack.module("nodes.bridge.memory").mm, "soft_empty_cache", lambda: freed.append(True))
    with pytest.raises(ValueError, match="is not a number at step 1"):
        pack.optimize(objectives={"objective0": objective})
    assert freed == [True]


class Broken(nn.Module):
    """Answers NaN."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3)) * float("nan")


class Constant(nn.Module):
    """Answers the same whatever it sees."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3)) * 0 + 1


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Broken(), r"gradient of 'class 0' is not a number at step 1; there is no good image yet.*fp32"),
        (Constant(), r"gradient of 'class 0' vanished at step 1.*no good image yet.*logit"),
    ],
)
def test_a_gradient_that_leads_nowhere_stops_at_the_first_step(pack: Pack, module: nn.Module, message: str) -> None:
    before = set(pack.output.glob("*.png"))
    objective = pack.run("DAS_ClassObjective", classifier=pack.classifier(module, classes=3), classes="0")[0]
    assert_refused(pack, message, lambda pack: pack.optimize(objectives={"objective0": objective}))
    assert set(pack.output.glob("*.png")) == before, "there was no good image to save"


def test_frames_that_do_not_fit_into_memory_are_refused_before_the_first_step(
    pack: Pack, set_free_memory: Callable[[int], None]
) -> None:
    stack, objective, augmentation = pack.stack(), pack.objective(), pack.augmentation()
    given = {"stack": stack, "objectives": {"objective0": objective}, "augmentation": augmentation}
    set_free_memory(4 * GIGA)
    message = (
        r"keeping 50000 frames needs about 4.6 GiB, and 4.0 GiB are free: set frames to 2 or more.* 25000, or to 0"
    )
    with pytest.raises(ValueError, match=message):
        pack.run("DAS_Optimize", steps=50000, frames=1, **given)
    set_free_memory(2 * 4 * 3 * 64 * 64 - 1)
    with pytest.raises(ValueError, match=r"keeping 1 frames .*: make the picture or the batch smaller"):
        pack.run("DAS_Optimize", steps=5, **given)
    set_free_memory(4 * GIGA)
    assert len(pack.run("DAS_Optimize", steps=2, frames=1, **given)[2]) == 2


@pytest.mark.parametrize(
    ("optimizer", "advice"),
    [
        (OPTIMIZERS[0], "make width, height, margin or batch_size smaller"),
        (OPTIMIZERS[2], "set optimizer to ascent or sgd and method to spectral, take fewer levels, or a smaller"),
    ],
    ids=["ascent", "adam"],
)
def test_an_ascent_that_does_not_fit_into_memory_is_refused_before_the_first_step(
    pack: Pack, set_free_memory: Callable[[int], None], optimizer: dict[str, Any], advice: str
) -> None:
    module = Watched()
    given = {"stack": pack.stack(), "objectives": {"objective0": pack.objective(module)}, "optimizer": optimizer}
    # Enough for the picture, and for what nodes before it have asked for.
    set_free_memory(2**20)
    with pytest.raises(ValueError, match=rf"an ascent of 1 x 64 x 64 with 8 levels needs about .* are free: {advice}"):
        pack.optimize(**given)
    assert module.calls == 0
    set_free_memory(GIGA)
    assert_is_image(pack.optimize(**given)[0], 1, 64, 64)


def test_without_a_stack_it_climbs_one_of_the_default_size_from_grey(pack: Pack) -> None:
    given = {"objectives": {"objective0": pack.objective()}, "steps": 1}
    image = pack.run("DAS_Optimize", **given)[0]
    assert_is_image(image, 1, 448, 448)
    made = pack.run("DAS_Optimize", stack=pack.run("DAS_ImageStack")[0], **given)
    assert made[0].equal(image)


BAD: dict[str, Callable[[Pack], object]] = {
    r"steps 0 .* at least 1": lambda pack: pack.optimize(steps=0),
    r"chunk -1 is negative": lambda pack: pack.optimize(chunk=-1),
    r"no objective is connected.* connect": lambda pack: pack.optimize(objectives={}),
    r"weights of all objectives are 0.* raise": (
        lambda pack: pack.optimize(objectives={"objective0": pack.objective(weight=0.0)})
    ),
    r"jitter 80 .*margin of 56 .*lower jitter to 56 .* margin to 80": lambda pack: pack.optimize(
        stack=pack.stack(margin=56), augmentation=pack.augmentation(jitter=80)
    ),
    r"jitter_end 80 .*margin of 16 .*lower jitter_end to 16": lambda pack: pack.optimize(
        augmentation=pack.augmentation(over_time={"over_time": "scheduled", "jitter_end": 80})
    ),
}


@pytest.mark.parametrize(("message", "bad"), list(BAD.items()), ids=list(BAD))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
