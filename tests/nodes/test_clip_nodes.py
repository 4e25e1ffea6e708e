"""The nodes that ask in words and with images: what comes out, what is encoded when, what they say of bad values."""

import logging
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import tinyclip
import torch
from loaded_pack import Pack, Toy
from torch import Tensor

STEADY = {"schedule": "constant", "optimizer": {"optimizer": "ascent", "coarse_to_fine": 0.0}}
WISH = "a coral reef full of fish"


def still(pack: Pack) -> Any:
    """One view, always the same, so that scores of different steps can be compared."""
    return pack.augmentation(views=1, jitter=0, zoom_min=1.0, noise=0.0, flip=0.0)


def ask(pack: Pack, clip: Any, text: str = WISH, **inputs: Any) -> Any:
    return pack.run("DAS_TextObjective", clip=clip, text=text, **inputs)[0]


def test_a_graph_in_words_climbs_and_is_found_again(pack: Pack, clip: Any) -> None:
    objective = ask(pack, clip)
    image, _, _, history, _ = pack.optimize(
        objectives={"objective0": objective}, augmentation=still(pack), steps=20, **STEADY
    )
    scores = [record.scores[WISH] for record in history]
    assert scores[-1] > scores[0] + 0.02
    texts = f"a castle\n{WISH}\na cup of coffee"
    text, chart, first = pack.run("DAS_Similarity", clip=clip, image=image, text=texts)
    lines = text.splitlines()
    assert lines[0] == "Starter CLIP (EfficientNet-Lite0) finds near to:"
    assert lines[1].endswith(WISH)
    assert len(lines) == 4
    assert any(line.split() == [f"{first:.3f}", "a", "castle"] for line in lines)
    assert (chart.ndim, chart.shape[0], chart.shape[3]) == (4, 1, 3)
    assert not chart.is_inference()


def test_the_starter_is_kept_in_the_folder_of_clips(pack: Pack, clip: Any) -> None:
    assert [path.name for path in pack.clips.iterdir()] == ["starter_clip_tf_efficientnet_lite0.safetensors"]
    inputs = pack.node("DAS_LoadCLIP").GET_SCHEMA().inputs
    assert (clip.size, clip.width) == (224, 1280)
    # It is no checkpoint of its own.
    (source,) = (item for item in inputs if item.id == "source")
    (file,) = (option for option in source.options if option.key == "file")
    assert file.inputs[0].options == []


def test_the_second_opinion_comes_in_the_precision_asked_for(pack: Pack) -> None:
    (clip,) = pack.run("DAS_LoadCLIP", source={"source": "second_opinion"}, precision="bf16")
    assert (clip.name, clip.size, clip.dtype) == ("Starter CLIP (EfficientNet-Lite2)", 260, torch.bfloat16)
    assert next(clip.reader.module.parameters()).dtype == torch.float32
    for module in (clip.module, clip.reader.module):
        assert not any(parameter.is_inference() or parameter.requires_grad for parameter in module.parameters())


def test_only_new_prompts_are_encoded(pack: Pack) -> None:
    texts: list[str] = []
    clip = pack.clip(Toy(), texts=texts)
    ask(pack, clip, "a cat\na dog: 0.5")
    assert texts == ["a cat", "a dog"]
    changed = ask(pack, clip, "a cat: 2\na dog: -1", weight=3.0, similarity="spherical")
    assert (changed.weights, changed.weight, changed.similarity) == ((2.0, -1.0), 3.0, "spherical")
    pack.run("DAS_Similarity", clip=clip, image=torch.rand(1, 9, 9, 3), text="a dog: 7\na bird")
    assert texts == ["a cat", "a dog", "a bird"]


def test_a_text_tower_moved_under_inference_mode_is_repaired(pack: Pack) -> None:
    clip = pack.clip(Toy())
    before = ask(pack, clip, "a cat").targets
    module = clip.reader.module
    with torch.inference_mode():
        module.double().float()
    assert all(parameter.is_inference() for parameter in module.parameters())
    objective = ask(pack, clip, "a mouse")
    assert not any(parameter.is_inference() for parameter in module.parameters())
    assert not objective.targets.is_inference()
    assert torch.equal(ask(pack, clip, "a cat").targets, before)


@pytest.mark.parametrize("shape", [(1, 20, 50), (3, 16, 16)])
def test_images_are_targets(pack: Pack, shape: tuple[int, ...]) -> None:
    clip = pack.clip(Toy())
    with torch.inference_mode():
        image = torch.rand(*shape, 3)
    (objective,) = pack.run("DAS_ImageObjective", clip=clip, image=image, weight=0.5)
    assert objective.targets.shape == (shape[0], 4)
    assert objective.weight == 0.5
    # Small steps: such a toy is soon as near as it can come.
    slow = STEADY | {"optimizer": {"optimizer": "ascent", "coarse_to_fine": 0.0, "step_size": 0.005}}
    history = pack.optimize(objectives={"objective0": objective}, augmentation=still(pack), steps=4, **slow)[3]
    name = "image" if shape[0] == 1 else "3 images"
    assert history[-1].scores[name] > history[0].scores[name]


def test_words_images_and_classes_climb_together(pack: Pack, toy: Any) -> None:
    clip = pack.clip(Toy())
    (image,) = pack.run("DAS_ImageObjective", clip=clip, image=torch.rand(1, 9, 9, 3))
    asked = {
        "objective0": pack.run("DAS_Schedule", objective=ask(pack, clip, "a cat"), start=1.0, end=0.0)[0],
        "objective1": image,
        "objective2": pack.run("DAS_ClassObjective", classifier=toy, classes="1")[0],
    }
    history = pack.optimize(objectives=asked, steps=3)[3]
    assert list(history[0].scores) == ["a cat", "image", "class 1"]
    assert all(record.gradient_norm > 0 for record in history)


def test_a_schedule_takes_its_objective_along(pack: Pack) -> None:
    objective = ask(pack, pack.clip(Toy()), "a cat", weight=2.0)
    (scheduled,) = pack.run("DAS_Schedule", objective=objective, start=0.5, end=1.5, curve="cosine")
    assert [scheduled.weight_at(done) for done in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 2.0, 3.0])
    (twice,) = pack.run("DAS_Schedule", objective=scheduled)
    assert twice.weight_at(1.0) == pytest.approx(3.0)


def test_similarities_of_a_batch_stand_in_paragraphs(pack: Pack) -> None:
    clip = pack.clip(Toy())
    text, chart, first = pack.run("DAS_Similarity", clip=clip, image=torch.rand(2, 9, 30, 3), text="a cat\na horse")
    blocks = [block.splitlines() for block in text.split("\n\n")]
    assert [block[0] for block in blocks] == ["toy finds image 1 near to:", "toy finds image 2 near to:"]
    for block in blocks:
        values = [float(line.split()[0]) for line in block[1:]]
        assert values == sorted(values, reverse=True)
    assert chart.shape[0] == 2
    assert -1 <= first <= 1


@pytest.fixture
def tiny(tmp_path: Path) -> Any:
    """Makes open_clip know a tiny architecture."""
    with tinyclip.registered(tmp_path):
        yield


@pytest.mark.parametrize("architecture", ["auto", "tiny"])
def test_a_checkpoint_of_ones_own_is_loaded(pack: Pack, tiny: None, architecture: str) -> None:
    path = pack.clips / "mine.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(tinyclip.model().state_dict(), path)
    try:
        source = {"source": "file", "checkpoint": "mine.safetensors", "architecture": architecture}
        (clip,) = pack.run("DAS_LoadCLIP", source=source)
        fingerprint = pack.node("DAS_LoadCLIP").fingerprint_inputs(source=source)
    finally:
        path.unlink()
    assert fingerprint > 0
    assert (clip.name, clip.size) == ("mine", 32)
    objective = ask(pack, clip, "a cat")
    history = pack.optimize(objectives={"objective0": objective}, augmentation=still(pack), steps=3, **STEADY)[3]
    assert history[-1].scores["a cat"] > history[0].scores["a cat"]


def test_tokens_that_are_cut_are_told_in_the_log(pack: Pack, clip: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ask(pack, clip, "fish " * 90)
    assert "15 of its 92 tokens were cut" in caplog.text


def holed() -> Tensor:
    image = torch.full((1, 9, 9, 3), 0.5)
    image[0, 2, 3, 1] = math.nan
    return image


def load(pack: Pack, **source: str) -> object:
    return pack.run("DAS_LoadCLIP", source=source)


def image(pack: Pack, value: Tensor, **inputs: Any) -> object:
    return pack.run("DAS_ImageObjective", clip=pack.clip(Toy()), image=value, **inputs)


Bad = Callable[[Pack], object]
BAD: dict[str, Bad] = {
    r"source 'hub' is unknown; choose starter, .* or file": lambda pack: load(pack, source="hub"),
    r"ViT-B-32 has no weights 'webli'; choose one of openai": lambda pack: load(
        pack, source="open_clip", architecture="ViT-B-32", pretrained="webli"
    ),
    r"open_clip_model.safetensors of .* could not be downloaded .* put the file into .*open_clip": lambda pack: load(
        pack, source="open_clip", architecture="ViT-B-32", pretrained="openai"
    ),
    r"no checkpoint 'gone.pt' lies in .*open_clip; put it there": lambda pack: load(
        pack, source="file", checkpoint="gone.pt", architecture="auto"
    ),
    r"no prompt is given; write a prompt a line": lambda pack: ask(pack, pack.clip(Toy()), " \n"),
    r"weight 'much' in 'a cat: much' is not a number; write": lambda pack: ask(pack, pack.clip(Toy()), "a cat: much"),
    r"similarity 'l2' is unknown; choose one of cosine, spherical": lambda pack: ask(
        pack, pack.clip(Toy()), "a cat", similarity="l2"
    ),
    r"4 channels .an alpha channel.": lambda pack: image(pack, torch.rand(1, 9, 9, 4)),
    r"1 values that are NaN or infinite": lambda pack: image(pack, holed()),
    r"curve 'wave' is unknown": lambda pack: pack.run("DAS_Schedule", objective=pack.objective(), curve="wave"),
    r"weights of all objectives are 0 at step 1.*schedule": lambda pack: pack.optimize(
        objectives={"objective0": pack.run("DAS_Schedule", objective=pack.objective())[0]}
    ),
    r"no text is given; write a text a line": lambda pack: pack.run(
        "DAS_Similarity", clip=pack.clip(Toy()), image=torch.rand(1, 9, 9, 3), text=""
    ),
}


@pytest.mark.parametrize(("message", "bad"), list(BAD.items()), ids=list(BAD))
def test_a_bad_value_is_named(pack: Pack, monkeypatch: pytest.MonkeyPatch, message: str, bad: Bad) -> None:
    monkeypatch.setattr(pack.module("das_core.models.sources.hub").constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=message):
        bad(pack)


def test_only_negative_prompts_climb_away(pack: Pack) -> None:
    objective = ask(pack, pack.clip(Toy()), "a cat: -1")
    history = pack.optimize(objectives={"objective0": objective}, augmentation=still(pack), steps=4, **STEADY)[3]
    assert history[-1].scores["a cat"] > history[0].scores["a cat"]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_plain_image_is_a_target(pack: Pack, value: float) -> None:
    (objective,) = pack.run("DAS_ImageObjective", clip=pack.clip(Toy()), image=torch.full((1, 9, 9, 3), value))
    assert bool(objective.targets.isfinite().all())


def test_the_names_of_the_loaders_are_told_apart(pack: Pack) -> None:
    names = [node.GET_SCHEMA().display_name for node in pack.nodes.values()]
    assert len(set(names)) == len(names)
    # ComfyUI has a node 'Load CLIP' of its own.
    assert not any(re.fullmatch("Load CLIP", name) for name in names)
