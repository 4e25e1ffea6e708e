"""What an ascent costs a GPU beside computing, and what it computes there, seen on a stand-in for one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import pytest
import torch
from torch import Tensor

import direct_ascent
import direct_ascent as da
from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.ascent import Ascent
from das_core.ascent.denoising import Denoising
from das_core.ascent.recipe import PICTURE, SKETCH
from das_core.ascent.sgd import SGD
from das_core.facade.reading import bind
from das_core.models.classifier import Classifier
from das_core.models.clip import CLIP
from das_core.models.sources.starters import load_starter
from das_core.objectives.change import in_region
from das_core.objectives.embedding import TextSimilarity
from das_core.objectives.objective import Objective
from das_core.objectives.per_image import one_per_image
from das_core.objectives.priors import prior
from das_core.report.objective_scores import score_images
from das_core.report.verdict import compare_with_texts
from das_core.stack.image_stack import ImageStack
from das_core.stack.render import render_stack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import Distance, Flip, Grayscale, Noise
from stand_in_device import DEVICE, Traffic, stand_in_device
from tinyclip import clip as make_clip
from toys import SPEC as TOY_SPEC
from toys import classifier

SPEC = StackSpec(64, 64, 16)
IMAGE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
LEFT = torch.zeros(1, 64, 64)
LEFT[:, :, :32] = 1
VIEWS = Augmentation(3, transforms=(Flip(), Distance(0.5), Grayscale(0.5), Noise()))


@pytest.fixture(autouse=True)
def _single_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def starter() -> Classifier:
    # At 64 pixels: what is counted here does not depend on the size.
    return replace(load_starter(), size=64)


@pytest.fixture(scope="module")
def clip() -> CLIP:
    return make_clip()


def climb(objectives: Objective | Sequence[Objective], stack: ImageStack | None = None, **more: object) -> Ascent:
    settings = {"augmentation": VIEWS, "steps": 2, "device": DEVICE, **more}
    return Ascent(stack or ImageStack.gray(SPEC), objectives, **settings)  # type: ignore[arg-type]


def third_class(model: Classifier, score: str = "logit") -> Objective:
    return da.classes(3, score).on(model)  # type: ignore[arg-type]


def channel(model: Classifier, index: int) -> Objective:
    return da.feature("blocks.3", kind="channel", index=index).on(model)


def regions(model: Classifier) -> list[Objective]:
    return [in_region(third_class(model), LEFT), in_region(channel(model, 3), 1 - LEFT), prior("spectrum")]


BATCH = ImageStack.gray(SPEC, batch=2)
MASKED = ImageStack.gray(SPEC).place_into(torch.full((1, 3, 64, 64), 0.3), LEFT)
TILE = ImageStack.gray(StackSpec(64, 64, 0, tile=True))


Case = Callable[[Classifier], Ascent]

CLASSIFIERS: dict[str, Case] = {
    "sketch": lambda model: replace(SKETCH, steps=2).prepare(ImageStack.gray(SPEC), third_class(model), device=DEVICE),
    "picture": lambda model: replace(PICTURE, steps=2, augmentation=replace(PICTURE.augmentation, views=4)).prepare(
        ImageStack.gray(SPEC), third_class(model, "log_probability"), device=DEVICE
    ),
    "margin": lambda model: climb(third_class(model, "margin")),
    "regions": lambda model: climb(regions(model)),
    "mask": lambda model: climb([third_class(model), prior("l2")], MASKED, denoising=Denoising(keep=0.1)),
    "tile": lambda model: climb(third_class(model), TILE, denoising=Denoising(keep=0.1)),
    "adam": lambda model: climb(third_class(model), optimizer=Adam(), denoising=Denoising()),
    "sgd": lambda model: climb(third_class(model), optimizer=SGD(momentum=0.9)),
    "channel for each image": lambda model: climb(one_per_image((channel(model, 1), channel(model, 2))), BATCH),
    "direction": lambda model: climb(da.feature("blocks.3", "direction", direction=((3, 0.5), (9, -1))).on(model)),
    "style": lambda model: climb(da.style(IMAGE, "blocks.1").on(model)),
}


def check_step(ascent: Ascent, traffic: Traffic, most: int = 2) -> None:
    """The second step reads `most` times at most, and sends nothing but the numbers that were drawn for its views."""
    steps = iter(ascent)
    next(steps)
    assert not traffic.lacking, list(map(str, traffic.lacking))
    traffic.clear()
    next(steps)
    assert len(traffic.reads) <= most, list(map(str, traffic.reads))
    kept_waiting = [event for event in traffic.sends if not event.places[0].startswith("common/devices.py")]
    not_drawn = [event for event in traffic.sends if not event.places[1].startswith("views/")]
    assert not kept_waiting + not_drawn, list(map(str, kept_waiting + not_drawn))
    assert not traffic.lacking, list(map(str, traffic.lacking))


@each_case("case", *CLASSIFIERS)
def test_a_step_reads_twice_and_sends_draws_alone_and_nothing_needs_what_mps_lacks(
    case: str, starter: Classifier
) -> None:
    with stand_in_device() as traffic:
        real = case in ("sketch", "picture", "regions", "channel for each image", "direction", "style")
        ascent = CLASSIFIERS[case]((starter if real else classifier(64)).to(DEVICE))
        check_step(ascent, traffic)
        if case in ("mask", "tile", "adam"):
            # Nor does what a result is rendered by.
            for scale in (0.5, 1.5):
                render_stack(ascent.result.stack, scale)
            assert not traffic.lacking, list(map(str, traffic.lacking))


@each_case("similarity", "spherical", "log_probability")
def test_a_step_towards_a_text_reads_twice_and_sends_draws_alone(clip: CLIP, similarity: TextSimilarity) -> None:
    clip = replace(clip, concepts=torch.eye(clip.width))
    objective = da.text("a photo\na cat: -0.5", similarity).on(clip)
    with stand_in_device() as traffic:
        there = Objective(tuple(replace(term, judge=clip.to(DEVICE)) for term in objective.list_terms()))
        check_step(climb(there), traffic)


def test_a_step_that_compares_images_reads_once_however_many_chunks_it_has() -> None:
    with stand_in_device() as traffic:
        apart = da.diversity("2").on(classifier().to(DEVICE))
        check_step(climb(apart, ImageStack.gray(TOY_SPEC, batch=2), chunk=2, denoising=None), traffic, most=1)


def test_a_model_of_its_own_goes_once_to_where_the_render_computes() -> None:
    model, other = classifier(), classifier(seed=1)
    wish = direct_ascent.classes(3) + 0.5 * direct_ascent.caricature(IMAGE, "2").on(other)
    wish -= 0.3 * direct_ascent.channel("0", 5).on(other)
    settings: dict[str, Any] = {"size": 32, "steps": 1, "progress": False, "recipe": "sketch"}
    with stand_in_device():
        _, *bound = (term.judge for term in bind(wish, model.to(DEVICE)).list_terms())
        assert {judge and judge.device for judge in bound} == {DEVICE}
        assert len({judge and judge.module for judge in bound}) == 1
        theirs = direct_ascent.render(model, wish, device=DEVICE, **settings).image.cpu()
    assert other.device.type == "cpu"
    torch.testing.assert_close(theirs, direct_ascent.render(model, wish, **settings).image, rtol=0, atol=1e-4)


def test_images_of_the_cpu_go_to_where_the_model_is(starter: Classifier, clip: CLIP) -> None:
    targets = attrgetter("targets")

    def ask(model: Classifier, embedder: CLIP) -> list[Tensor]:
        return [
            model.probabilities(IMAGE),
            embedder.encode_images(IMAGE),
            *targets(da.style(IMAGE, "blocks.1").on(model).list_terms()[0].score),
            targets(da.image(IMAGE).on(embedder).list_terms()[0].score),
            compare_with_texts(embedder, IMAGE, ["a cat"]),
            score_images(IMAGE, [third_class(model), prior("spectrum")]).table,
        ]

    with stand_in_device():
        there = [answer.cpu() for answer in ask(starter.to(DEVICE), clip.to(DEVICE))]
    torch.testing.assert_close(there, ask(starter, clip), rtol=1e-4, atol=1e-5)


def test_the_way_of_a_gpu_leads_to_the_picture_of_a_cpu(starter: Classifier) -> None:
    def run(model: Classifier, device: torch.device) -> Tensor:
        # One step: with each further one, the differences of rounding grow, by how much depends on the processor.
        return climb(third_class(model), device=device, chunk=3, steps=1).run().image

    with stand_in_device():
        theirs = run(starter.to(DEVICE), DEVICE).cpu()
    torch.testing.assert_close(theirs, run(starter, torch.device("cpu")), rtol=0, atol=1e-4)


READS: dict[str, Callable[[Tensor], object]] = {
    "item": lambda values: values[0].item(),
    "list": lambda values: values.tolist(),
    "copy": Tensor.cpu,
    "copied into": lambda values: torch.zeros(3).copy_(values),
    "mask": lambda values: values[values > 0],
    "equal": lambda values: torch.equal(values, values + 1),
}

SENDS: dict[str, Callable[[Tensor], object]] = {
    "tensor": lambda values: torch.tensor([1.0], device=values.device),
    "copy": lambda values: torch.ones(2).to(values),
    "copied into": lambda values: values.copy_(torch.ones(3)),
    "list as index": lambda values: values[[0, 2]],
    "index": lambda values: values[torch.tensor([0, 2])],
}


@each_case(
    ("way", "use", "seen"),
    *[(way, use, (1, 0)) for way, use in READS.items()] + [(way, use, (0, 1)) for way, use in SENDS.items()],
)
def test_the_stand_in_sees_every_way_to_read_and_to_send(
    way: str, use: Callable[[Tensor], object], seen: tuple[int, int]
) -> None:
    with stand_in_device() as traffic:
        values = torch.arange(3.0, device=DEVICE)
        assert not traffic.reads
        use(values)
    assert (len(traffic.reads), len(traffic.sends)) == seen


def test_the_stand_in_sees_the_backward_pass() -> None:
    with stand_in_device() as traffic:
        values = torch.ones(3, device=DEVICE).requires_grad_()
        made = values * 2
        made.register_hook(lambda gradient: gradient * torch.tensor([3.0], device=DEVICE) * float(gradient[0]))
        (gradient,) = torch.autograd.grad(made.sum(), values)
        assert (len(traffic.reads), len(traffic.sends)) == (1, 1)
        assert gradient.tolist() == [6.0, 6.0, 6.0]


def test_the_stand_in_refuses_a_tensor_of_the_cpu_and_sees_what_mps_lacks() -> None:
    with stand_in_device() as traffic:
        values = torch.arange(3.0, device=DEVICE)
        with pytest.raises(RuntimeError, match="a tensor of the CPU among those of the device"):
            values + torch.ones(3)
        assert not traffic.lacking
        values.double()
        values.to(torch.complex64).add(values, alpha=1j)
    assert [event.operator for event in traffic.lacking] == ["aten._to_copy", "aten.add"]
