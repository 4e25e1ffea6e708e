"""Batch norm folded into the convolution before it: same outputs, and a third less work for the gradient."""

import torch
from torch import fx, nn
from torch.fx.proxy import TraceError
from torch.nn.utils.fusion import fuse_conv_bn_eval


class _Tracer(fx.Tracer):
    """Sees convolutions and norms as wholes; timm gives both subclasses with code or children of their own."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, nn.Conv2d | nn.BatchNorm2d) or not any(True for _ in module.children())


def _pairs(module: nn.Module) -> list[tuple[str, str]]:
    """Names of the convolutions whose output goes to one batch norm and nowhere else, each with that norm."""
    try:
        graph = _Tracer().trace(module)
    except (TraceError, TypeError, RuntimeError, ValueError, AttributeError, AssertionError):
        # The forward pass depends on data in a way that cannot be traced, so nothing is known of it: fold nothing.
        return []
    modules = dict(module.named_modules())
    calls = [node for node in graph.nodes if node.op == "call_module"]
    used = [node.target for node in calls]
    pairs = []
    for node in calls:
        before = node.args[0] if node.args else None
        if not (isinstance(modules[node.target], nn.BatchNorm2d) and isinstance(before, fx.Node)):
            continue
        if before.op != "call_module" or not isinstance(modules[str(before.target)], nn.Conv2d):
            continue
        # A module that is called twice, or whose output is read elsewhere too, means something else without the norm.
        if len(before.users) == 1 and used.count(before.target) == used.count(node.target) == 1:
            pairs.append((str(before.target), str(node.target)))
    return pairs


def _rest_of(norm: nn.BatchNorm2d) -> nn.Module | None:
    """What remains of a norm when its scale and shift are gone; None when that is not known."""
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    # timm's norms carry a dropout (nothing in evaluation mode) and an activation.
    if type(norm).__name__ == "BatchNormAct2d":
        return norm.get_submodule("act")
    return None


def _replace(root: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(root.get_submodule(parent), leaf, module)


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Fold every batch norm of an evaluating, frozen module that follows a convolution; names of modules stay.

    Exact up to rounding. What cannot be shown to be exact is left as it is. Works in place and returns the module.
    """
    for convolution_name, norm_name in _pairs(module):
        convolution, norm = module.get_submodule(convolution_name), module.get_submodule(norm_name)
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        rest = _rest_of(norm)
        if rest is None or norm.running_mean is None:
            continue
        fused = fuse_conv_bn_eval(convolution, norm)
        _replace(module, convolution_name, fused.requires_grad_(False))
        _replace(module, norm_name, rest)
    return module


def count_batch_norms(module: nn.Module) -> int:
    """How many batch norms a module still has."""
    return sum(isinstance(part, torch.nn.BatchNorm2d) for part in module.modules())
