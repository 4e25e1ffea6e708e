"""Random calls of the nodes, made from their schemas: a new node is among them as soon as the pack lists it."""

import random
from collections.abc import Mapping
from typing import Any

import torch

from loaded_pack import Pack, Result, Toy
from outcomes import pick
from runner.input_specs import AUTOGROW, DYNAMIC_COMBO, Input, parse_specs
from runner.node_calls import Call
from runner.node_inputs import fill_defaults
from runner.workflow_graph import Node
from stand_in_diffusion import StandInVAE, make_patcher

SMALL: dict[str, tuple[float, float]] = {
    "width": (16, 72), "height": (16, 72), "margin": (8, 16), "jitter": (0, 8), "channel": (0, 7),
    "batch_size": (1, 2), "steps": (1, 3), "views": (1, 3), "feather": (0, 3), "size": (32, 96), "scale": (0.05, 2.0),
    "top_k": (1, 8), "frames": (0, 3), "depths": (2, 3), "step": (1, 20), "weight": (-2.0, 2.0),
    "zoom_min": (0.2, 0.5), "zoom_max": (0.6, 1.0), "start": (0.05, 1.0), "end": (0.05, 3.0), "minutes": (0.01, 0.02),
}  # fmt: skip
"""The ranges of random numbers, by the name of the widget: for widgets that decide how long a run takes, and for those
of which few values are valid."""

TEXTS: dict[str, list[str]] = {
    "classes": ["0", "1: 0.5\n2", "3, 0", "2: -1"],
    "text": ["a castle", "a castle: 1.3\nfog: -0.5", "(a red fox:1.2)"],
    "keyframes": ["0: 0", "0: 1 / 1: 2", "1: 3\n0: 0"],
    "frames": ["", "0: 1 / 1: 0.5"],
    "shots": ["0: 0.5 0.5 1", "1: 0.2 0.9 3 20\n0: 0.5 0.5 1"],
    "gains": ["", "1-4: 0.5", "5-: 2\n1-4: -1"],
    "reset": ["", "5-"],
    "freeze": ["", "1-8"],
    "blend_bands": ["", "3-"],
    "filename_prefix": ["castle", "night/castle"],
    "name": ["jellyfish"],
    "acts": ["", '[[0,"place",0.2,0.9],[1,"choose",[0]]]', '[[1,"protect",[[[0.5,0.5,0.2]]]],[1,"go_on",2]]'],
    "search": ["", "conv"],
    "layer": ["convolution"],
    "layers": ["", "convolution", "convolution: 2"],
    "units": ["0", "1-3, 0"],
}
"""Valid texts, by the name of the widget; other widgets keep their default."""

_OPTIONS = {"source": ["starter"], "kind": ["layer", "channel"]}
"""Options of a DynamicCombo that need no network, no file, and no layer that a toy lacks."""

_NEEDS_MODELS = ("DAS_CLIPFromComfyUI",)
"""Nodes that are left out, because they need files of models, the first through ComfyUI's own loaders."""


class NodeMaker:
    """Makes random inputs for nodes, including the values for their sockets.

    With the probability `real`, a judge is made by a node and no toy; with `large`, an Optimize may be without a stack.
    """

    def __init__(self, pack: Pack, seed: int, real: float = 0.0, large: float = 0.0) -> None:
        self.pack, self.random, self._real, self._large = pack, random.Random(seed), real, large
        self._makers: dict[str, list[tuple[str, int]]] = {}
        for node_id, node in pack.nodes.items():
            for number, kind in enumerate(node.RETURN_TYPES if node_id not in _NEEDS_MODELS else ()):
                self._makers.setdefault(str(kind), []).append((node_id, number))
        self._toys = {"DAS_CLASSIFIER": pack.classifier(Toy()), "DAS_CLIP": pack.clip(Toy(), 4)}
        self._loaded = {"MODEL": make_patcher(), "VAE": StandInVAE()}
        """Values that only loaders of ComfyUI make, by the type of the socket."""

    def choose_node(self) -> str:
        return str(pick(self.random, [node_id for node_id in self.pack.nodes if node_id not in _NEEDS_MODELS]))

    def make_inputs(self, node_id: str, depth: int = 0) -> dict[str, Any]:
        """Return random inputs of a node by their dotted names; `depth` is 0 for the node to be run, else higher."""
        values: dict[str, Any] = {}
        self._fill(parse_specs(self.pack.node(node_id).INPUT_TYPES()), values, depth)
        if {"start", "mask", "image"} & values.keys() and node_id == "DAS_ImageStack":
            self._settle_start(values)
        if node_id == "DAS_FilmStack":
            values["frames"] = self.random.randint(2, 3)
        if node_id == "DAS_Optimize" and self.random.random() >= self._large:
            # Without a stack, Optimize makes one of 448 x 448, which takes seconds.
            values.setdefault("stack", self.pack.stack())
        if node_id == "DAS_Optimize" and depth > 0:
            # What it makes is only an input of another node.
            values |= {"recipe": "custom", "recipe.steps": 1}
        return values

    def _settle_start(self, values: dict[str, Any]) -> None:
        """Make the start of a stack fit the connected image and mask, because only one in eight random choices fits."""
        if values.get("start") == "image" or "mask" in values or values.get("size", "given") != "given":
            values.setdefault("image", self._paint("IMAGE"))
        if "image" in values and "mask" not in values:
            for name in ("start.amplitude", "start.decay"):
                values.pop(name, None)
            values["start"] = "image"
        if "mask" in values:
            values["mask"], values["image"] = values["mask"][:1], values["image"][:1]

    def _fill(self, items: list[Input], values: dict[str, Any], depth: int) -> None:
        for item in items:
            if item.type == AUTOGROW:
                count = self.random.randint(2, 3) if self.random.random() < 0.3 else self._count_least(item)
                for slot in item.slots[: max(count, self._count_least(item))]:
                    values[slot.name] = self.make_socket(str(slot.type), depth)
                continue
            wanted = item.required or self.random.random() < 0.5 or item.name.rpartition(".")[0] in values
            value = self.make_value(item, depth) if wanted else None
            if value is not None:
                values[item.name] = value
            if item.type == DYNAMIC_COMBO and value is not None:
                self._fill(item.inputs_by_option[value], values, depth)

    @staticmethod
    def _count_least(item: Input) -> int:
        return int(item.settings["template"].get("min", 1))

    def make_value(self, item: Input, depth: int = 0) -> Any:
        name, settings = item.own_name, item.settings
        if item.type == DYNAMIC_COMBO:
            return pick(self.random, _OPTIONS.get(name, item.options))
        if item.options is not None:
            return pick(self.random, TEXTS.get(name) or item.options) if item.options else None
        if settings.get("forceInput"):
            # Such an input takes a number for each image; most often there is a single image.
            return [self.random.random()]
        if item.type in ("INT", "FLOAT"):
            least, most = settings.get("min", 0), settings.get("max", 1)
            low, high = SMALL.get(name, (least, most))
            # A widget of the same name in another node may have other limits; then its own limits are used.
            low, high = (low, high) if least <= low <= high <= most else (least, most)
            if item.type == "INT":
                return self.random.randint(int(low), int(min(high, low + 100)))
            return self.random.uniform(low, min(high, 3.0)) if self.random.random() < 0.7 else settings.get("default")
        if item.type == "BOOLEAN":
            return self.random.random() < 0.5
        if item.type == "STRING":
            return pick(self.random, TEXTS.get(name, [item.default or ""]))
        return self.make_socket(str(item.type), depth)

    def make_socket(self, kind: str, depth: int = 0) -> Any:
        """Return a value for a socket of type `kind`, which a random node makes if no value is at hand."""
        kind = str(pick(self.random, kind.split(",")))
        if kind in self._loaded:
            return self._loaded[kind]
        if kind in ("IMAGE", "MASK") or kind not in self._makers:
            return self._paint(kind)
        if kind in self._toys and (self.random.random() >= self._real or depth > 2):
            return self._toys[kind]
        makers = self._makers[kind]
        if depth > 1:
            # Prefer nodes that do not need an input of the type that they make, so that the chain of nodes ends.
            makers = [made for made in makers if not self._takes(made[0], kind)] or makers
        node_id, number = pick(self.random, [made for made in makers if made[0] != "DAS_LoadStack"])
        return self.run(node_id, self.make_inputs(node_id, depth + 1))[number]

    def _takes(self, node_id: str, kind: str) -> bool:
        inputs = parse_specs(self.pack.node(node_id).INPUT_TYPES())
        return any(kind in str(item.type).split(",") or item.type == AUTOGROW for item in inputs)

    def _paint(self, kind: str) -> Any:
        generator = torch.Generator().manual_seed(self.random.randrange(2**31))
        low, high = self.random.choice(((17, 63), (64, 90)))
        shape = (self.random.choice((1, 1, 1, 2)), self.random.randint(low, high), self.random.randint(low, high))
        if kind == "IMAGE":
            return torch.rand(*shape, 3, generator=generator)
        return (torch.rand(*shape, generator=generator) > 0.3).float() if kind == "MASK" else None

    def run(self, node_id: str, values: Mapping[str, Any]) -> Result:
        """Run a node with inputs by their dotted names, and return its outputs."""
        node = fill_defaults(Node("1", node_id, "", dict(values)))
        call = Call(node, self.pack.node(node_id), {"1": node})
        with torch.inference_mode():
            output = call("EXECUTE_NORMALIZED", dict(node.inputs))
        return tuple(output.result or ())
