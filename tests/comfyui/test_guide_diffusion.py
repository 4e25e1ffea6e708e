"""Guide Diffusion in the real ComfyUI: its samplers, its memory manager, and a model that is an exact formula.

Lite0 guides; Lite2, which sees nothing of it, says whether the picture has become what was asked for.
"""

from typing import Any

import numpy as np
import pytest

from harness.client import Client, PromptFailedError

SIDE, BATCH = 64, 3
WISH = "jellyfish"


def guided(strength: float | None = 2.0, **changes: Any) -> dict[str, Any]:
    """Sampling that is guided towards a class; without strength it is not."""
    still = {"zoom_min": 0.45, "zoom_max": 1.0, "zoom_start": 0.9, "noise": 0.05, "flip": 0.5, "noise_kind": "gaussian"}
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
            "inputs": {"views": 3, "jitter": 16, "over_time": "constant", **still},
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
            "inputs": {
                "model": model,
                "positive": ["0", 3],
                "negative": ["0", 3],
                "latent_image": ["0", 2],
                **sample,
            },
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
        node, name = where.split("_", 1)
        nodes[node.removeprefix("n")]["inputs"][name] = value
    return nodes


def pictures(client: Client, prompt: dict[str, Any]) -> tuple[np.ndarray, list[float], Any]:
    """The pictures, the log-probability of the wish under Lite2 in their order, and the history."""
    history = client.run(prompt, timeout=300)
    images = np.stack([np.asarray(image) for image in client.get_images(history, "7")])
    lines = history["outputs"]["11"]["text"][0].splitlines()
    found = {int(line.split()[1].rstrip(":")): float(line.split()[2]) for line in lines}
    return images, [found[number] for number in sorted(found)], history


@pytest.fixture(scope="module")
def unguided(comfyui: Client) -> tuple[np.ndarray, list[float]]:
    return pictures(comfyui, guided(None))[:2]


@pytest.fixture(scope="module")
def led(comfyui: Client) -> tuple[np.ndarray, list[float]]:
    return pictures(comfyui, guided())[:2]


def test_a_model_that_took_no_part_finds_what_was_asked_for_in_every_picture(
    unguided: tuple[np.ndarray, list[float]], led: tuple[np.ndarray, list[float]]
) -> None:
    assert len(led[1]) == BATCH
    for before, after in zip(unguided[1], led[1], strict=True):
        assert after > before + 1


def test_strength_0_is_the_unguided_picture(comfyui: Client, unguided: tuple[np.ndarray, list[float]]) -> None:
    assert np.array_equal(pictures(comfyui, guided(0.0))[0], unguided[0])


def test_the_model_is_not_changed_for_others(comfyui: Client, unguided: tuple[np.ndarray, list[float]]) -> None:
    # One model, guided for one sampler and not for the other, in one run.
    prompt = guided()
    plain = guided(None)
    prompt |= {"12": plain["5"], "13": plain["6"], "14": plain["7"]}
    prompt["13"]["inputs"]["samples"] = ["12", 0]
    prompt["14"]["inputs"]["images"] = ["13", 0]
    _, _, history = pictures(comfyui, prompt)
    other = np.stack([np.asarray(image) for image in comfyui.get_images(history, "14")])
    assert np.array_equal(other, unguided[0])


def test_the_same_seed_gives_the_same_bits_also_after_all_models_were_unloaded(
    comfyui: Client, led: tuple[np.ndarray, list[float]]
) -> None:
    comfyui.free()
    assert np.array_equal(pictures(comfyui, guided())[0], led[0])


def test_another_seed_of_the_guidance_gives_another_picture(
    comfyui: Client, led: tuple[np.ndarray, list[float]]
) -> None:
    assert not np.array_equal(pictures(comfyui, guided(n4_seed=1))[0], led[0])


def test_an_image_does_not_depend_on_the_batch_it_is_in(comfyui: Client, led: tuple[np.ndarray, list[float]]) -> None:
    alone, _, _ = pictures(comfyui, guided(n0_batch=1))
    assert np.abs(alone[0].astype(int) - led[0][0]).max() <= 2


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m", "dpmpp_sde", "euler_ancestral_cfg_pp", "uni_pc", "lcm"])
def test_other_samplers_are_guided_too(comfyui: Client, sampler: str) -> None:
    short = {"n0_batch": 1, "n3_views": 1, "n4_steps": 1, "n5_steps": 4, "n5_sampler_name": sampler}
    with_it, without = pictures(comfyui, guided(**short)), pictures(comfyui, guided(None, **short_of(short)))
    assert not np.array_equal(with_it[0], without[0])


def short_of(changes: dict[str, Any]) -> dict[str, Any]:
    """Changes without those of the node that guides."""
    return {where: value for where, value in changes.items() if not where.startswith("n4_")}


def test_models_that_do_not_fit_take_turns_and_the_log_says_so_once(comfyui: Client) -> None:
    before = comfyui.server.read_log()
    prompt = guided(n0_forgetful=True, n0_batch=1, n3_views=1, n4_steps=1, n4_seed=3)
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
        ({"n3_jitter": 8, "n0_side": 16, "n5_denoise": 1.0}, None),
    ],
)
def test_bad_settings_are_said_and_the_model_can_be_used_again(
    comfyui: Client, unguided: tuple[np.ndarray, list[float]], changes: dict[str, Any], says: str | None
) -> None:
    if says is None:
        pictures(comfyui, guided(**changes))
        return
    with pytest.raises(PromptFailedError, match=says):
        comfyui.run(guided(**changes), timeout=300)
    assert np.array_equal(pictures(comfyui, guided(None))[0], unguided[0])
