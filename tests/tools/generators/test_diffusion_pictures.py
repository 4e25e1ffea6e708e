"""Pictures of diffusion: which ones stand beside each other, and in which order."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cases import each_case
from generators import diffusion_pictures
from generators.diffusion_pictures import THUMBNAILS, picture_guidance

EXAMPLES = Path(__file__).resolve().parents[3] / "example_workflows" / "api"


@pytest.fixture(autouse=True)
def sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four plain pictures in place of sampled ones, the brighter the stronger the guidance was."""

    def sample(strength: float) -> Tensor:
        return torch.full((4, 3, 96, 96), 0.2 + strength / 4)

    monkeypatch.setattr(diffusion_pictures, "sample_pictures", sample)


@each_case("name", THUMBNAILS)
def test_the_examples_need_a_checkpoint(name: str) -> None:
    prompt = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    assert "CheckpointLoaderSimple" in {node["class_type"] for node in prompt.values()}


def test_the_guided_ones_stand_below_the_others() -> None:
    picture = THUMBNAILS["guided_diffusion"]().convert("L")
    above, below = (picture.getpixel((picture.width // 4, picture.height * row // 4)) for row in (1, 3))
    assert (above, below) == (pytest.approx(51, abs=2), pytest.approx(178, abs=2))


@each_case("make", [THUMBNAILS["best_of_batch"], picture_guidance])
def test_pictures_of_several_are_no_larger_than_they_need_to_be(make: Callable[[], object]) -> None:
    width, height = make().size  # type: ignore[attr-defined]
    assert 150 < height <= width < 1100
