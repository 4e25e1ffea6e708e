"""Asking in words in the real ComfyUI: with the starter CLIP, and with ComfyUI's own CLIP and CLIP Vision."""

from typing import Any

import pytest

from harness.client import Client, PromptFailedError
from short_examples import PLAIN_STACK, PLAIN_VIEWS, STEADY, customise, read_example, set_recipe

WISH = "a cat on a mat"


def workflow(model: dict[str, dict[str, Any]], **small: Any) -> dict[str, Any]:
    """A short ascent in words; what comes out is shown to the same model, as text."""
    still = {"views": 1, "zoom_min": 1.0, "flip": 0.0, **customise("details", PLAIN_VIEWS)}
    recipe = STEADY | {
        "steps": 12,
        "optimizer": "ascent",
        "optimizer.step_size": 0.06,
        "optimizer.coarse_to_fine": 0.0,
        "schedule": "constant",
        "preview_every": 1,
        "frame_every": 1,
        "chunk": 0,
    }
    stack = {"width": 64, "height": 64, "batch_size": 1, "start": "gray", "seed": 0}
    stack |= customise("details", {"margin": 0, **PLAIN_STACK})
    optimize = {"seed": 0, **customise("recipe", recipe)}
    nodes: dict[str, dict[str, Any]] = {
        "2": {
            "class_type": "DAS_TextObjective",
            "inputs": {"clip": ["1", 0], "text": WISH, "similarity": "cosine", "weight": 1.0},
        },
        "3": {"class_type": "DAS_ImageStack", "inputs": stack},
        "4": {"class_type": "DAS_Augmentation", "inputs": still},
        "5": {
            "class_type": "DAS_Optimize",
            "inputs": {"stack": ["3", 0], "objectives.objective0": ["2", 0], "augmentation": ["4", 0], **optimize},
        },
        "6": {"class_type": "DAS_Similarity", "inputs": {"clip": ["1", 0], "image": ["5", 2], "text": WISH}},
        "7": {"class_type": "PreviewAny", "inputs": {"source": ["6", 0]}},
        "8": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "clip"}},
    }
    return {**model, **nodes}


def cosines(history: Any) -> list[float]:
    """The similarity of every frame to the wish."""
    text: str = history["outputs"]["7"]["text"][0]
    return [float(line.split()[0]) for line in text.splitlines() if line.endswith(WISH)]


def own(**settings: Any) -> dict[str, dict[str, Any]]:
    """ComfyUI's own models, joined."""
    small = {"text_width": 64, "image_width": 64, "projection": "random", **settings}
    return {
        "0": {"class_type": "HarnessSmallCLIP", "inputs": small},
        "1": {"class_type": "DAS_CLIPFromComfyUI", "inputs": {"clip": ["0", 0], "clip_vision": ["0", 1]}},
    }


def test_words_become_an_image_under_the_starter(comfyui: Client) -> None:
    model = {"1": {"class_type": "DAS_LoadCLIP", "inputs": {"source": "starter", "precision": "auto"}}}
    history = comfyui.run(workflow(model), timeout=300)
    found = cosines(history)
    assert len(found) == 12
    assert found[-1] > found[0] + 0.01


def test_words_become_an_image_under_comfyuis_own_clip(comfyui: Client) -> None:
    prompt = workflow(own())
    history = comfyui.run(prompt, timeout=300)
    found = cosines(history)
    assert found[-1] > found[0] + 0.01
    # Once more with other words: the models are those that ran before, and were not changed by that.
    prompt["2"]["inputs"]["text"] = "a dog (with a ball)"
    prompt["6"]["inputs"]["text"] = f"a dog (with a ball)\n{WISH}"
    again = comfyui.run(prompt, timeout=300)
    assert "a dog (with a ball)" in again["outputs"]["7"]["text"][0]


def test_a_judge_that_is_no_longer_used_is_not_taken_for_a_leak(comfyui: Client) -> None:
    # Weights of their own, so that no other test keeps the judge in the cache.
    prompt = workflow(own(text_width=32, image_width=32))
    encode = {
        "0": prompt["0"],
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 3}},
        "2": {
            "class_type": "CLIPVisionEncode",
            "inputs": {"clip_vision": ["0", 1], "image": ["1", 0], "crop": "center"},
        },
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}},
    }
    before = comfyui.server.read_log()
    found = []
    for seed in (1, 2):
        prompt["5"]["inputs"]["seed"] = seed
        found += [cosines(comfyui.run(prompt, timeout=300))[-1]]
        # The judge leaves the cache, while ComfyUI goes on with the same image encoder.
        for color in (1, 2):
            encode["1"]["inputs"]["color"] = 2 * seed + color
            comfyui.run(encode, timeout=300)
    log = comfyui.server.read_log().removeprefix(before)
    assert "memory leak" not in log
    assert found[0] == pytest.approx(found[1], abs=0.2)


def test_the_layers_of_comfyuis_own_clip_can_be_asked(comfyui: Client) -> None:
    block = "model.vision_model.encoder.layers.0"
    prompt = workflow(own())
    model = {"model": ["1", 0], "weight": 1.0}
    head = {"layer": f"{block}.self_attn", "kind": "head", "kind.head": 0}
    token = {"layer": block, "kind": "neuron", "kind.channel": 3, "kind.position": "0"}
    prompt["2"] = {"class_type": "DAS_FeatureObjective", "inputs": {**model, **head}}
    prompt["3a"] = {"class_type": "DAS_FeatureObjective", "inputs": {**model, **token}}
    prompt["5"]["inputs"]["objectives.objective1"] = ["3a", 0]
    prompt["9"] = {"class_type": "DAS_StyleObjective", "inputs": {"image": ["5", 2], "layers": "", **model}}
    prompt["10"] = {"class_type": "DAS_ContentObjective", "inputs": {"image": ["5", 0], "layer": "", **model}}
    again = {"stack": ["5", 1], "objectives.objective0": ["9", 0], "objectives.objective1": ["10", 0]}
    prompt["11"] = {"class_type": "DAS_Optimize", "inputs": prompt["5"]["inputs"] | again}
    prompt["12"] = {"class_type": "SaveImage", "inputs": {"images": ["11", 0], "filename_prefix": "again"}}
    prompt["13"] = {"class_type": "DAS_ListLayers", "inputs": {"model": ["1", 0], "search": "layers.0"}}
    prompt["14"] = {"class_type": "PreviewAny", "inputs": {"source": ["13", 0]}}
    history = comfyui.run(prompt, timeout=300)
    assert f"\n{block} " in history["outputs"]["14"]["text"][0]
    first, then = (comfyui.get_images(history, node)[0].tobytes() for node in ("8", "12"))
    assert first != then


def test_the_example_runs(comfyui: Client) -> None:
    prompt = read_example("api/second_opinions")
    nodes = {node["class_type"]: name for name, node in prompt.items()}
    set_recipe(prompt[nodes["DAS_Optimize"]]["inputs"], steps=3)
    history = comfyui.run(prompt, timeout=300)
    (image,) = comfyui.get_images(history, nodes["SaveImage"])
    assert image.size == (448, 448)
    said = history["outputs"][nodes["DAS_Similarity"]]["text"][0]
    assert "Starter CLIP (EfficientNet-Lite2) finds it near to" in said


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"image_width": 32}, "CLIP Vision model has embeddings of 32 numbers and the text encoder of 64 .clip_l."),
        ({"projection": "zeros"}, "the text encoder clip_l comes without its text projection .those of SD 1.x do."),
        ({"projection": "identity"}, "the text encoder clip_l comes without its text projection"),
    ],
)
def test_halves_that_do_not_match_are_named(comfyui: Client, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(PromptFailedError, match=says):
        comfyui.run(workflow(own(**settings)), timeout=300)
