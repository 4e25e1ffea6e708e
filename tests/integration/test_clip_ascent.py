"""Ascents under real architectures of open_clip with random weights, and under the starter CLIP."""

from typing import Any

import open_clip
import pytest
import tinyclip
import torch
from torch import nn

from das_core.ascent.loop import Ascent
from das_core.models.clip import CLIP
from das_core.models.sources.open_clip_models import build_open_clip_module, wrap_open_clip_module
from das_core.models.sources.open_clip_text import build_tokenizer
from das_core.models.sources.starter_clip import load_starter_clip
from das_core.objectives.embedding import ImageObjective, TextObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

SPEC = StackSpec(64, 64, 16)
# Always the same views, so that scores of different steps can be compared.
STILL = Augmentation(2, Windows(16, 1.0, 1.0, 1.0), ())


def shallow(config: dict[str, Any]) -> dict[str, Any]:
    """The same architecture with two layers where its depth is a number: lower precision is slow on a CPU."""
    text = config["text_cfg"] | {"layers": 2}
    vision = config["vision_cfg"]
    return config | {"text_cfg": text, "vision_cfg": vision | ({"layers": 2} if vision.get("layers") == 12 else {})}


@pytest.fixture(scope="module", params=["ViT-B-32", "RN50", "ViT-B-16-SigLIP", "convnext_base"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CLIP:
    """A real architecture of open_clip, with random weights."""
    config = shallow(open_clip.get_model_config(request.param))
    if "hf_tokenizer_name" in config["text_cfg"]:
        folder = tmp_path_factory.mktemp("tokenizer")
        tinyclip.write_tokenizer(folder)
        config["text_cfg"]["hf_tokenizer_name"] = str(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_open_clip_module(config)
    for part in model.modules():
        # In a fresh ResNet every layer lets less through than the one before, and some branches nothing.
        if isinstance(part, nn.BatchNorm2d):
            nn.init.constant_(part.weight, 2.0)
    published = open_clip.get_pretrained_cfg(request.param, open_clip.list_pretrained_tags_by_model(request.param)[0])
    return wrap_open_clip_module(request.param, model, build_tokenizer(config["text_cfg"]), published)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_real_architectures_climb(real: CLIP, dtype: torch.dtype) -> None:
    clip = real.with_precision(dtype)
    objective = TextObjective.from_text(clip, "a photo\na cat: 0.5\na fish: -0.5")
    ascent = Ascent(ImageStack.grey(SPEC), [objective], STILL, steps=4, schedule="constant")
    for step in ascent:
        assert 0 < step.record.gradient_norm < float("inf")
    scores = [record.scores[objective.name] for record in ascent.history]
    assert scores[-1] > scores[0] + 1e-3


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> CLIP:
    return load_starter_clip(folder=tmp_path_factory.mktemp("open_clip"))


def test_words_become_an_image_that_the_starter_finds_again(starter: CLIP) -> None:
    wish = "a coral reef full of fish"
    ascent = Ascent(
        ImageStack.grey(StackSpec(96, 96, 24)),
        [TextObjective.from_text(starter, wish)],
        Augmentation(4, Windows(24)),
        steps=12,
    )
    ascent.run()
    others = ["a castle", "a cup of coffee", wish, "a red sports car", "a forest in autumn"]
    nearest = starter.encode_images(ascent.result.image) @ starter.encode_text(others).T
    assert others[int(nearest.argmax())] == wish


def test_a_negative_prompt_keeps_away_what_it_names(starter: CLIP) -> None:
    def closeness(text: str) -> float:
        ascent = Ascent(ImageStack.grey(SPEC), [TextObjective.from_text(starter, text)], STILL, steps=12)
        ascent.run()
        return float(starter.encode_images(ascent.result.image) @ starter.encode_text(["a dog"]).T)

    near, far = closeness("a meadow\na dog"), closeness("a meadow\na dog: -1")
    assert far < near - 0.02


def test_texts_and_images_are_asked_of_one_model_at_once() -> None:
    clip = tinyclip.clip()
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    asked = [TextObjective.from_text(clip, "a cat"), ImageObjective.from_images(clip, picture, "spherical", 0.5)]
    ascent = Ascent(ImageStack.grey(SPEC), asked, STILL, steps=5, schedule="constant")
    ascent.run()
    first, last = ascent.history[0].scores, ascent.history[-1].scores
    assert list(first) == ["a cat", "image"]
    assert last["a cat"] + 0.5 * last["image"] > first["a cat"] + 0.5 * first["image"] + 1e-3


def test_models_of_unlike_sizes_climb_together(starter: CLIP) -> None:
    other = tinyclip.clip()
    asked = [TextObjective.from_text(starter, "a castle"), TextObjective.from_text(other, "a cat")]
    ascent = Ascent(ImageStack.grey(SPEC), asked, STILL, steps=6, schedule="constant")
    ascent.run()
    for name in ("a castle", "a cat"):
        assert ascent.history[-1].scores[name] > ascent.history[0].scores[name] + 1e-3
