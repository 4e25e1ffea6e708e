"""The groups of nodes in an example workflow, and their colours.

A group is a box with a title on ComfyUI's page, such as "Model", "Picture", "Ascent" or "Result". The group of a node
depends on the class of the node and on its place in the graph: before the ascent, after the ascent, or neither.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generators.example_layout import Link

MODEL = "Model"
ASKED = "What is asked for"
WHERE = "Where"
PICTURE = "Picture"
VIEWS = "Views"
DENOISER = "Denoiser"
ASCENT = "Ascent"
DIFFUSION = "Diffusion"
RESULT = "Result"
VERDICT = "Second opinion"
LOOK = "A closer look"

GROUPS = (MODEL, ASKED, WHERE, PICTURE, VIEWS, DENOISER, ASCENT, DIFFUSION, RESULT, VERDICT, LOOK)
"""The titles of all groups, in the order in which a workflow uses them."""


@dataclass(frozen=True)
class Colors:
    """The colours of a group: of the title bar and the body of its nodes, and of the box around these nodes.

    Colours are written as in CSS, such as "#323". Most colours of the groups are those that the menu of ComfyUI's page
    offers.
    """

    title: str
    body: str
    box: str


COLORS = {
    MODEL: Colors("#323", "#535", "#88A"),
    ASKED: Colors("#232", "#353", "#8A8"),
    WHERE: Colors("#432", "#653", "#b58b2a"),
    PICTURE: Colors("#2a363b", "#3f5159", "#3f789e"),
    VIEWS: Colors("#233", "#355", "#8AA"),
    DENOISER: Colors("#2b2b2b", "#3d3d3d", "#888"),
    ASCENT: Colors("#322", "#533", "#A88"),
    DIFFUSION: Colors("#2b2b2b", "#3d3d3d", "#888"),
    RESULT: Colors("#223", "#335", "#88A"),
    VERDICT: Colors("#332922", "#593930", "#b06634"),
    LOOK: Colors("#332922", "#593930", "#b06634"),
}
NOTE_COLORS = Colors("#222", "#1a1a1a", "#444")

ASCENTS = {"DAS_Optimize", "DAS_GuideDiffusion"}
MODELS = {"DAS_LoadClassifier", "DAS_LoadCLIP", "DAS_CLIPFromComfyUI", "CLIPLoader", "CLIPVisionLoader"}
DIFFUSION_MODELS = {"CheckpointLoaderSimple"}
DENOISERS = {"DAS_DenoiserFromDiffusion", "DAS_DenoiserFromUpscaleModel"}
OBJECTIVES = {"DAS_ClassObjective", "DAS_TextObjective"}
PICKERS = {"DAS_ObjectiveScore"}
"""Nodes that choose the best of several pictures. In a workflow without an ascent they are in the group "Result". In a
workflow with an ascent they are treated like the other nodes of `JUDGEMENTS`, which rate the pictures of the ascent."""
STACKS = {"DAS_ImageStack", "DAS_FilmStack", "DAS_ZoomStack", "DAS_EditStack", "DAS_LoadStack"}
MASKS = {"SolidMask", "MaskComposite", "InvertMask", "GrowMask", "FeatherMask", "ImageToMask", "LoadImageMask"}
TRANSFORMS = {"DAS_Augmentation", "DAS_ColorShift", "DAS_Perspective", "DAS_PatchMask"}
JUDGEMENTS = {"DAS_Classify", "DAS_Similarity", *PICKERS}
INSPECTIONS = JUDGEMENTS | {"DAS_Spectrum", "DAS_PlotHistory", "DAS_StackLevels", "DAS_ListLayers"}
SAMPLERS = {"KSampler"}


def list_links(prompt: Mapping[str, Any]) -> list[Link]:
    """Return all links of a workflow in API format."""
    links = []
    for target, node in prompt.items():
        sources = [value[0] for value in node["inputs"].values() if isinstance(value, list)]
        links += [Link(source, target, order) for order, source in enumerate(sources)]
    return links


def assign_groups(prompt: Mapping[str, Any], links: Sequence[Link]) -> dict[str, str]:
    """Return the title of the group of every node, which depends on its class and its place in the graph.

    The place is before the ascents, after the ascents, both (between two ascents), or neither. It also matters whether
    the node leads to a stack, a denoiser or a sampler, and whether it comes after a sampler or inspects a result. In a
    workflow without an ascent, nodes whose results lead to a node that picks the best of several pictures (`PICKERS`)
    count as before the ascents.

    Args:
        prompt: the workflow in API format.
        links: all links between its nodes.
    """
    classes = {node: content["class_type"] for node, content in prompt.items()}
    sources: dict[str, set[str]] = {node: set() for node in classes}
    targets: dict[str, set[str]] = {node: set() for node in classes}
    for link in links:
        sources[link.target].add(link.source)
        targets[link.source].add(link.target)

    def find(wanted: Iterable[str]) -> set[str]:
        wanted = set(wanted)
        return {node for node, name in classes.items() if name in wanted}

    ascents = find(ASCENTS)
    pickers = set() if ascents else find(PICKERS)
    before, after = _reach(ascents | pickers, sources), _reach(ascents, targets)
    inspections = find(INSPECTIONS) - pickers
    askers = _reach(inspections, sources) & find(MODELS | OBJECTIVES)
    inspected = (inspections | _reach(inspections, targets) | askers) - find({"SaveImage"})
    samplers = find(SAMPLERS)
    # A node at the end of a path, such as SaveImage, is not part of the diffusion: it shows a result.
    sampling = samplers | _reach(samplers, sources) | {n for n in _reach(samplers, targets) if targets[n]}
    denoisers = find(DENOISERS)
    denoisers |= _reach(denoisers, sources)
    pictures = _reach(find(STACKS) - after, sources)

    def group(node: str) -> str:
        name = classes[node]
        if node in ascents or (node in before and node in after):
            return ASCENT
        if node in pickers:
            return RESULT
        if node in before:
            if node in denoisers:
                return DENOISER
            if name in MODELS | DIFFUSION_MODELS:
                return MODEL
            if pickers and node in sampling:
                return DIFFUSION
            if name in TRANSFORMS:
                return VIEWS
            if name in MASKS:
                return WHERE
            return PICTURE if name in STACKS or node in pictures else ASKED
        if node in inspected:
            return LOOK
        return DIFFUSION if node in sampling else RESULT

    result = {node: group(node) for node in classes}
    # If all nodes that inspect the result rate it, and use a model that the ascent does not use, their group is the
    # second opinion, not the closer look.
    looked_at = {node for node in inspected if result[node] == LOOK}
    if {classes[node] for node in looked_at & inspections} <= JUDGEMENTS and looked_at & find(MODELS):
        result.update(dict.fromkeys(looked_at, VERDICT))
    return result


def _reach(start: Iterable[str], steps: Mapping[str, set[str]]) -> set[str]:
    """Return the nodes that can be reached from any of `start` in one step or more.

    `steps` has for each node the nodes that are one step away: all its sources, or all its targets.
    """
    found: set[str] = set()
    ahead = [after for node in start for after in steps[node]]
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead += steps[node]
    return found
