"""Folds batch norm into the convolution before it: the same outputs up to rounding, for less work.

The original convolution is kept, and `layers/hooks.py` runs it when its activations are captured: where the weight of
the norm is negative, the output of the norm falls when that of the convolution rises.
"""

import sys
from collections import Counter, OrderedDict
from collections.abc import Callable
from threading import Lock, get_ident
from typing import Any

from torch import fx, nn
from torch.fx.proxy import TraceError
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..common.interruption import pausing
from ..common.own_thread import call_apart

FORWARD_ERRORS = (LookupError, AttributeError, TypeError, ValueError, AssertionError, ArithmeticError, NameError)
"""The errors of a forward pass that say something about the model. Others may be those of Cancel, or of memory."""

_UNFOLDED = "unfolded"

# While fx traces, it replaces methods of `nn.Module` for all threads; two at the same time would put back wrong ones.
_tracing = Lock()


def find_unfolded(part: nn.Module) -> nn.Module | None:
    """Return the convolution that `part` was before a norm was folded into it, as it was then; None if none was."""
    return part.__dict__.get(_UNFOLDED)


def forget_unfolded(module: nn.Module) -> None:
    """Forget what the convolutions of a module were before norms were folded into them: they have changed since."""
    for part in module.modules():
        part.__dict__.pop(_UNFOLDED, None)


class _Tracer(fx.Tracer):
    """An fx tracer that records each call of a convolution or batch norm as one node, even if it has submodules."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = get_ident()

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Record a call of a module, or run it if another thread has called it."""
        own = get_ident() == self._thread
        return super().call_module(m, forward, args, kwargs) if own else forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, fx.Proxy]) -> Any:
        """Record that a weight is read; return the weight itself if another thread reads it."""
        return super().getattr(attr, attr_val, parameter_proxy_cache) if get_ident() == self._thread else attr_val

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, nn.Conv2d | nn.BatchNorm2d) or not any(True for _ in module.children())


def _trace(module: nn.Module) -> fx.Graph:
    """Return the graph of a module. What fx replaces for all modules is put back even if fx fails to."""
    with _tracing:
        methods = {name: vars(nn.Module)[name] for name in ("__call__", "__getattr__")}
        try:
            return _Tracer().trace(module)
        finally:
            for name, method in methods.items():
                setattr(nn.Module, name, method)


def _find_pairs(module: nn.Module) -> list[tuple[str, str]]:
    """Return pairs of names: a convolution whose output goes only to one batch norm, and that norm."""
    try:
        graph = call_apart(lambda: _trace(module))
    except (TraceError, RuntimeError, *FORWARD_ERRORS):
        return []  # The forward pass cannot be traced, for example because it depends on data.
    modules = dict(module.named_modules())
    calls = [node for node in graph.nodes if node.op == "call_module"]
    used = [node.target for node in calls]
    # Weights that the forward pass also reads directly, or under several names, must not change.
    read = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    names = Counter(id(part) for _, part in module.named_modules(remove_duplicate=False))
    pairs = []
    for node in calls:
        before = node.args[0] if node.args else None
        # An input that is passed by keyword (no `args`) would not be found by a hook on the convolution.
        if not (isinstance(before, fx.Node) and before.op == "call_module" and before.args):
            continue
        pair = (str(before.target), str(node.target))
        convolution, norm = parts = [modules[name] for name in pair]
        if not (isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
            continue
        # Folding would change the model if the output of the convolution is also used without the norm, if one of the
        # two modules is called a second time or has hooks, or if its weights are also used elsewhere.
        if len(before.users) > 1 or any(used.count(name) > 1 or name in read for name in pair):
            continue
        if all(names[id(part)] == 1 and not (part._forward_hooks or part._forward_pre_hooks) for part in parts):
            pairs.append(pair)
    return pairs


def _find_remainder(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Module | None:
    """Return the module that replaces a norm once it is folded into a convolution; None if it cannot be folded."""
    # timm takes a second to import. If it has not been imported, no module can be one of timm's.
    timm = sys.modules.get("timm.layers")
    # These convolve with the weight as it is. Other subclasses, such as timm's StdConv2d, change the weight first.
    plain = (nn.Conv2d, timm.Conv2dSame) if timm else (nn.Conv2d,)
    if type(convolution) not in plain or norm.training or norm.running_mean is None:
        return None
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity().eval()
    if not timm or type(norm) is not timm.BatchNormAct2d:
        return None
    # BatchNormAct2d also contains a dropout, which does nothing in evaluation mode, and an activation.
    return nn.Sequential(OrderedDict(norm.named_children())).eval()


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Fold batch norms into the convolutions before them, in place, where folding is certain to be exact up to
    rounding. The module is in evaluation mode, without gradients of weights. Submodules keep their names."""
    for convolution_name, norm_name in pausing(_find_pairs(module)):
        convolution, norm = module.get_submodule(convolution_name), module.get_submodule(norm_name)
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        rest = _find_remainder(convolution, norm)
        if rest is None:
            continue
        fused = fuse_conv_bn_eval(convolution, norm)
        # Kept, but not as a submodule, whose weights PyTorch would list with those of the model and move with them.
        fused.__dict__[_UNFOLDED] = convolution
        module.set_submodule(convolution_name, fused.requires_grad_(False))
        module.set_submodule(norm_name, rest)
    return module
