"""Transforms of other libraries: each view is changed in its own way, which repeats; what cannot be taken is named."""

import functools
import random
from typing import Any

import kornia.augmentation
import numpy as np
import torch
import torchvision.transforms as first
from torch import Tensor
from torchvision.transforms import v2

import direct_ascent as da
from cases import each_case, refuses
from das_core.views.windows import ViewGeometry
from toys import classifier, make_draws

SIDE = 32
PIXELS = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(1))
GEOMETRY = ViewGeometry((40, 40), 4, SIDE)


def darken(view: Tensor) -> Tensor:
    return view * random.uniform(0.5, 1) * np.random.uniform(0.5, 1)


RANDOM: tuple[Any, ...] = (
    v2.RandomRotation(20),
    v2.ColorJitter(0.3, 0.3, 0.3, 0.1),
    v2.RandomAffine(10, (0.1, 0.1), fill=0.5),
    v2.RandomPerspective(p=0.9),
    v2.RandomErasing(0.9, value="random", inplace=True),
    v2.RandomCrop(SIDE, padding=4),
    v2.RandomResizedCrop(SIDE),
    v2.ElasticTransform(),
    v2.GaussianNoise(),
    v2.GaussianBlur(5),
    v2.Compose([v2.RandomHorizontalFlip(), v2.RandomChoice([v2.RandomGrayscale(1.0), v2.RandomInvert(1.0)])]),
    first.Compose([first.RandomChoice([first.RandomRotation(20), first.ColorJitter(0.3)])]),
    kornia.augmentation.RandomAffine(20.0, p=1.0),
    darken,
    lambda view: view.mul_(torch.rand(1)),
)


@each_case("transform", *RANDOM)
def test_every_view_is_changed_in_its_own_way_which_repeats_in_any_chunk_and_draws_nothing_of_others(
    transform: Any,
) -> None:
    augmentation, pixels = da.views.Augmentation(6, da.views.Windows(4), (transform,)), PIXELS.clone().requires_grad_()
    torch.manual_seed(5)
    random.seed(5)
    views = augmentation.make_views(pixels, GEOMETRY, make_draws(6))
    chunks = [make_draws(1), make_draws(3, first=1), make_draws(2, first=4)]
    assert torch.equal(views, torch.cat([augmentation.make_views(pixels, GEOMETRY, draws) for draws in chunks]))
    drawn = float(torch.rand(())), random.random()
    torch.manual_seed(5)
    random.seed(5)
    assert drawn == (float(torch.rand(())), random.random())
    assert 0 <= float(views.detach().min()) <= float(views.detach().max()) <= 1
    plain = da.views.Augmentation(6, da.views.Windows(4), ()).make_views(pixels, GEOMETRY, make_draws(6))
    changes = (views - plain).flatten(1).detach()
    assert len({tuple(change.tolist()) for change in changes}) > 1
    views.sum().backward()
    assert pixels.grad is not None
    assert bool(pixels.grad.any())
    assert torch.equal(PIXELS, pixels)


def test_gradients_go_through_what_torchvision_computes_in_place() -> None:
    change = torch.randn(PIXELS.shape, generator=torch.Generator().manual_seed(2)) * 1e-4
    augmentation = da.views.Augmentation(2, da.views.Windows(4), (v2.RandomPerspective(p=1.0), v2.ColorJitter(hue=0.2)))

    def score(pixels: Tensor) -> Tensor:
        return augmentation.make_views(pixels, GEOMETRY, make_draws(2)).double().square().sum()

    pixels = PIXELS.clone().requires_grad_()
    score(pixels).backward()
    assert pixels.grad is not None
    expected = (score(PIXELS + change) - score(PIXELS - change)).item() / 2
    np.testing.assert_allclose(float((pixels.grad * change).sum()), expected, rtol=0.02)


def test_an_ascent_repeats_beside_the_transforms_of_the_library() -> None:
    transforms = (da.views.Flip(), v2.RandomAffine(20, (0.1, 0.1)), v2.ColorJitter(0.3, hue=0.2), da.views.Noise())
    # Not of grey, which has no hue.
    stack, jelly = da.ImageStack.noise(da.StackSpec(32, 32, 4)), da.classes(3).on(classifier())
    augmentation = da.views.Augmentation(5, da.views.Windows(4), transforms)
    ascents = [da.Ascent(stack, [jelly], augmentation, steps=15, chunk=chunk) for chunk in (5, 5, 2)]
    firsts = [next(iter(ascent)).image() for ascent in ascents]
    torch.testing.assert_close(firsts[0], firsts[2], rtol=0, atol=1e-4)  # In other chunks sums are rounded otherwise.
    results = [ascent.run() for ascent in ascents[:2]]
    assert torch.equal(results[0].image, results[1].image)
    scores = [record.scores["class 3"] for record in results[0].history]
    assert sum(scores[-5:]) > sum(scores[:5])


def use(transform: Any) -> Tensor:
    return da.views.Augmentation(2, da.views.Windows(4), (transform,)).make_views(PIXELS, GEOMETRY, make_draws(2))


WRONG: Any = da.views.Flip()

test_what_makes_no_views_is_named = refuses(
    use,
    (v2.RandomRotation, "RandomRotation is no transform of views; give one, such as Flip"),
    ("flip", "flip is no transform of views"),
    (
        v2.Normalize((0.5,) * 3, (0.5,) * 3),
        "transform Normalize makes -1 of black and 1 of white, .* normalisation out",
    ),
    (first.Normalize((0.4,) * 3, (0.2,) * 3), "transform Normalize makes -2 of black and 3 of white"),
    (lambda view: view / 0, "transform <lambda> makes nan of black"),
    (v2.CenterCrop(20), r"transform CenterCrop makes torch.float32 \(1, 3, 20, 20\) of views torch.float32 \(1, 3, 32"),
    (v2.ToDtype(torch.uint8), "transform ToDtype makes torch.uint8"),
    (
        v2.JPEG((10, 50)),
        r"transform JPEG fails on a view, a float tensor \(1, 3, 32, 32\), 0..1 \(RuntimeError: .* uint8",
    ),
    (first.ToTensor(), "transform ToTensor fails on a view"),
    (v2.Compose([WRONG]), "transform Compose fails on a view, .* missing 1 required positional argument: 'draws'"),
    (lambda view: None, "transform <lambda> makes a NoneType of views"),
    (
        lambda views, draws: views[:1],
        r"transform <lambda> makes torch.float32 \(1, 3, 32, 32\) of views torch.float32 \(2",
    ),
)


def test_functions_of_c_and_partial_functions_are_taken_as_functions_of_views() -> None:
    turned = functools.partial(v2.functional.rotate, angle=90)
    plain = da.views.Augmentation(2, da.views.Windows(4), ()).make_views(PIXELS, GEOMETRY, make_draws(2))
    assert torch.equal(use(torch.fliplr), plain.flip(1))
    torch.testing.assert_close(use(turned), plain.rot90(1, (2, 3)))
