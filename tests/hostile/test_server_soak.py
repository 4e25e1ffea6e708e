"""A hundred runs in one real ComfyUI, some cancelled or refused: it answers to the end, and its memory does not grow.

Only the long form runs this test (HOSTILE_SCALE=100 or more). It needs a ComfyUI at COMFYUI_PATH or ~/ComfyUI.
"""

import random
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client, PromptRejectedError
from harness.server import ComfyUINotFoundError, find_comfyui, start_comfyui
from outcomes import pick

pytestmark = pytest.mark.hostile

RUNS, SETTLED = 100, 10
LONG_FORM = 100
GROWTH = 1.05
"""The largest allowed ratio of the memory of the server after 100 runs to its memory after 10 runs."""

BAD: list[tuple[str, str, Any]] = [
    ("2", "classes", "no such thing"),
    ("2", "classes", "1000"),
    ("3", "details.levels.step", 1000),
    ("4", "zoom_min", 1.0),
    ("4", "views", 0),
    ("3", "details.feather", 5000),
]


def make_prompt(generator: random.Random) -> dict[str, Any]:
    """Return a prompt that makes a small picture of a class with random valid options."""
    optimizers: dict[str, dict[str, Any]] = {
        "ascent": {"step_size": 0.08, "momentum": 0.5, "coarse_to_fine": 0.6, "tilt": 0.4},
        "sgd": {"learning_rate": 0.005, "momentum": 0.5},
        "adam": {"learning_rate": 0.01},
    }
    kind = generator.choice(list(optimizers))
    graph: dict[str, tuple[str, dict[str, Any]]] = {
        "1": (
            "DAS_LoadClassifier",
            {"source": pick(generator, ["starter", "starter", "starters"]), "precision": "auto"},
        ),
        "2": (
            "DAS_ClassObjective",
            {
                "classifier": ["1", 0],
                "classes": pick(generator, ["jellyfish", "goldfish: 0.5\n3", "207"]),
                "score": "log_probability",
                "weight": 1.0,
                "variety": 0.0,
            },
        ),
        "3": (
            "DAS_ImageStack",
            {
                "width": generator.randint(32, 96),
                "height": generator.randint(32, 96),
                "batch_size": pick(generator, [1, 1, 2]),
                "start": "noise",
                "start.amplitude": 1.0,
                "start.decay": 0.4,
                "seed": generator.randrange(2**32),
                "details": "custom",
                "details.margin": 16,
                "details.levels": "linear",
                "details.levels.step": 4,
                "details.color": "decorrelated",
                "details.method": pick(generator, ["spectral", "layers"]),
                "details.tile": False,
                "details.feather": 0,
                "details.size": "given",
            },
        ),
        "4": ("DAS_Augmentation", {"views": 2, "zoom_min": 0.45, "flip": 0.5, "details": "default"}),
        "5": (
            "DAS_Optimize",
            {
                "stack": ["3", 0],
                "objectives.objective0": ["2", 0],
                "augmentation": ["4", 0],
                "seed": generator.randrange(2**32),
                "recipe": "custom",
                "recipe.steps": 2,
                "recipe.optimizer": kind,
                **{f"recipe.optimizer.{name}": value for name, value in optimizers[kind].items()},
                "recipe.schedule": "cosine",
                "recipe.preview_every": 1,
                "recipe.frames": 1,
                "recipe.chunk": 0,
                "recipe.focus": "everywhere",
                "recipe.denoise": "off",
            },
        ),
        "6": ("SaveImage", {"images": ["5", 0], "filename_prefix": "soak"}),
    }
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in graph.items()}


def read_resident_bytes(process_id: int) -> int:
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def test_a_server_keeps_nothing_of_a_hundred_runs(tmp_path: Path, scale: int) -> None:
    if scale < LONG_FORM:
        pytest.skip(f"takes minutes; HOSTILE_SCALE={LONG_FORM} runs it")
    try:
        find_comfyui()
    except ComfyUINotFoundError as error:
        pytest.skip(str(error))
    generator, ends, memory = random.Random(0), [], {}
    with start_comfyui(tmp_path) as server:
        client = Client(server)
        for run in range(1, RUNS + 1):
            ends.append(run_once(client, generator, run))
            if run in (SETTLED, RUNS):
                # Memory is read after the same run both times, and without models, because the loaded models differ
                # from run to run.
                client.run(make_prompt(random.Random(1)), timeout=600)
                client.free()
                memory[run] = read_resident_bytes(server.process.pid)
        client.run(make_prompt(generator), timeout=600)
    counts = {end: ends.count(end) for end in sorted(set(ends))}
    print(
        f"{counts}; resident after {SETTLED} and {RUNS} runs: {[f'{size / 2**20:.0f} MiB' for size in memory.values()]}"
    )
    assert counts["success"] > RUNS / 2
    assert memory[RUNS] < GROWTH * memory[SETTLED]


def run_once(client: Client, generator: random.Random, run: int) -> str:
    """Run a prompt, and return how it ended.

    Runs 5, 10, 15, … have a bad value. Runs 7, 14, 21, … are cancelled; behind those with an odd number, a second
    prompt waits in the queue.
    """
    prompt = make_prompt(generator)
    if run % 5 == 0:
        node, name, value = pick(generator, BAD)
        prompt[node]["inputs"][name] = value
        try:
            history = client.wait(client.queue(prompt), timeout=600)
        except PromptRejectedError:
            return "refused by the server"
        last, data = history["status"]["messages"][-1]
        if last == "execution_error":
            assert data["exception_type"].endswith("ValueError"), data
            return "refused by a node"
        return str(history["status"]["status_str"])
    if run % 7 == 0:
        prompt["5"]["inputs"]["recipe.steps"] = 1000
        prompt_id = client.queue(prompt)
        behind = client.queue(make_prompt(generator)) if run % 2 else None
        client.interrupt(prompt_id)
        if behind is not None:
            # The second prompt is taken out of the queue. If it has just started, it drops an interrupt that comes
            # before its first node; `stop_all` repeats the interrupt.
            client.post("/queue", {"delete": [behind]})
        client.stop_all(120)
        return "interrupted"
    history = client.wait(client.queue(prompt), timeout=600)
    status = history["status"]
    last = status["messages"][-1]
    assert status["status_str"] == "success", last[1].get("exception_message", last)
    return str(status["status_str"])
