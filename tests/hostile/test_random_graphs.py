"""Random graphs of all nodes: each gives finite results in range, or is refused with a message of this project."""

import pytest

from loaded_pack import Pack
from outcomes import Outcomes
from random_nodes import NodeMaker

pytestmark = pytest.mark.hostile

GRAPHS = 6
"""How many graphs the short form makes; the long form 100 times as many."""


def test_random_valid_graphs(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    for seed in range(GRAPHS * scale):
        maker = NodeMaker(pack, seed, real=0.02, large=0.1)
        # Half of the graphs end in an ascent, as most workflows of users do.
        node_id = "DAS_Optimize" if seed % 2 else maker.choose_node()
        made: dict[str, object] = {}

        def run(maker: NodeMaker = maker, node_id: str = node_id, made: dict[str, object] = made) -> object:
            made.update(maker.make_inputs(node_id))
            return maker.run(node_id, made)

        outcomes.attempt(run, lambda seed=seed, node_id=node_id, made=made: f"graph {seed}: {node_id} of {made}")
    # Some graphs are refused, because their parts do not fit together, such as two stacks of different sizes to blend.
    assert outcomes.counts["done"] >= GRAPHS * scale / 3


def test_every_node_can_be_made(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    refused = []
    for number, node_id in enumerate(pack.nodes):
        if node_id in ("DAS_CLIPFromComfyUI", "DAS_LoadStack", "DAS_Optimize", "DAS_LoadCLIP", "DAS_LoadClassifier"):
            # They need files or models of ComfyUI, or take long; their own tests run them.
            continue
        for seed in range(16):
            maker = NodeMaker(pack, 1000 * number + seed)

            def run(maker: NodeMaker = maker, node_id: str = node_id) -> object:
                return maker.run(node_id, maker.make_inputs(node_id))

            if outcomes.attempt(run, lambda node_id=node_id: node_id):
                break
        else:
            refused.append(node_id)
    assert not refused
