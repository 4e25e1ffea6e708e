"""The stand-ins for what an example would download or take from the user, on the example workflows."""

import json
from pathlib import Path
from typing import Any

from generators.example_stand_ins import remove_nodes, use_own_denoisers, use_photographs, use_starters

EXAMPLES = Path(__file__).resolve().parents[3] / "example_workflows" / "api"


def read(name: str) -> dict[str, Any]:
    prompt: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return prompt


def test_starters_take_the_place_of_clips_that_would_be_downloaded_or_are_comfyuis_and_of_no_others() -> None:
    changed = use_starters(read("prompt_ensemble"))
    assert changed["1"]["inputs"] == {"source": "starter", "precision": "auto"}
    assert changed["2"]["inputs"] == {"source": "second_opinion", "precision": "auto"}
    same = read("text_to_image")
    assert use_starters(same) == same
    changed = use_starters(read("comfyui_clip"))
    assert set(changed) == {"3", "4", "5", "6"}
    assert changed["3"]["class_type"] == "DAS_LoadCLIP"
    assert changed["3"]["inputs"] == {"source": "starter", "precision": "auto"}
    shared = read("comfyui_clip") | {"9": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": ""}}}
    assert {"1", "9"} < set(use_starters(shared))


def test_photographs_take_the_place_of_the_picture_that_comfyui_brings_and_of_none_of_the_pack() -> None:
    prompt = read("deep_dream") | {"90": {"class_type": "LoadImage", "inputs": {"image": "example.png"}}}
    for order in (["coffee.png", "cat.png"], ["cat.png", "coffee.png"]):
        changed, photographs = use_photographs(prompt, first=order[0])
        assert [n["inputs"]["image"] for n in changed.values() if n["class_type"] == "LoadImage"] == order
    assert {name: image.mode for name, image in photographs.items()} == {"cat.png": "RGB", "coffee.png": "RGB"}
    for name in ("class_to_image", "style_transfer"):
        assert use_photographs(read(name)) == (read(name), {}), name


def test_without_a_class_goes_all_that_needs_it() -> None:
    left = remove_nodes(read("text_to_image_then_diffusion"), "CheckpointLoaderSimple")
    assert set(left) == {"1", "2", "3", "4", "5", "6", "7", "9"}


def test_the_denoiser_of_the_recipe_takes_the_place_of_an_upscale_model() -> None:
    changed = use_own_denoisers(read("restore_while_growing"))
    assert set(changed) == {"1", "2", "5", "6"}
    assert "denoiser" not in changed["5"]["inputs"]
    same = read("class_to_image")
    assert use_own_denoisers(same) == same
