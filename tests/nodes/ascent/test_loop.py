"""Optimize: what comes out, what it can be used for next, what is shown meanwhile, and what stops a run."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from loaded_pack import (
    STEADY,
    Pack,
    assert_is_free,
    assert_is_image,
    assert_refused,
)
from watched import Watched

METHODS = ("spectral", "layers")
OPTIMIZERS = (
    {"optimizer": "ascent", "momentum": 0.5},
    {"optimizer": "sgd", "learning_rate": 1.0, "momentum": 0.5},
    {"optimizer": "adam"},
)
GIGA = 2**30


def tensors(stack: Any) -> Iterator[Tensor]:
    """Every tensor that a stack carries."""
    yield from (
        stack.start,
        stack.canvas,
        *(stack.parameters.tensors if stack.parameters else ()),
        *(stack.optimizer_state.tensors if stack.optimizer_state else ()),
    )


def test_a_graph_with_a_real_classifier_climbs(pack: Pack, starter: Any) -> None:
    (objective,) = pack.run("DAS_ClassObjective", classifier=starter, classes="jellyfish\ngoldfish: 0.1", score="logit")
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


@each_case(("width", "height", "margin", "batch"), [(64, 48, 16, 1), (48, 80, 0, 2)])
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


@each_case("optimizer", OPTIMIZERS)
@each_case("method", METHODS)
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
        assert list(judges) == [objective.terms[0].judge]
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


@each_case(
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


@each_case(
    ("optimizer", "advice"),
    [
        (OPTIMIZERS[0], "make width, height, margin or batch_size smaller"),
        (OPTIMIZERS[2], "set optimizer to ascent or sgd and method to spectral, take fewer levels, or a smaller"),
    ],
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
    r"no objective is given.* give": lambda pack: pack.optimize(objectives={}),
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


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)


def test_views_that_do_not_fit_at_once_are_named_on_a_cpu(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    objectives = {"objective0": pack.objective(Watched())}
    set_free_memory(2**27)
    assert_is_image(pack.optimize(objectives=objectives, steps=1)[0], 1, 64, 64)
    set_free_memory(2**24)
    views = pack.augmentation(views=512)
    with pytest.raises(ValueError, match=r"showing 512 views at once needs about .* are free: set chunk to 0"):
        pack.optimize(objectives=objectives, steps=1, chunk=512, augmentation=views)
