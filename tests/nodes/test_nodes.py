"""Runs of the nodes, small ones: what comes out, what it can be used for next, and what stops a run."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from loaded_pack import Pack, Toy, previews
from PIL import Image
from torch import Tensor

METHODS = ("spectral", "exact", "layers")
OPTIMIZERS = (
    {"optimizer": "ascent", "momentum": 0.5},
    {"optimizer": "sgd", "learning_rate": 1.0, "momentum": 0.5},
    {"optimizer": "adam"},
)


class Watched(Toy):
    """Counts its calls and tells of each before it answers; `broken` calls and all later ones answer NaN."""

    def __init__(self, tell: Callable[[int], None] = lambda call: None, broken: int = 1000) -> None:
        super().__init__()
        self.tell, self.broken, self.calls = tell, broken, 0

    def forward(self, views: Tensor) -> Tensor:
        self.calls += 1
        self.tell(self.calls)
        return super().forward(views) * (float("nan") if self.calls >= self.broken else 1.0)


def assert_is_image(image: Any, *shape: int) -> None:
    """An IMAGE as ComfyUI's other nodes expect it."""
    assert isinstance(image, Tensor)
    assert (image.dtype, tuple(image.shape)) == (torch.float32, (*shape, 3))
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1
    assert image.is_contiguous()
    assert_is_free(image)


def assert_is_free(tensor: Tensor) -> None:
    """A tensor that the next node can use with autograd, and that keeps no graph alive."""
    assert not tensor.is_inference()
    assert not tensor.requires_grad
    assert tensor.grad_fn is None


def tensors(stack: Any) -> Iterator[Tensor]:
    """Every tensor that a stack carries."""
    yield from (
        stack.start,
        stack.canvas,
        *(stack.parameters.tensors if stack.parameters else ()),
        *(stack.optimizer_state.tensors if stack.optimizer_state else ()),
    )


def pixels(image: Tensor) -> np.ndarray:
    return (image * 255).to(torch.uint8).numpy()


def test_a_graph_with_a_real_classifier_climbs(pack: Pack, starter: Any) -> None:
    (objective,) = pack.run("DAS_ClassObjective", classifier=starter, classes="jellyfish\ngoldfish: 0.1")
    # One view, always the same, so that scores of different steps can be compared.
    still = pack.augmentation(views=1, jitter=0, zoom_min=1.0, noise=0.0, flip=0.0)
    image, stack, frames, history, _ = pack.optimize(
        stack=pack.stack(levels={"levels": "linear"}),
        objectives={"objective0": objective},
        augmentation=still,
        steps=5,
        optimizer={"optimizer": "ascent", "coarse_to_fine": 0.0},
        schedule="constant",
        frames=1,
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


@pytest.mark.parametrize("start", [{"start": "gray"}, {"start": "noise"}, {"start": "image"}])
def test_a_new_stack_is_free_of_inference_mode(pack: Pack, start: dict[str, str]) -> None:
    with torch.inference_mode():
        image = torch.rand(1, 30, 40, 3)
    stack = pack.stack(start=start, image=image if start["start"] == "image" else None)
    for tensor in tensors(stack):
        assert_is_free(tensor)


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
    even = {"schedule": "constant", "optimizer": {"optimizer": "ascent", "coarse_to_fine": 0.0, "momentum": 0.5}}
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


def test_an_augmentation_goes_on_from_another(pack: Pack) -> None:
    before = pack.augmentation(views=2, noise=0.5, flip=0.0)
    both = pack.augmentation(views=3, zoom_min=0.3, augmentation=before)
    assert both.transforms == before.transforms + pack.augmentation().transforms
    assert (both.views, both.windows.zoom_min) == (3, 0.3)


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


@pytest.mark.parametrize(("every", "shown"), [(0, [4]), (1, [1, 2, 3, 4]), (3, [3, 4])])
def test_the_last_preview_is_the_final_image(pack: Pack, every: int, shown: list[int]) -> None:
    with previews() as told:
        image = pack.optimize(steps=4, preview_every=every)[0]
    assert [done for done, _, preview in told if preview] == shown
    assert told[-1][:2] == (4, 4)
    kind, last, _ = told[-1][2]
    assert kind == "JPEG"
    assert (np.asarray(last) == pixels(image[0])).all()


def test_a_batch_is_previewed_as_one_sheet(pack: Pack) -> None:
    with previews() as told:
        pack.optimize(stack=pack.stack(batch_size=6), steps=1)
    assert told[-1][2][1].size == (2 * (64 + 2) + 2, 2 * (64 + 2) + 2)


def test_a_start_image_is_shown_as_it_was(pack: Pack) -> None:
    with torch.inference_mode():
        image = torch.rand(1, 8, 8, 3).repeat_interleave(8, 1).repeat_interleave(8, 2)
    kept = image.clone()
    stack = pack.stack(start={"start": "image", "contrast": 1.0}, image=image)
    torch.testing.assert_close(pack.run("DAS_StackToImage", stack=stack)[0], image, atol=3e-3, rtol=0)
    pale = pack.stack(start={"start": "image", "contrast": 0.5}, image=image)
    expected = 0.5 + (image - 0.5) / 2
    torch.testing.assert_close(pack.run("DAS_StackToImage", stack=pale)[0], expected, atol=3e-3, rtol=0)
    pack.optimize(stack=stack)
    assert torch.equal(image, kept)


def test_an_image_comes_in_free_of_inference_mode_however_it_lies_in_memory(pack: Pack) -> None:
    bridge = pack.module("nodes.bridge")
    with torch.inference_mode():
        for image in (torch.rand(1, 8, 9, 3), torch.rand(1, 3, 8, 9).movedim(1, -1)):
            taken = bridge.with_autograd(bridge.read_images)(image)
            assert_is_free(taken)
            assert taken.is_contiguous()
            assert torch.equal(taken, image.movedim(-1, 1))
            assert taken.data_ptr() != image.data_ptr()


def test_start_images_of_any_size_make_the_batch(pack: Pack) -> None:
    stack = pack.stack(start={"start": "image"}, image=torch.rand(3, 20, 90, 3))
    assert_is_image(pack.optimize(stack=stack)[0], 3, 64, 64)
    stack = pack.stack(start={"start": "image"}, image=torch.rand(1, 200, 30, 3), batch_size=2)
    assert_is_image(pack.run("DAS_StackToImage", stack=stack)[0], 2, 64, 64)


def test_noise_belongs_to_the_seed(pack: Pack) -> None:
    def noise(seed: int, amplitude: float) -> Tensor:
        stack = pack.stack(start={"start": "noise", "amplitude": amplitude}, seed=seed)
        image: Tensor = pack.run("DAS_StackToImage", stack=stack)[0]
        return image

    image = noise(1, 0.3)
    assert torch.equal(noise(1, 0.3), image)
    assert not torch.equal(noise(2, 0.3), image)
    assert noise(1, 0.1).std() < image.std() / 2


def test_verdicts_of_a_batch_stand_in_paragraphs(pack: Pack, toy: Any) -> None:
    with torch.inference_mode():
        image = torch.rand(3, 20, 50, 3)
    text, chart, probability = pack.run("DAS_Classify", classifier=toy, image=image, top_k=9)
    assert [block.splitlines()[0] for block in text.split("\n\n")] == [f"toy sees in image {i}:" for i in (1, 2, 3)]
    assert text.count("class ") == 3 * 4
    assert_is_image(chart, 3, *chart.shape[1:3])
    assert f"{probability:.1%}" in text.splitlines()[1]


def test_the_second_opinion_comes_in_the_precision_asked_for(pack: Pack) -> None:
    (classifier,) = pack.run("DAS_LoadClassifier", source={"source": "second_opinion"}, precision="bf16")
    assert (classifier.name, classifier.size, len(classifier.labels)) == ("EfficientNet-Lite2", 260, 1000)
    assert classifier.dtype == torch.bfloat16
    assert not any(parameter.is_inference() or parameter.requires_grad for parameter in classifier.module.parameters())


def test_a_classifier_moved_under_inference_mode_is_repaired(pack: Pack) -> None:
    module = Toy()
    module.register_buffer("shift", torch.zeros(4))
    objective = pack.objective(module)
    with torch.inference_mode():
        # What a GPU does at every move, and the CPU only when the type changes.
        module.double().float()
    assert all(parameter.is_inference() for parameter in module.parameters())
    assert module.get_buffer("shift").is_inference()
    moved = pack.optimize(objectives={"objective0": objective})[0]
    assert not any(tensor.is_inference() for tensor in (*module.parameters(), *module.buffers()))
    assert torch.equal(moved, pack.optimize()[0])


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


@pytest.mark.parametrize("batch", [1, 2])
def test_the_last_good_image_is_saved_when_a_gradient_breaks(pack: Pack, batch: int) -> None:
    # All views at once, so that a call of the model is a step.
    steady = {"schedule": "constant", "chunk": 8, "optimizer": {"optimizer": "ascent", "coarse_to_fine": 0.0}}
    stack = pack.stack(batch_size=batch)
    with pytest.raises(ValueError, match=r"'class 0' is not a number at step 3; .* of step 2.*Lower") as caught:
        pack.optimize(stack=stack, objectives={"objective0": pack.objective(Watched(broken=3))}, steps=4, **steady)
    names = re.findall(r"direct_ascent_last_good_\d+_\.png", str(caught.value))
    assert len(names) == batch
    good = pack.optimize(stack=stack, steps=2, **steady)[0]
    for name, image in zip(names, good, strict=True):
        assert (np.asarray(Image.open(pack.output / name)) == pixels(image)).all()
