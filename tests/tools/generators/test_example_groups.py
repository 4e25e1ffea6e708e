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


def groups(**nodes: tuple[str, list[str]]) -> dict[str, str]:
    workflow = prompt(**SIMPLE, **nodes)
    return assign_groups(workflow, list_links(workflow))


def test_each_part_of_a_simple_workflow_has_its_group() -> None:
    assert groups() == {
        "model": MODEL,
        "asked": ASKED,
        "stack": PICTURE,
        "views": VIEWS,
        "ascent": ASCENT,
        "saved": RESULT,
    }


def test_a_judge_that_took_no_part_is_a_second_opinion_with_what_shows_its_verdict() -> None:
    found = groups(
        other=("DAS_LoadClassifier", []),
        verdict=("DAS_Classify", ["other", "ascent"]),
        text=("PreviewAny", ["verdict"]),
    )
    assert {found["other"], found["verdict"], found["text"]} == {VERDICT}
    assert found["model"] == MODEL


def test_with_a_spectrum_too_it_is_a_closer_look() -> None:
    found = groups(
        other=("DAS_LoadClassifier", []),
        verdict=("DAS_Classify", ["other", "ascent"]),
        spectrum=("DAS_Spectrum", ["ascent"]),
    )
    assert {found["other"], found["verdict"], found["spectrum"]} == {LOOK}


def test_a_model_that_denoises_is_a_group_with_all_that_feeds_it() -> None:
    workflow = prompt(
        **{**SIMPLE, "ascent": ("DAS_Optimize", ["stack", "asked", "views", "denoiser"])},
        checkpoint=("CheckpointLoaderSimple", []),
        told=("CLIPTextEncode", ["checkpoint"]),
        denoiser=("DAS_DenoiserFromDiffusion", ["checkpoint", "told"]),
    )
    found = assign_groups(workflow, list_links(workflow))
    assert {found[name] for name in ("checkpoint", "told", "denoiser")} == {DENOISER}
    assert (found["model"], found["asked"], found["ascent"]) == (MODEL, ASKED, ASCENT)


def test_an_image_belongs_to_what_it_feeds_and_a_mask_says_where() -> None:
    workflow = prompt(**SIMPLE, photo=("LoadImage", []), style=("LoadImage", []), mask=("SolidMask", []))
    workflow["stack"]["inputs"] = {"image": ["photo", 0], "mask": ["mask", 0]}
    workflow["asked"]["inputs"] |= {"image": ["style", 0]}
    found = assign_groups(workflow, list_links(workflow))
    assert (found["photo"], found["style"], found["mask"]) == (PICTURE, ASKED, WHERE)


def test_what_stands_between_two_ascents_belongs_to_them_and_objectives_stay_objectives() -> None:
    found = groups(
        asked_then=("DAS_ClassObjective", ["model"]),
        edit=("DAS_EditStack", ["ascent"]),
        second=("DAS_Optimize", ["edit", "asked_then", "views"]),
    )
    assert (found["edit"], found["second"], found["asked"], found["asked_then"]) == (ASCENT, ASCENT, ASKED, ASKED)


def test_diffusion_is_a_group_and_its_picture_a_result() -> None:
    found = groups(
        checkpoint=("CheckpointLoaderSimple", []),
        latent=("VAEEncode", ["ascent", "checkpoint"]),
        sampler=("KSampler", ["checkpoint", "latent"]),
        decoded=("VAEDecode", ["sampler"]),
        painted=("SaveImage", ["decoded"]),
    )
    assert {found[name] for name in ("checkpoint", "latent", "sampler", "decoded")} == {DIFFUSION}
    assert found["painted"] == found["saved"] == RESULT


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


def test_objectives_that_only_score_belong_to_the_second_opinion() -> None:
    found = groups(
        other=("DAS_LoadClassifier", []),
        question=("DAS_ClassObjective", ["other"]),
        verdict=("DAS_ObjectiveScore", ["ascent", "question"]),
    )
    assert {found["other"], found["question"], found["verdict"]} == {VERDICT}
    assert found["asked"] == ASKED


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
