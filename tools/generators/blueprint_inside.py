"""Cuts the nodes of a blueprint out of an example workflow: the nodes of this pack that make its picture."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generators.blueprint_spec import MAX_WIDGETS, Blueprint, is_in_use
from generators.prompt_widgets import Place, find_widgets, is_link

PREFIX = "DAS_"
"""The prefix of the classes of this pack's nodes."""


@dataclass(frozen=True)
class Inside:
    """The part of an example workflow that goes into the subgraph of a blueprint.

    Attributes:
        prompt: the nodes of this pack that the picture of the workflow comes from, in API format. Their links from
            other nodes are removed; sockets of the subgraph node replace these links.
        sockets: by the label of each socket of the subgraph node, the inputs of `prompt` that it leads to, each as
            (node id, input name). The label is the one that the blueprint chooses for the input (`Blueprint.sockets`),
            or else the name of the input. Sockets with a chosen label come last.
        widgets: by the label of each widget of the subgraph node, the input of `prompt` that it sets, as (node id,
            input name).
        picture: the output that makes the picture: the id of its node and the number of the output, from 0.
    """

    prompt: Mapping[str, Any]
    sockets: Mapping[str, Sequence[Place]]
    widgets: Mapping[str, Place]
    picture: tuple[str, int]


def cut_out(prompt: Mapping[str, Any], blueprint: Blueprint) -> Inside:
    """Return those nodes of an example workflow that go into the subgraph of a blueprint.

    The picture of the workflow is that of the first SaveImage node whose image comes from a node of this pack. The
    result has this node of the pack, and all nodes of the pack that it depends on through nodes of the pack. Links from
    other nodes become sockets of the subgraph node.

    Args:
        prompt: the example workflow, in API format.
        blueprint: the blueprint that is made from the example workflow.

    Raises:
        ValueError: no SaveImage node has an image from a node of this pack; two different links would become sockets
            with the same label; or a widget of the blueprint is found in none of the nodes, or in several.
    """
    saved = [node["inputs"]["images"] for node in prompt.values() if node["class_type"] == "SaveImage"]
    pictures = [link for link in saved if prompt[link[0]]["class_type"].startswith(PREFIX)]
    if not pictures:
        raise ValueError(f"{blueprint.example}: no SaveImage node saves the picture of a node of this pack")
    picture = (pictures[0][0], pictures[0][1])
    kept = _find_ancestors(prompt, picture[0])
    inside = {node: copy.deepcopy(content) for node, content in prompt.items() if node in kept}
    sockets: dict[str, list[Place]] = {}
    sources: dict[str, list[Any]] = {}
    for node, content in inside.items():
        outer = {name: link for name, link in content["inputs"].items() if is_link(link) and link[0] not in kept}
        for name, link in outer.items():
            label = blueprint.sockets.get(f"{content['class_type']}.{name}", name)
            if sources.setdefault(label, link) != link:
                raise ValueError(f"{blueprint.name}: two links come in as '{label}'; name one of them in its sockets")
            sockets.setdefault(label, []).append((node, name))
            del content["inputs"][name]
    named = set(blueprint.sockets.values())
    ordered = {label: sockets[label] for label in sorted(sockets, key=lambda label: label in named)}
    return Inside(inside, ordered, _find_face(inside, blueprint), picture)


def _find_ancestors(prompt: Mapping[str, Any], node: str) -> set[str]:
    """Return the id of a node of this pack, and the ids of the nodes of this pack that it depends on.

    The search follows links from each node back to its sources, and stops at nodes of other packs.
    """
    found: set[str] = set()
    waiting = [node]
    while waiting:
        found.add(node := waiting.pop())
        links = [value[0] for value in prompt[node]["inputs"].values() if is_link(value)]
        waiting += [source for source in links if prompt[source]["class_type"].startswith(PREFIX)]
    return found


def _find_face(inside: Mapping[str, Any], blueprint: Blueprint) -> dict[str, Place]:
    face: dict[str, Place] = {}
    for label, where in blueprint.widgets.items():
        if not is_in_use(inside, where):
            continue
        places = find_widgets(inside, where)
        if len(places) != 1:
            raise ValueError(
                f"{blueprint.name}: its face shows {where}, and {len(places)} nodes of {blueprint.example} have that "
                "widget; one should"
            )
        face[label] = places[0]
    return dict(list(face.items())[:MAX_WIDGETS])


def add_prefix(prompt: Mapping[str, Any], host: int) -> dict[str, Any]:
    """Return a workflow in API format whose nodes have the ids that they get inside the subgraph node `host`.

    If `host` is 100, the node "3" becomes "100:3".
    """
    prefixed = copy.deepcopy(dict(prompt))
    for content in prefixed.values():
        for name, value in content["inputs"].items():
            if is_link(value):
                content["inputs"][name] = [f"{host}:{value[0]}", value[1]]
    return {f"{host}:{node}": content for node, content in prefixed.items()}
