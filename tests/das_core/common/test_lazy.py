import subprocess
import sys
from pathlib import Path

import pytest

import direct_ascent

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"torchvision", "timm", "open_clip", "transformers", "matplotlib", "sklearn", "huggingface_hub"}


# First what the package loads by itself, then an ascent on a model of one's own, which needs neither CLIP nor charts.
PROGRAM = f"""
import sys
import direct_ascent as da
da.render, da.wrap, da.Ascent
print("first", *({HEAVY!r} & sys.modules.keys()))
import torch
model = da.wrap(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)), size=16, mean=(0.5,) * 3, std=(0.5,) * 3)
da.Ascent(da.ImageStack.gray(da.StackSpec(16, 16, 4)), da.layer("0").on(model), steps=1).run()
print("then", *({HEAVY!r} & sys.modules.keys()))
"""


def test_nothing_that_takes_seconds_is_loaded_before_it_is_needed() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    first, then = map(str.split, run.stdout.splitlines()[-2:])
    assert first == ["first"]
    assert not set(then) & {"open_clip", "matplotlib", "transformers", "timm"}


def test_every_name_is_found_and_listed_and_they_are_few() -> None:
    names = direct_ascent.__all__
    assert all(getattr(direct_ascent, name) is not None for name in names)
    assert len(names) <= 90
    assert set(names) <= set(dir(direct_ascent))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        direct_ascent.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_clips_of_open_clip_are_an_extra() -> None:
    without = (
        "import sys; sys.modules['open_clip'] = sys.modules['transformers'] = None; import direct_ascent as da;"
        "print(da.render(da.load_starter(), 'jellyfish', size=32, steps=1, recipe='sketch').image.shape);"
        "print(da.load_starter_clip().encode_text(['a castle']).shape); da.load_open_clip('RN50', 'openai', '.')"
    )
    run = subprocess.run([sys.executable, "-c", without], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.split("\n")[:2] == ["torch.Size([1, 3, 32, 32])", "torch.Size([1, 1280])"]
    assert "is not installed; run pip install 'direct-ascent[text]'" in run.stderr.splitlines()[-1]
