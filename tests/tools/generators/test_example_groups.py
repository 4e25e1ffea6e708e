"""Groups of example workflows: what a node is for follows from its class and from where it stands."""

import json
from pathlib import Path
from typing import Any

from cases import each_case
from generators.example_groups import (
    ASCENT,
    ASKED,
    COLORS,
    DENOISER,
    DIFFUSION,
    GROUPS,
    LOOK,
    MODEL,
    PICTURE,
    RESULT,
    VERDICT,
    VIEWS,
    WHERE,
    assign_groups,
    list_links,
)

API = Path(__file__).resolve().parents[3] / "example_workflows" / "api"


def prompt(**nodes: tuple[str, list[str]]) -> dict[str, Any]:
    """A workflow of nodes by name: the class, and the names of the nodes that feed it."""
    return {
        name: {"class_type": kind, "inputs": {f"input{i}": [source, 0] for i, source in enumerate(sources)}}
        for name, (kind, sources) in nodes.items()
    }


SIMPLE = {
    "model": ("DAS_LoadClassifier", []),
    "asked": ("DAS_ClassObjective", ["model"]),
    "stack": ("DAS_ImageStack", []),
    "views": ("DAS_Augmentation", []),
    "ascent": ("DAS_Optimize", ["stack", "asked", "views"]),
    "saved": ("SaveImage", ["ascent"]),
}


@each_case(
    ("nodes", "expected"),
    [
        ({}, {"model": MODEL, "asked": ASKED, "stack": PICTURE, "views": VIEWS, "ascent": ASCENT, "saved": RESULT}),
        # A judge that took no part is a second opinion, with what shows its verdict.
        (
            {
                "other": ("DAS_LoadClassifier", []),
                "verdict": ("DAS_Classify", ["other", "ascent"]),
                "text": ("PreviewAny", ["verdict"]),
            },
            {"other": VERDICT, "verdict": VERDICT, "text": VERDICT, "model": MODEL},
        ),
        # So are objectives that only score.
        (
            {
                "other": ("DAS_LoadClassifier", []),
                "question": ("DAS_ClassObjective", ["other"]),
                "verdict": ("DAS_ObjectiveScore", ["ascent", "question"]),
            },
            {"other": VERDICT, "question": VERDICT, "verdict": VERDICT, "asked": ASKED},
        ),
        # With a spectrum too it is a closer look.
        (
            {
                "other": ("DAS_LoadClassifier", []),
                "verdict": ("DAS_Classify", ["other", "ascent"]),
                "spectrum": ("DAS_Spectrum", ["ascent"]),
            },
            {"other": LOOK, "verdict": LOOK, "spectrum": LOOK},
        ),
        # A model that denoises is a group with all that feeds it.
        (
            {
                "ascent": ("DAS_Optimize", ["stack", "asked", "views", "denoiser"]),
                "checkpoint": ("CheckpointLoaderSimple", []),
                "told": ("CLIPTextEncode", ["checkpoint"]),
                "denoiser": ("DAS_DenoiserFromDiffusion", ["checkpoint", "told"]),
            },
            {"checkpoint": DENOISER, "told": DENOISER, "denoiser": DENOISER}
            | {"model": MODEL, "asked": ASKED, "ascent": ASCENT},
        ),
        # What stands between two ascents belongs to them, and objectives stay objectives.
        (
            {
                "asked_then": ("DAS_ClassObjective", ["model"]),
                "edit": ("DAS_EditStack", ["ascent"]),
                "second": ("DAS_Optimize", ["edit", "asked_then", "views"]),
            },
            {"edit": ASCENT, "second": ASCENT, "asked": ASKED, "asked_then": ASKED},
        ),
        # Diffusion is a group, and its picture a result.
        (
            {
                "checkpoint": ("CheckpointLoaderSimple", []),
                "latent": ("VAEEncode", ["ascent", "checkpoint"]),
                "sampler": ("KSampler", ["checkpoint", "latent"]),
                "decoded": ("VAEDecode", ["sampler"]),
                "painted": ("SaveImage", ["decoded"]),
            },
            dict.fromkeys(("checkpoint", "latent", "sampler", "decoded"), DIFFUSION)
            | {"painted": RESULT, "saved": RESULT},
        ),
    ],
)
def test_each_part_of_a_workflow_has_its_group(
    nodes: dict[str, tuple[str, list[str]]], expected: dict[str, str]
) -> None:
    workflow = prompt(**SIMPLE | nodes)
    found = assign_groups(workflow, list_links(workflow))
    assert found.keys() == workflow.keys()
    assert {name: found[name] for name in expected} == expected


def test_an_image_belongs_to_what_it_feeds_and_a_mask_says_where() -> None:
    workflow = prompt(**SIMPLE, photo=("LoadImage", []), style=("LoadImage", []), mask=("SolidMask", []))
    workflow["stack"]["inputs"] = {"image": ["photo", 0], "mask": ["mask", 0]}
    workflow["asked"]["inputs"] |= {"image": ["style", 0]}
    found = assign_groups(workflow, list_links(workflow))
    assert (found["photo"], found["style"], found["mask"]) == (PICTURE, ASKED, WHERE)


@each_case("path", sorted(API.glob("*.json")))
def test_every_example_has_a_model_something_asked_for_a_picture_an_ascent_and_a_result(path: Path) -> None:
    workflow = json.loads(path.read_text(encoding="utf-8"))
    found = assign_groups(workflow, list_links(workflow))
    assert found.keys() == workflow.keys()
    classes = {node["class_type"] for node in workflow.values()}
    # What diffusion makes is guided, or only picked from.
    parts = {ASCENT} if classes & {"DAS_Optimize", "DAS_GuideDiffusion"} else {DIFFUSION}
    parts |= {PICTURE} if classes & {"DAS_ImageStack", "DAS_LoadStack"} else set()
    parts |= {VIEWS} if "DAS_Augmentation" in classes else set()
    assert parts | {MODEL, ASKED, RESULT} <= set(found.values()) <= set(GROUPS)
    climbs = {"DAS_Optimize", "DAS_GuideDiffusion"}
    assert all(found[node] == ASCENT for node in workflow if workflow[node]["class_type"] in climbs)


def test_without_an_ascent_the_best_that_is_picked_is_the_result() -> None:
    workflow = prompt(
        checkpoint=("CheckpointLoaderSimple", []),
        sampler=("KSampler", ["checkpoint"]),
        decoded=("VAEDecode", ["sampler", "checkpoint"]),
        judge=("DAS_LoadCLIP", []),
        asked=("DAS_TextObjective", ["judge"]),
        best=("DAS_ObjectiveScore", ["decoded", "asked"]),
        saved=("SaveImage", ["best"]),
    )
    assert assign_groups(workflow, list_links(workflow)) == {
        "checkpoint": MODEL,
        "sampler": DIFFUSION,
        "decoded": DIFFUSION,
        "judge": MODEL,
        "asked": ASKED,
        "best": RESULT,
        "saved": RESULT,
    }


def test_every_group_has_colours() -> None:
    assert COLORS.keys() == set(GROUPS)
