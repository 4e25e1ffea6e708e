"""Guide Diffusion in the real ComfyUI: its samplers, its memory manager, and a model that is an exact formula.

Lite0 guides; Lite2, which sees nothing of it, says whether the picture has become what was asked for.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from harness.client import Client, PromptFailedError
from short_examples import PLAIN_VIEWS, customise

SIDE, BATCH = 64, 2
WISH = "jellyfish"
TEMPLATE = Path(__file__).resolve().parents[2] / "example_workflows" / "api" / "guided_diffusion.json"
QUICK: dict[str, Any] = {"n0_batch": 1, "n3_views": 1, "n4_steps": 1, "n5_steps": 4}
"""One picture, four steps of the sampler, and one view at each: for what does not ask whether it is any good."""


def guided(strength: float | None = 3.0, **changes: Any) -> dict[str, Any]:
    """Sampling that is guided towards a class; without strength it is not."""
    details = {"jitter": 16, "zoom_start": 0.9, "noise": 0.05}
    guide = {"steps": 2, "start_percent": 0.0, "end_percent": 1.0, "every": 1, "seed": 0}
    sample = {"seed": 0, "steps": 8, "cfg": 1.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0}
    model = ["0", 0] if strength is None else ["4", 0]
    nodes: dict[str, dict[str, Any]] = {
        "0": {"class_type": "HarnessExactDiffusion", "inputs": {"side": SIDE, "batch": BATCH, "forgetful": False}},
        "1": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "starter", "precision": "auto"}},
        "2": {
            "class_type": "DAS_ClassObjective",
            "inputs": {"classifier": ["1", 0], "classes": WISH, "score": "logit", "weight": 1.0},
        },
        "3": {
            "class_type": "DAS_Augmentation",
            "inputs": {"views": 3, "zoom_min": 0.45, "flip": 0.5, **customise("details", PLAIN_VIEWS | details)},
        },
        "4": {
            "class_type": "DAS_GuideDiffusion",
            "inputs": {
                "model": ["0", 0],
                "vae": ["0", 1],
                "objectives.objective0": ["2", 0],
                "augmentation": ["3", 0],
                "strength": strength,
                **guide,
            },
        },
        "5": {
            "class_type": "KSampler",
            "inputs": {"model": model, "positive": ["0", 3], "negative": ["0", 3], "latent_image": ["0", 2], **sample},
        },
        "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["0", 1]}},
        "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "guided"}},
        "8": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "second_opinion", "precision": "auto"}},
        "9": {
            "class_type": "DAS_ClassObjective",
            "inputs": {"classifier": ["8", 0], "classes": WISH, "score": "log_probability", "weight": 1.0},
        },
        "10": {
            "class_type": "DAS_ObjectiveScore",
            "inputs": {"image": ["6", 0], "objectives.objective0": ["9", 0], "seed": 0},
        },
        "11": {"class_type": "PreviewAny", "inputs": {"source": ["10", 1]}},
    }
    if strength is None:
        del nodes["4"]
    for where, value in changes.items():
        node, name = where.removeprefix("n").split("_", 1)
        if node in nodes:
            nodes[node]["inputs"][name] = value
    return nodes


def pictures(client: Client, prompt: dict[str, Any]) -> tuple[np.ndarray, list[float], Any]:
    """The pictures, the log-probability of the wish under Lite2 in their order, and the history."""
    history = client.run(prompt, timeout=300)
    images = np.stack([np.asarray(image) for image in client.get_images(history, "7")])
    lines = history["outputs"]["11"]["text"][0].splitlines()
    found = {int(line.split()[1].rstrip(":")): float(line.split()[2]) for line in lines}
    return images, [found[number] for number in sorted(found)], history


def shown(client: Client, prompt: dict[str, Any]) -> np.ndarray:
    return pictures(client, prompt)[0]


@pytest.fixture(scope="module")
def unguided(comfyui: Client) -> np.ndarray:
    return shown(comfyui, guided(None, **QUICK))


@pytest.fixture(scope="module")
def led(comfyui: Client) -> np.ndarray:
    return shown(comfyui, guided(**QUICK))


def test_a_model_that_took_no_part_finds_what_was_asked_for_in_every_picture(comfyui: Client) -> None:
    before, after = (pictures(comfyui, guided(strength))[1] for strength in (None, 3.0))
    assert len(after) == BATCH
    # Logarithms of probabilities: each at least doubles.
    assert all(then > first + 0.7 for first, then in zip(before, after, strict=True))


def test_strength_0_is_the_unguided_picture(comfyui: Client, unguided: np.ndarray, led: np.ndarray) -> None:
    assert np.array_equal(shown(comfyui, guided(0.0, **QUICK)), unguided)
    assert not np.array_equal(led, unguided)


def test_the_model_is_not_changed_for_others(comfyui: Client, unguided: np.ndarray) -> None:
    # One model, guided for one sampler and not for the other, in one run.
    prompt, plain = guided(2.5, **QUICK), guided(None, **QUICK)
    prompt |= {"12": plain["5"], "13": plain["6"], "14": plain["7"]}
    prompt["13"]["inputs"]["samples"] = ["12", 0]
    # Under a name of its own, or ComfyUI has it from the run before.
    prompt["14"]["inputs"] = {"images": ["13", 0], "filename_prefix": "other"}
    _, _, history = pictures(comfyui, prompt)
    other = np.stack([np.asarray(image) for image in comfyui.get_images(history, "14")])
    assert np.array_equal(other, unguided)


def test_the_same_seed_gives_the_same_bits_also_after_all_models_were_unloaded(
    comfyui: Client, led: np.ndarray
) -> None:
    comfyui.free()
    assert np.array_equal(shown(comfyui, guided(**QUICK)), led)
    assert not np.array_equal(shown(comfyui, guided(**QUICK, n4_seed=1)), led)


def test_an_image_does_not_depend_on_the_batch_it_is_in(comfyui: Client) -> None:
    # Three steps: differences of rounding grow with each, and at the fourth by how much depends on the processor.
    alone, both = (shown(comfyui, guided(**QUICK | {"n5_steps": 3, "n0_batch": count})) for count in (1, 2))
    # The noise of the first image is the same in both batches.
    assert np.abs(both[0].astype(int) - alone[0]).max() <= 2


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_sde", "euler_ancestral_cfg_pp", "uni_pc"])
def test_other_samplers_are_guided_too(comfyui: Client, sampler: str) -> None:
    other = QUICK | {"n5_sampler_name": sampler}
    assert not np.array_equal(shown(comfyui, guided(**other)), shown(comfyui, guided(None, **other)))


def test_models_that_do_not_fit_take_turns_and_the_log_says_so_once(comfyui: Client) -> None:
    before = comfyui.server.read_log()
    prompt = guided(**QUICK, n0_forgetful=True)
    prompt["12"] = {"class_type": "HarnessExactCalls", "inputs": {"after": ["5", 0]}}
    prompt["13"] = {"class_type": "PreviewAny", "inputs": {"source": ["12", 0]}}
    history = comfyui.run(prompt, timeout=300)
    assert history["outputs"]["13"]["text"][0].endswith(" 0 unloaded")
    log = comfyui.server.read_log().removeprefix(before)
    assert log.count("do not fit on the device together, so they take turns") == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n4_start_percent": 0.9, "n4_end_percent": 0.3}, "start_percent 0.9 is not below end_percent 0.3"),
        ({"n2_weight": 0.0}, "the weights of all objectives are 0"),
    ],
)
def test_bad_settings_are_said(comfyui: Client, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PromptFailedError, match=says):
        comfyui.run(guided(**QUICK | changes), timeout=300)


def test_a_region_of_another_aspect_is_said_within_the_sampler_and_the_model_can_be_used_again(
    comfyui: Client, led: np.ndarray
) -> None:
    prompt = guided(**QUICK)
    prompt["12"] = {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 64, "height": 32}}
    prompt["13"] = {"class_type": "DAS_Region", "inputs": {"objective": ["2", 0], "mask": ["12", 0]}}
    prompt["4"]["inputs"]["objectives.objective0"] = ["13", 0]
    with pytest.raises(PromptFailedError, match=r"at step 1 of the sampler: the region of 'jellyfish' is 64 x 32"):
        comfyui.run(prompt, timeout=300)
    # Another name, so that the sampler runs again.
    assert np.array_equal(shown(comfyui, guided(**QUICK, n0_side=SIDE)), led)


def test_a_sampler_that_is_cancelled_in_a_guided_step_stops_and_the_model_can_be_used_again(
    comfyui: Client, led: np.ndarray
) -> None:
    # The first step is not guided; the second is, and would take minutes.
    prompt = guided(**QUICK | {"n4_start_percent": 0.2, "n4_steps": 100, "n3_views": 64})
    with comfyui.open_events() as events:
        prompt_id = comfyui.queue(prompt, events)
        kinds = []
        for event in events.receive_until_done(prompt_id, timeout=120):
            kinds.append(event.type)
            if event.type == "progress" and event.data["value"] == 1:
                comfyui.interrupt(prompt_id)
    assert "execution_interrupted" in kinds
    comfyui.free()
    assert np.array_equal(shown(comfyui, guided(**QUICK)), led)


def test_the_template_runs_twice_around_an_eviction_and_keeps_no_memory(comfyui: Client) -> None:
    prompt: dict[str, Any] = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    # Without its words: the CLIP would be assembled anew after every eviction. test_examples runs it whole.
    words = [name for name, node in prompt.items() if node["class_type"] in ("DAS_LoadCLIP", "DAS_TextObjective")]
    prompt = {name: node for name, node in prompt.items() if name not in words}
    for node in prompt.values():
        node["inputs"] = {name: value for name, value in node["inputs"].items() if name != "objectives.objective1"}
        changes = {
            "CheckpointLoaderSimple": {},
            "DAS_GuideDiffusion": {"steps": 1, "every": 1, "start_percent": 0.0, "end_percent": 1.0},
            "DAS_Augmentation": {"views": 2},
            "KSampler": {"steps": 3},
            "EmptyLatentImage": {"width": 192, "height": 192},
        }
        node["inputs"] |= changes.get(node["class_type"], {})
        if node["class_type"] == "CheckpointLoaderSimple":
            node |= {"class_type": "HarnessSmallDiffusion", "inputs": {}}
    saver, unguided = (
        next(name for name, node in prompt.items() if node["class_type"] == kind)
        for kind in ("SaveImage", "PreviewImage")
    )
    before = comfyui.server.read_log()
    found, held = [], []
    for _ in range(3):
        history = comfyui.run(prompt, timeout=300)
        found.append([comfyui.get_images(history, node)[0].tobytes() for node in (saver, unguided)])
        comfyui.free()
        held.append(psutil.Process(comfyui.server.process.pid).memory_info().rss)
    assert found[0] == found[1] == found[2]
    assert found[0][0] != found[0][1]
    # The first run also fills the caches of libraries.
    assert held[2] - held[1] < 64 * 2**20
    # Where all fit, they do not take turns.
    assert "take turns" not in comfyui.server.read_log().removeprefix(before)
