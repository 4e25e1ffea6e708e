"""Folded models against themselves unfolded: same outputs, same gradients."""

import signal
import sys
import threading
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import timm
import torch
import torchvision
from timm.layers import BatchNormAct2d, StdConv2d
from torch import Tensor, nn
from torch.fx import _symbolic_trace as tracing
from torch.nn.utils import parametrizations
from torchvision.models import DenseNet

from cases import each_case
from das_core.models.fold import fold_batch_norm
from toys import count_batch_norms


def randomised(module: nn.Module, dtype: torch.dtype = torch.float64) -> nn.Module:
    """The module evaluating and frozen, its norms as far from doing nothing as trained ones."""
    generator = torch.Generator().manual_seed(0)
    for norm in (part for part in module.modules() if isinstance(part, nn.BatchNorm2d)):
        for values, low, high in (
            (norm.running_mean, -0.5, 0.5),
            (norm.running_var, 0.5, 2.0),
            (norm.weight, 0.5, 1.5),
            (norm.bias, -0.5, 0.5),
        ):
            if values is not None:
                values.data.uniform_(low, high, generator=generator)
    return module.to(dtype).eval().requires_grad_(False)


def answer(module: nn.Module, size: int) -> tuple[Tensor, Tensor]:
    """The output for two images, and the gradient of a random mix of it at them."""
    generator = torch.Generator().manual_seed(1)
    dtype = next(module.parameters()).dtype
    images = torch.rand(2, 3, size, size, generator=generator, dtype=dtype).requires_grad_()
    output = module(images)
    mix = torch.randn(output.shape, generator=generator, dtype=dtype)
    (gradient,) = torch.autograd.grad((output * mix).sum(), images)
    return output.detach(), gradient


def assert_same(folded: nn.Module, module: nn.Module, size: int, tolerance: float = 1e-12) -> None:
    for after, before in zip(answer(folded, size), answer(module, size), strict=True):
        largest = before.abs().max()
        assert float(largest) > 0
        torch.testing.assert_close(after / largest, before / largest, rtol=0, atol=tolerance)


@each_case(
    ("build", "dtype", "tolerance", "left"),
    # Single where convolutions are depthwise: in double, those are slow on a CPU.
    (partial(timm.create_model, "tf_efficientnet_lite0"), torch.float32, 2e-5, 0),
    # Here most norms stand before a convolution, where folding would be wrong at the padded border.
    (partial(DenseNet, 4, (2, 2, 2, 2), 8), torch.float64, 1e-10, 12),
    # Its auxiliary heads are silent in evaluation, so the norms in there are never seen.
    (partial(torchvision.models.googlenet, init_weights=False), torch.float64, 1e-10, 2),
)
def test_folds_say_the_same(build: Callable[[], nn.Module], dtype: torch.dtype, tolerance: float, left: int) -> None:
    torch.manual_seed(0)
    module = randomised(build(), dtype)
    copy = deepcopy(module)
    folded = fold_batch_norm(copy)
    assert folded is copy
    assert count_batch_norms(folded) == left
    assert_same(folded, module, 32, tolerance)
    kept = [name for name, part in module.named_modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)]
    assert set(kept) <= set(dict(folded.named_modules()))
    assert not any(parameter.requires_grad for parameter in folded.parameters())


class Odd(nn.Module):
    """A convolution, a norm, and a forward that does something else with them than the usual."""

    def __init__(self, forward: Callable[["Odd", Tensor], Tensor], norm: nn.Module | None = None) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = norm or nn.BatchNorm2d(4)
        self.other: nn.Module = nn.Conv2d(4, 4, 1)
        self._forward = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def plain(m: Odd, x: Tensor) -> Tensor:
    return torch.relu(m.norm(m.conv(x)))


def output_read_twice(m: Odd, x: Tensor) -> Tensor:
    y = m.conv(x)
    return torch.cat([m.norm(y), y], dim=1)


class MyNorm(nn.BatchNorm2d):
    """A norm of which nothing is known."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).square()


def hooked_between() -> nn.Module:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    module[0].register_forward_hook(lambda _, __, output: output.tanh())
    return module


def named_twice() -> nn.Module:
    module = Odd(plain)
    module.other = module.conv
    return module


@each_case(
    ("build", "left"),

        *((partial(Odd, forward), left) for forward, left in [
            (plain, 0),
            (output_read_twice, 1),
            (lambda m, x: m.norm(m.conv(x)) * torch.relu(m.conv(x.flip(3))), 1),  # The convolution is called twice.
            (lambda m, x: m.norm(m.other(m.norm(m.conv(x)))), 1),  # The norm is called twice.
            (lambda m, x: m.other(m.norm(torch.relu(m.conv(x)))), 1),
            (lambda m, x: m.norm(m.conv(x)) * m.conv.weight.mean(), 1),
            (lambda m, x: torch.relu(m.norm(input=m.conv(x))), 1),
            (lambda m, x: torch.relu(m.norm(m.conv(input=x))), 1),
            (lambda m, x: m.norm(m.conv(x)) if bool(x.mean() > 0) else m.conv(x), 1),
        ]),
        # Norms of other kinds.
        *((partial(Odd, plain, norm), left) for norm, left in [
            (nn.BatchNorm2d(4, affine=False), 0),
            (nn.BatchNorm2d(4, eps=0.3), 0),
            (nn.BatchNorm2d(4, track_running_stats=False), 1),
            (BatchNormAct2d(4, act_layer=nn.SiLU), 0),
            (BatchNormAct2d(4, apply_act=False), 0),
            (nn.GroupNorm(2, 4), 0),
        ]),
        # Modules that do more.
        (partial(nn.Sequential, StdConv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()), 1),
        (partial(nn.Sequential, parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4), nn.ReLU()), 1),
        (partial(nn.Sequential, nn.Conv2d(3, 4, 3), MyNorm(4), nn.ReLU()), 1),
        (hooked_between, 1),
        (named_twice, 1),
)  # fmt: skip
def test_what_would_not_be_exact_is_left(build: Callable[[], nn.Module], left: int) -> None:
    module = randomised(build())
    folded = fold_batch_norm(deepcopy(module))
    assert count_batch_norms(folded) == left
    assert_same(folded, module, 8)


def test_a_norm_that_still_trains_is_left() -> None:
    module = randomised(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    module[1].train()  # type: ignore[index]
    assert count_batch_norms(fold_batch_norm(module)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent to a thread there")
@each_case("place", "_new_patcher", "_autowrap_check", "_PatchedFnSetAttr.revert", "_PatchedFnSetItem.revert")
def test_ctrl_c_in_a_trace_puts_back_what_fx_replaces(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    owner, _, name = place.rpartition(".")
    whole = getattr(getattr(tracing, owner, tracing), name)

    def press_and_go_on(*arguments: Any) -> Any:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return whole(*arguments)

    known = "__call__", "__getattr__"
    methods, functions = [getattr(nn.Module, name) for name in known], dict(vars(nn.functional))
    module = randomised(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    # A process that a shell has started in the background ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(getattr(tracing, owner, tracing), name, press_and_go_on)
            with pytest.raises(KeyboardInterrupt):
                fold_batch_norm(module)
        assert [getattr(nn.Module, name) for name in known] == methods
        assert vars(nn.functional) == functions
    finally:
        signal.signal(signal.SIGINT, before)
        for name, method in zip(known, methods, strict=True):  # For the tests that follow.
            setattr(nn.Module, name, method)
    assert count_batch_norms(fold_batch_norm(module)) == 0
