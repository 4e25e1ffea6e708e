"""How long a run goes on after a press of Cancel, and how much memory it holds, where widgets are near their limits.

Only the long form runs this test (HOSTILE_SCALE=100 or more). HOSTILE_CASES="denoise, feather" runs only the cases
whose names contain one of these words. The test prints a table with CPU seconds on one thread. `test_presses.py` tests
the same without a clock, by counting operations.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
import torch

from loaded_pack import Pack, Toy
from press_clock import Measured, measure

pytestmark = pytest.mark.hostile

LONG_FORM = 100
PATIENCE = 2.5
"""After how many CPU seconds Cancel is pressed."""

FREE = 10 * 2**30
"""How many bytes of free memory the memory checks of the pack see. A run that holds more than twice as many is a
defect."""

Make = Callable[["Sources"], Callable[[], Any]]


class Sources:
    """Makes the inputs of the nodes: large pictures and stacks, and a classifier that is installed with the pack."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        generator = torch.Generator().manual_seed(0)
        self.large = torch.rand(1, 4096, 4096, 3, generator=generator)
        self.many = self.large.reshape(64, 512, 512, 3)
        self.classifier = pack.run("DAS_LoadClassifier", source={"source": "starter"})[0]
        # A toy, because fitting the starter CLIP takes half a minute; encoding a text with it takes only milliseconds.
        self.clip = pack.clip(Toy())

    def stack(self, side: int = 4096, *, levels: Any = "multiples_of_4", **inputs: Any) -> Any:
        details = {"details": "custom", "margin": 56, "levels": levels, **inputs.pop("details", {})}
        return self.pack.run("DAS_ImageStack", width=side, height=side, details=details, **inputs)[0]

    def moved(self, side: int, **inputs: Any) -> Any:
        """Return a stack with a random canvas, which takes less time to make than the start from noise."""
        stack = self.stack(side, **inputs)
        module = self.pack.module("das_core")
        canvas = torch.randn(stack.canvas.shape, generator=torch.Generator().manual_seed(1))
        return module.ImageStack.from_canvas(stack.spec, canvas)

    def film(self, side: int, *, frames: int) -> Any:
        return self.pack.run("DAS_FilmStack", stack=self.moved(side), frames=frames, loop=False)[0]

    def zoom(self, side: int, *, depths: int) -> Any:
        return self.pack.run("DAS_ZoomStack", stack=self.moved(side), depths=depths, factor=2.0, loop=False)[0]

    def objective(self, **inputs: Any) -> Any:
        return self.pack.run("DAS_ClassObjective", classifier=self.classifier, classes="jellyfish", **inputs)[0]

    def views(self, **inputs: Any) -> Any:
        return self.pack.run("DAS_Augmentation", **inputs)[0]

    def optimize(self, stack: Any, objective: Any = None, views: Any = None, **recipe: Any) -> Callable[[], Any]:
        # The operator is made before the measured run, so that the run gets further before Cancel is pressed. The cases
        # of Image Stack and Edit Stack measure the time of making an operator.
        stack.spec.operator(torch.device("cpu"))
        inputs = {"stack": stack, "objectives": {"objective0": objective or self.pack.objective()}}
        inputs |= {"augmentation": views} if views is not None else {}
        return lambda: self.pack.run("DAS_Optimize", **inputs, recipe={"recipe": "custom", "steps": 2, **recipe})

    def load(self, stack: Any) -> Callable[[], Any]:
        """Save a stack in a folder of the tests, and return a function that loads it."""
        (file,) = self.pack.run("DAS_SaveStack", stack=stack, filename_prefix="large")
        return self.run("DAS_LoadStack", file=file)

    def run(self, node_id: str, **inputs: Any) -> Callable[[], Any]:
        return lambda: self.pack.run(node_id, **inputs)


ONE = {"levels": "linear", "step": 1}
CUT = "\n".join(f"{number}: 0.5" for number in range(1, 1000))
LINES = "\n".join(f"a castle {number}" for number in range(10_000))

CASES: dict[str, Make] = {
    "Image Stack, noise, every level": lambda s: s.run(
        "DAS_ImageStack", width=4096, height=4096, start={"start": "noise"},
        details={"details": "custom", "levels": ONE},
    ),
    "Image Stack, image and feather": lambda s: s.run(
        "DAS_ImageStack", width=4096, height=4096, image=s.large, mask=torch.ones(1, 4096, 4096),
        start={"start": "image"}, details={"details": "custom", "feather": 1024},
    ),
    "Optimize, spectral, every level": lambda s: s.optimize(s.stack(levels=ONE)),
    "Optimize, Adam": lambda s: s.optimize(s.stack(1024, levels=ONE), optimizer={"optimizer": "adam"}),
    "Optimize, layers": lambda s: s.optimize(
        s.stack(2048, details={"method": "layers"}), optimizer={"optimizer": "sgd"}
    ),
    "Optimize, MACO": lambda s: s.optimize(s.moved(4096, levels="maco")),
    "Optimize, batch of 4": lambda s: s.optimize(s.stack(batch_size=4)),
    "Optimize, 512 views in chunks of 128": lambda s: s.optimize(
        s.stack(448), s.objective(), s.views(views=512), chunk=128
    ),
    "Optimize, 512 views of a large canvas": lambda s: s.optimize(s.stack(), s.objective(), s.views(views=512)),
    "Optimize, denoise": lambda s: s.optimize(
        s.stack(), views=s.views(views=1), denoise={"denoise": "on", "strength": 0.5, "end": 0.5, "share": 1.0}
    ),
    "Optimize, focus and emphasis": lambda s: s.optimize(
        s.stack(), views=s.views(views=1), focus={"focus": "center", "emphasis": 4.0}, preview_every=1, frames=1
    ),
    "Optimize, Content Objective": lambda s: s.optimize(
        s.stack(2048), s.pack.run("DAS_ContentObjective", model=s.classifier, image=s.large)[0], s.views(views=64)
    ),
    "Optimize, Region": lambda s: s.optimize(
        s.stack(2048), s.pack.run("DAS_Region", objective=s.objective(), mask=(s.large[..., 0] > 0.5).float())[0]
    ),
    "Optimize, Prior spectrum": lambda s: s.optimize(s.moved(4096), s.pack.run("DAS_Prior", kind="spectrum")[0]),
    "Optimize, Prior total_variation": lambda s: s.optimize(
        s.moved(1024, batch_size=16), s.pack.run("DAS_Prior", kind="total_variation")[0]
    ),
    "Optimize, variety in a batch of 64": lambda s: s.optimize(
        s.stack(448, batch_size=64), s.objective(variety=0.9), s.views(views=8)
    ),
    "Optimize, Patch Mask": lambda s: s.optimize(
        s.stack(448), None,
        s.pack.run("DAS_PatchMask", patches=64, size=1.0, augmentation=s.views(views=512))[0], chunk=512,
    ),
    "Optimize, Perspective": lambda s: s.optimize(
        s.stack(448), None,
        s.pack.run("DAS_Perspective", distortion=0.33, augmentation=s.views(views=512))[0], chunk=512,
    ),
    "Stack to Image, scale 32": lambda s: s.run("DAS_StackToImage", stack=s.moved(256), scale=32.0),
    "Stack to Image, scale 0.05": lambda s: s.run("DAS_StackToImage", stack=s.moved(4096), scale=0.05),
    "Stack to Image, scale 1.5": lambda s: s.run("DAS_StackToImage", stack=s.moved(2048, levels=ONE), scale=1.5),
    "Stack to Image, 256 frames of a film": lambda s: s.run(
        "DAS_StackToImage", stack=s.film(224, frames=64), frames=256, scale=4.0
    ),
    "Stack to Image, 256 frames of a zoom": lambda s: s.run(
        "DAS_StackToImage", stack=s.zoom(1024, depths=8), frames=256
    ),
    "Film Stack, 256 frames": lambda s: s.run("DAS_FilmStack", stack=s.moved(448), frames=256, loop=False),
    "Zoom Stack, 32 depths": lambda s: s.run("DAS_ZoomStack", stack=s.moved(1024), depths=32, factor=2.0, loop=False),
    "Optimize, a film of 256 frames": lambda s: s.optimize(s.film(224, frames=256), s.objective(), s.views(views=24)),
    "Optimize, a zoom of 8 depths": lambda s: s.optimize(s.zoom(1024, depths=8), s.objective(), s.views(views=24)),
    "Camera": lambda s: s.run(
        "DAS_Camera", images=s.large, shots="0: 0.5 0.5 1 / 5: 0.5 0.5 1 45", width=4096, height=4096
    ),
    "Camera, 60,000 shots": lambda s: s.run(
        "DAS_Camera", images=s.large[:, :32, :32], shots="\n".join(f"{n}: 0.5 0.5 1" for n in range(60_000))
    ),
    "Stack Levels": lambda s: s.run("DAS_StackLevels", stack=s.moved(2048, levels=ONE), size=1024),
    "Edit Stack, gains": lambda s: s.run("DAS_EditStack", stack=s.moved(2048), gains=CUT),
    "Edit Stack, blend": lambda s: s.run(
        "DAS_EditStack", stack=s.moved(4096), other=s.moved(4096), blend_bands="1-64"
    ),
    "Edit Stack, freeze": lambda s: s.run("DAS_EditStack", stack=s.moved(4096), freeze="1-64"),
    "Save Stack": lambda s: s.run("DAS_SaveStack", stack=s.moved(4096, batch_size=4), filename_prefix="large"),
    "Load Stack": lambda s: s.load(s.moved(4096, batch_size=4)),
    "Classify": lambda s: s.run("DAS_Classify", classifier=s.classifier, image=s.large, top_k=100),
    "Classify, 64 images": lambda s: s.run("DAS_Classify", classifier=s.classifier, image=s.many, top_k=100),
    "Similarity, 10,000 texts": lambda s: s.run("DAS_Similarity", clip=s.clip, image=s.large, text=LINES),
    "Text Objective, 10,000 texts": lambda s: s.run("DAS_TextObjective", clip=s.clip, text=LINES),
    "Text Objective, a megabyte": lambda s: s.run("DAS_TextObjective", clip=s.clip, text="castle " * 150_000),
    "Text Objective, brackets": lambda s: s.run("DAS_TextObjective", clip=s.clip, text="(" * 200_000),
    "Class Objective, 20,000 lines": lambda s: s.run(
        "DAS_ClassObjective", classifier=s.classifier, classes="\n".join(f"jellyfish{n}" for n in range(20_000))
    ),
    "Class Objective, a long line": lambda s: s.run(
        "DAS_ClassObjective", classifier=s.classifier, classes="jelly fish " * 100_000
    ),
    "Image Objective, 64 images": lambda s: s.run("DAS_ImageObjective", clip=s.clip, image=s.many),
    "Style Objective": lambda s: s.run("DAS_StyleObjective", model=s.classifier, image=s.large),
    "Style Objective, 64 images": lambda s: s.run("DAS_StyleObjective", model=s.classifier, image=s.many),
    "Objective Score, 512 views": lambda s: s.run(
        "DAS_ObjectiveScore", image=s.large, objectives={"objective0": s.objective()}, augmentation=s.views(views=512)
    ),
    "Spectrum": lambda s: s.run("DAS_Spectrum", image=s.large),
    "Spectrum, a prime side": lambda s: s.run("DAS_Spectrum", image=s.large[:, :4093, :4093]),
    "Spectrum of a stack": lambda s: s.run("DAS_Spectrum", stack=s.moved(4096)),
    "Feature Objective, a long direction": lambda s: s.run(
        "DAS_FeatureObjective", model=s.classifier, layer="conv_stem",
        kind={"kind": "direction", "direction": ", ".join(["1"] * 200_000)},
    ),
}  # fmt: skip


def test_time_from_press_to_end(pack: Pack, scale: int, request: pytest.FixtureRequest) -> None:
    if scale < LONG_FORM:
        pytest.skip(f"takes minutes; HOSTILE_SCALE={LONG_FORM} runs it")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    sources = Sources(pack)
    made: dict[str, Measured] = {}
    wanted = [part.strip() for part in os.environ.get("HOSTILE_CASES", "").split(",")]
    for name, make in CASES.items():
        if not any(part in name for part in wanted):
            continue
        made[name] = measure(make(sources), PATIENCE, FREE)
        found = made[name]
        print(
            f"{name:42} {found.seconds:5.2f} s  {found.peak / 2**30:4.1f} GiB  {found.end[:60]:60} {found.where}",
            flush=True,
        )
    assert not [name for name, found in made.items() if found.end.startswith("broken")]
    assert not [name for name, found in made.items() if found.peak > 2 * FREE]
