"""How far views are from the photographs of the training: against NumPy and norms as they were."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cases import each_case, refuses
from das_core.models.fold import fold_batch_norm
from das_core.models.photograph_statistics import Moments, find_norms, measure_distances, watch
from toys import count_hooks, judge, random_views


def network() -> nn.Sequential:
    """Two convolutions with norms that know something, activations that overwrite them, and a last layer."""
    torch.manual_seed(0)
    last = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    first, second = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
    for norm in (first, second):
        for values, least in ((norm.weight.data, 0.5), (norm.bias.data, -0.5), (norm.running_mean, 0.0)):
            assert values is not None
            values.uniform_(least, 1)
        assert norm.running_var is not None
        norm.running_var.uniform_(0.5, 2)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), first, nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3), second, nn.ReLU(inplace=True), *last
    ).eval()


def measure(values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """The distances of a single layer."""
    means, squares = Moments.apply(values, 1)
    return measure_distances([means], [squares], [mean], [variance])


def test_the_distance_is_its_formula_with_its_gradient() -> None:
    values = (3 * random_views(6, 4) - 1).requires_grad_()
    mean, variance = torch.tensor([0.2, -0.4, 1.0]), torch.tensor([0.5, 2.0, 1.5])
    pixels = values.detach().double().numpy()
    shift = (pixels.mean(axis=(2, 3)) - mean.numpy()) ** 2 / variance.numpy()
    deviation = np.sqrt(pixels.var(axis=(2, 3)) / variance.numpy()) - 1
    distances = measure(values, mean, variance)
    np.testing.assert_allclose(distances.detach().numpy(), (shift + deviation**2).mean(axis=1), rtol=2e-3)
    (gradient,) = torch.autograd.grad(distances[1], values)
    small = 1e-2 * torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
    ahead, behind = (measure(values.detach() + change, mean, variance)[1] for change in (small, -small))
    assert float((gradient * small).sum()) == pytest.approx(float(ahead - behind) / 2, rel=1e-2)


def test_norms_folded_or_not_know_the_same_and_the_answer_is_that_of_the_judge() -> None:
    plain = network()
    folded, seen = fold_batch_norm(deepcopy(plain).requires_grad_(False)), random_views(12, 3).requires_grad_()
    # The first of two is early.
    assert ([name for name, *_ in find_norms(plain)], [name for name, *_ in find_norms(folded)]) == (["1"], ["0"])
    answers = [watch(judge(module, 12)).answer(seen, [(0, 0)] * 3) for module in (plain, folded)]
    for module, answer in zip((plain, folded), answers, strict=True):
        assert torch.equal(answer.output, judge(module, 12)(seen))
        assert count_hooks(module) == 0
    torch.testing.assert_close(answers[0].distances, answers[1].distances, rtol=1e-4, atol=1e-5)
    # Two runs of backward, through values that activations have overwritten.
    gradients = [torch.autograd.grad(answer.distances.sum(), seen)[0] for answer in answers]
    assert all(bool(gradient.isfinite().all() and gradient.any()) for gradient in gradients)


def test_every_second_row_and_column_are_sampled_and_get_the_gradient() -> None:
    values = random_views(7, 2).requires_grad_()
    (found, expected) = (
        torch.stack(Moments.apply(each, step)) for each, step in ((values, 2), (values[:, :, ::2, ::2], 1))
    )
    assert torch.equal(found, expected)
    weights = random_views(3, 2)[:, :, :1, 0].squeeze(2)
    gradients = [torch.autograd.grad((sums * weights).sum(), values)[0] for sums in (found, expected)]
    torch.testing.assert_close(*gradients)


test_a_model_that_knows_no_photographs_is_refused = refuses(
    lambda module: watch(judge(module)),
    (nn.Sequential(nn.Conv2d(3, 4, 3)), "toy has no batch norms, which would know what photographs are like; give"),
    (nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)), "toy has no batch norms"),
)


@each_case("name, value", ("running_mean", torch.nan), ("running_var", 0.0), ("running_var", -1.0))
def test_statistics_that_are_no_statistics_are_refused(name: str, value: float) -> None:
    module = network()
    getattr(module[1], name).fill_(value)
    with pytest.raises(ValueError, match=r"the batch norms of toy are damaged or were never trained; take another"):
        watch(judge(module))
