"""Models of the real ComfyUI as denoisers of Optimize: its upscale models, its samplers, and a cancel inside of one.

The upscale model is a file of a network that makes everything darker, the diffusion model an exact formula whose
pictures are plain: both can be told from the picture.
"""

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from harness.client import Client, PromptFailedError
from short_examples import PLAIN_STACK, PLAIN_VIEWS, customise

SIDE = 64
FILE = "darker.safetensors"
ON = {"denoise": "on", "denoise.strength": 0.1, "denoise.end": 0.1, "denoise.share": 0.5, "denoise.keep": 0.0}
DIFFUSION = {
    "0": {"class_type": "HarnessExactDiffusion", "inputs": {"side": SIDE, "batch": 1, "forgetful": False}},
    "9": {
        "class_type": "DAS_DenoiserFromDiffusion",
        "inputs": {"model": ["0", 0], "vae": ["0", 1], "positive": ["0", 3]},
    },
}
UPSCALE = {
    "0": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": FILE}},
    "9": {"class_type": "DAS_DenoiserFromUpscaleModel", "inputs": {"upscale_model": ["0", 0]}},
}


@pytest.fixture(scope="module", autouse=True)
def upscale_file(comfyui: Client) -> None:
    """A DnCNN, which returns its input less what its last layer says: a constant."""
    spandrel = pytest.importorskip("spandrel.architectures.DnCNN")
    network = spandrel.DnCNN(in_nc=3, out_nc=3, nc=8, nb=8, act_mode="R", mode="DnCNN")
    weights = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    last = [name for name in weights if name.endswith("bias")][-1]
    weights[last] += 0.5
    folder = comfyui.server.base_directory / "models" / "upscale_models"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / FILE)


def climb(nodes: dict[str, Any], seed: int = 0, **changes: Any) -> dict[str, Any]:
    """An ascent of a few steps; `nodes` bring a denoiser, or are empty."""
    recipe: dict[str, Any] = {
        "steps": 4,
        "optimizer": "ascent",
        "optimizer.step_size": 0.1,
        "optimizer.momentum": 0.0,
        "optimizer.coarse_to_fine": 0.6,
        "optimizer.tilt": 0.0,
        "schedule": "cosine",
        "preview_every": 1,
        "frames": 0,
        "chunk": 0,
        "focus": "everywhere",
        **(ON if nodes else {"denoise": "off"}),
        **changes,
    }
    settings: dict[str, Any] = {
        "stack": ["3", 0],
        "objectives.objective0": ["2", 0],
        "augmentation": ["4", 0],
        "seed": seed,
        **({"denoiser": ["9", 0]} if nodes else {}),
        **customise("recipe", recipe),
    }
    views = {"views": 2, "zoom_min": 0.45, "flip": 0.5}
    views |= customise("details", PLAIN_VIEWS | {"zoom_start": 0.9, "noise": 0.05})
    stack = {"width": SIDE, "height": SIDE, "batch_size": 1, "seed": 0}
    stack |= customise("details", PLAIN_STACK | {"margin": 0, "parametrization": "linear", "parametrization.step": 4})
    start = {"start": "noise", "start.amplitude": 1.0, "start.decay": 1.0}
    return {
        **nodes,
        "1": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "starter", "precision": "auto"}},
        "2": {
            "class_type": "DAS_ClassObjective",
            "inputs": {"classifier": ["1", 0], "classes": "jellyfish", "score": "logit", "weight": 1.0},
        },
        "3": {"class_type": "DAS_ImageStack", "inputs": {**stack, **start}},
        "4": {"class_type": "DAS_Augmentation", "inputs": views},
        "5": {"class_type": "DAS_Optimize", "inputs": settings},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "denoised"}},
    }


def shown(client: Client, prompt: dict[str, Any]) -> np.ndarray:
    (image,) = client.get_images(client.run(prompt, timeout=300), "6")
    return np.asarray(image.convert("RGB")).astype(float) / 255


def roughness(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean())


@pytest.fixture(scope="module")
def plain(comfyui: Client) -> np.ndarray:
    return shown(comfyui, climb({}))


def test_an_upscale_model_from_a_file_moves_the_picture(comfyui: Client, plain: np.ndarray) -> None:
    dark = shown(comfyui, climb(UPSCALE))
    assert dark.mean() < plain.mean() - 0.1
    assert np.array_equal(shown(comfyui, climb(UPSCALE, preview_every=0)), dark)


def test_a_diffusion_model_leads_to_what_it_sees(comfyui: Client, plain: np.ndarray) -> None:
    smooth = shown(comfyui, climb(DIFFUSION))
    assert roughness(smooth) < 0.7 * roughness(plain)
    comfyui.free()
    assert np.array_equal(shown(comfyui, climb(DIFFUSION, preview_every=0)), smooth)


def test_a_stronger_one_leads_further(comfyui: Client) -> None:
    rough = [
        roughness(shown(comfyui, climb(DIFFUSION, 0, **{"denoise.strength": value, "denoise.end": value})))
        for value in (0.02, 0.5)
    ]
    assert rough[1] < 0.9 * rough[0]


def test_models_that_push_each_other_off_the_device_come_back(comfyui: Client) -> None:
    forgetful = {**DIFFUSION, "0": {**DIFFUSION["0"], "inputs": {"side": SIDE, "batch": 1, "forgetful": True}}}
    image = shown(comfyui, climb(forgetful))
    assert np.array_equal(image, shown(comfyui, climb(DIFFUSION)))


def test_a_cancel_stops_it_and_the_models_can_be_used_again(comfyui: Client) -> None:
    prompt = climb(DIFFUSION, steps=5000)
    with comfyui.open_events() as events:
        prompt_id = comfyui.queue(prompt, events)
        kinds = []
        for event in events.receive_until_done(prompt_id, timeout=120):
            kinds.append(event.type)
            if event.type == "progress" and event.data["value"] == 2:
                comfyui.interrupt(prompt_id)
    assert "execution_interrupted" in kinds
    assert shown(comfyui, climb(DIFFUSION, seed=1)).any()


def test_a_picture_of_another_size_than_the_model_takes_is_said_and_what_was_reached_is_kept(comfyui: Client) -> None:
    prompt = climb(DIFFUSION)
    # The formula is for one size only.
    prompt["3"]["inputs"]["width"] = 2 * SIDE
    with pytest.raises(PromptFailedError):
        comfyui.run(prompt, timeout=300)
    assert shown(comfyui, climb(DIFFUSION, seed=2)).any()
