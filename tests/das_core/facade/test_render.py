"""A picture in a line: every form of asking, models as people have them, and messages that say what there is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
import torchvision
from PIL import Image, ImageSequence
from torch import nn
from torchvision.transforms.functional import to_tensor

import das_core
import direct_ascent as da
import tinyclip
from das_core import facade
from das_core.ascent.recipe import PICTURE, SKETCH
from das_core.ascent.result import Step
from das_core.facade.render import Rendering
from das_core.facade.running import RECIPES
from das_core.objectives.classes import ClassObjective
from das_core.objectives.prior import Prior
from full_disk import fill_disk
from toys import classifier

TOY = classifier()


def render(wish: Any, model: Any = TOY, **settings: Any) -> Rendering:
    return da.render(model, wish, **({"size": 48, "steps": 2, "progress": False} | settings))


@pytest.mark.parametrize(
    ("wish", "names"),
    [
        ("class 3", ["class 3"]),
        (3, ["class 3"]),
        ([3, 4], ["class 3, class 4"]),
        ("2:7", ["2 channel 7"]),
        ("2", ["2"]),
        (da.neuron("2", 1, (0, 3)), ["2 channel 1 at 0, 3"]),
        (da.direction("2", torch.ones(32)), ["2 direction"]),
        (ClassObjective(TOY, 5), ["class 5"]),
        ([da.classes(3), Prior("l2")], ["class 3", "l2"]),
        (0.7 * da.classes(3) + 0.3 * da.channel("2", 5) - da.layer("0"), ["class 3", "2 channel 5", "0"]),
        (sum([da.classes(1), da.classes(2)]), ["class 1", "class 2"]),
        (da.of_views(lambda views: views[:, 0].mean(dim=(1, 2))), ["lambda"]),
        (lambda views: views[:, 0].mean(dim=(1, 2)), ["lambda"]),
        (da.of_picture(lambda picture: picture[:, 2].mean(dim=(1, 2))), ["lambda"]),
    ],
)
def test_every_form_of_asking_makes_a_picture(wish: Any, names: list[str]) -> None:
    made = render(wish)
    assert list(made.scores) == names
    assert made.image.shape == (1, 3, 48, 48)
    assert len(made.history) == 2
    assert all(len(scores) == 1 for scores in made.scores.values())


def test_the_picture_does_what_was_asked() -> None:
    red = render(lambda views: views[:, 0].mean(dim=(1, 2)), steps=6).image
    assert red[:, 0].mean() > red[:, 1:].mean() + 0.05 > 0.55
    # More steps would be white: what is brighter in all colours is bluer, too.
    blue = render(da.of_picture(lambda picture: picture[:, 2].mean(dim=(1, 2))), steps=3)
    assert blue.image[:, 2].mean() > blue.image[:, :2].mean() + 0.1
    assert blue.scores["lambda"][0] == pytest.approx(float(blue.image[:, 2].mean()), abs=1e-3)


def test_several_channels_are_several_pictures() -> None:
    made = render(da.channels("2", range(3)))
    assert made.image.shape == (3, 3, 48, 48)
    assert len(next(iter(made.scores.values()))) == 3
    for number, image in enumerate(made.image):
        alone = render(da.channel("2", number), batch=3).image[number]
        torch.testing.assert_close(image, alone, rtol=0, atol=2e-4)


def test_it_is_the_ascent_of_the_recipe() -> None:
    made = render("class 3", recipe="sketch", seed=4)
    stack = das_core.ImageStack.gray(das_core.StackSpec(48, 48))
    objective = ClassObjective(TOY, 3, "log_probability")  # type: ignore[arg-type]
    expected = replace(SKETCH, steps=2).prepare(stack, objective, seed=4).run()
    assert torch.equal(made.image, expected.image)
    assert made.history == expected.history


def test_a_model_of_ones_own_is_asked_and_stays_as_it_was() -> None:
    model = torchvision.models.resnet18().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    made = render("layer1.0.conv1:3", model, size=64)
    assert list(made.scores) == ["layer1.0.conv1 channel 3"]
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())


def test_in_inference_mode_a_model_makes_the_same_picture() -> None:
    model = torchvision.models.resnet18()
    expected = render("layer1.0.conv1:3", model, size=64)
    with torch.inference_mode():
        assert torch.equal(render("layer1.0.conv1:3", model, size=64).image, expected.image)


def test_layers_of_a_model_that_answers_with_a_tuple_are_climbed() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.edges = nn.Conv2d(3, 4, 3)

        def forward(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            maps = self.edges(views)
            return maps.mean(dim=(2, 3)), maps

    judge = da.wrap(Pair(), size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    made = render("edges:1", judge, steps=3)
    assert made.history[-1].scores["edges channel 1"] > made.history[0].scores["edges channel 1"]
    with pytest.raises(ValueError, match="Pair knows no classes; ask it for a layer"):
        render(da.classes(1), judge)


def test_a_model_that_stops_gradients_is_told_so() -> None:
    stopping = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    stopping.register_forward_hook(lambda module, inputs, answer: answer.detach())
    judge = da.wrap(stopping, size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(da.AscentError, match=r"vanished at step 1: .* must let gradients through"):
        render(3, judge)


def test_it_starts_from_an_image_and_can_be_stopped() -> None:
    image = torch.rand(48, 48, 3, generator=torch.Generator().manual_seed(0)).numpy()
    seen: list[int] = []

    def stop(step: da.Step) -> bool:
        seen.append(step.record.step)
        return len(seen) == 3

    made = render("class 3", start=image, steps=50, callback=stop)
    assert seen == [0, 1, 2]
    assert len(made.history) == 3
    correlation = torch.corrcoef(
        torch.stack([made.image.flatten(), torch.from_numpy(image).permute(2, 0, 1).flatten()])
    )
    assert correlation[0, 1] > 0.5


@pytest.mark.parametrize("batch", [1, 2])
def test_an_ascent_is_filmed(tmp_path: Path, batch: int) -> None:
    path = tmp_path / "film.png"
    seen: list[torch.Tensor] = []
    made = render("class 3", steps=5, batch=batch, film=path, callback=lambda step: seen.append(step.image()))
    with Image.open(path) as film:
        frames = [to_tensor(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == len(seen) == 5
    for frame, image in zip(frames, seen, strict=True):
        torch.testing.assert_close(frame, torch.cat(list(image), dim=2), rtol=0, atol=1.01 / 255)
    assert torch.equal(made.image, render("class 3", steps=5, batch=batch).image)
    # The last frame is the picture as it is saved.
    with Image.open(made.save(tmp_path / "last.png")[0]) as saved:
        assert torch.equal(frames[-1][:, :, :48], to_tensor(saved))


def test_a_film_ends_where_the_ascent_does(tmp_path: Path) -> None:
    render("class 3", steps=9, film=str(tmp_path / "film.gif"), callback=lambda step: step.record.step == 2)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 3  # type: ignore[attr-defined]


def test_of_an_ascent_that_fails_there_is_no_film(tmp_path: Path) -> None:
    def fail(step: da.Step) -> bool:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        render("class 3", film=tmp_path / "film.mp4", callback=fail)
    with pytest.raises(ValueError, match=r"'film\.mpeg' ends with no format of films"):
        render("class 3", film=tmp_path / "film.mpeg", callback=fail)
    assert list(tmp_path.iterdir()) == []


def test_what_grey_cannot_move_begins_with_noise(tmp_path: Path) -> None:
    # Of a grey view, all that a difference of neighbours leaves is 0, and so is its gradient behind the ReLU.
    edges = nn.Conv2d(3, 1, (1, 2), bias=False)
    edges.weight.data = torch.tensor([1.0, -1.0]).expand(1, 3, 1, 2)
    model = da.wrap(nn.Sequential(edges, nn.Threshold(0.01, 0.0)), size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    quiet = replace(PICTURE, augmentation=da.Augmentation(transforms=()), steps=2)
    assert len(render("1:0", model, recipe=quiet, steps=None, film=tmp_path / "film.gif").history) == 2
    assert (tmp_path / "film.gif").is_file()
    with pytest.raises(da.AscentError, match="vanished at step 1"):
        render("1:0", model, recipe=quiet, steps=None, start=torch.full((1, 3, 48, 48), 0.5))


def test_a_clip_is_asked_in_words() -> None:
    tiny_clip = tinyclip.clip()
    made = render("a cat", tiny_clip)
    assert list(made.scores) == ["a cat"]
    assert list(render(da.text("a cat") * 2, tiny_clip).scores) == ["a cat"]


def test_a_model_of_open_clip_is_asked_in_words() -> None:
    model = open_clip.CLIP(**tinyclip.TINY)
    # What `open_clip.create_model` says beside it.
    model.visual.image_mean, model.visual.image_std = (0.5,) * 3, (0.5,) * 3
    made = render("a castle in fog", model, steps=4)
    assert list(made.scores) == ["a castle in fog"]
    assert made.history[-1].scores["a castle in fog"] > made.history[0].scores["a castle in fog"]


def test_one_that_needs_its_tokenizer_says_how_to_give_it() -> None:
    model = open_clip.CLIP(**tinyclip.TINY | {"text_cfg": tinyclip.TINY["text_cfg"] | {"vocab_size": 7}})
    judge = da.wrap(model, mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(ValueError, match=r"CLIP has nothing to read words with; .* tokenizer=open_clip\.get_tokenizer"):
        render("a castle in fog", judge)
    assert render("transformer.resblocks.1:3", judge).image.shape == (1, 3, 48, 48)


@pytest.mark.parametrize(
    ("model", "wish", "settings", "says"),
    [
        (TOY, 3.5, {}, "a float is nothing to ask for; give text such as 'jellyfish' or 'layer4:12'"),
        (TOY, "no such class", {}, "class 'no such class' is unknown"),
        (TOY, da.text("a cat"), {}, "toy reads no words; load a CLIP"),
        (TOY, da.channel("2", 99), {}, "channel 99 is out of range; layer 2 has channels 0 to 31"),
        (TOY, da.channel("9", 0), {}, "layer '9' is not in toy; there is 0, 1, 2"),
        (TOY, "class 3", {"recipe": "fast"}, "there is no recipe 'fast'; choose picture, sketch, best"),
        (TOY, "class 3", {"batch": 0}, "batch 0 is too small"),
        (TOY, "class 3", {"size": 8}, "width 8 is too small"),
        (TOY, "class 3", {"size": 48.0}, "size 48.0 is neither a whole number of pixels nor two"),
        (TOY, "class 3", {"size": "48"}, "size 48 is neither a whole number"),
        (TOY, "class 3", {"size": (48,)}, r"size .* is neither a whole number .* such as \(448, 320\)"),
        (TOY, da.channel("2", "7"), {}, "channel 7 is no whole number; write it without quotes or a point"),  # type: ignore[arg-type]
        (TOY, "class 3", {"start": "castle.png"}, "the start image is a str"),
        (TOY, "class 3", {"start": 200 * torch.ones(3, 48, 48)}, "values from 200 to 200; .* divide bytes by 255"),
        (TOY, "class 3", {"start": -torch.ones(3, 48, 48)}, "values from -1 to -1; .* take back a normalisation"),
        (TOY, "class 3", {"device": "gpu"}, r"there is no device 'gpu' here \(.*\); choose cpu"),
        (TOY, "mixed4a:476", {}, "class 'mixed4a' is unknown .*If a channel is meant: layer 'mixed4a' is not in toy"),
        (TOY, lambda views: views, {}, "'lambda' scores 4 views with torch.float32"),
        (nn.Conv2d(3, 8, 3), "0:1", {}, "nothing says what images Conv2d was trained on: pass size=224, mean="),
        ("resnet18", "jellyfish", {}, "a str is no model; give a torch.nn.Module"),
    ],
)
def test_what_cannot_be_is_said_with_what_can(model: Any, wish: Any, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        render(wish, model, **settings)


def test_no_channels_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"no channel is given; give numbers, such as range\(8\)"):
        da.channels("2", [])


def test_the_package_hands_on_the_library_and_its_facade() -> None:
    assert set(da.__all__) == {*das_core.__all__, *facade.__all__}
    assert all(hasattr(da, name) for name in da.__all__)
    assert set(RECIPES) == {"picture", "sketch", "best"}


@pytest.mark.parametrize("name", ["film.gif", "film.mp4"])
def test_an_ascent_whose_film_no_disk_has_room_for_goes_on_and_is_kept(tmp_path: Path, name: str) -> None:
    expected = render("class 3", steps=5)
    with fill_disk(512), pytest.raises(da.UnsavedError, match=rf"'{name}' could not be written") as it:
        render("class 3", steps=5, film=tmp_path / name)
    assert not list(tmp_path.iterdir())
    assert len(it.value.result.history) == 5
    assert torch.equal(it.value.result.image, expected.image)


def test_an_oserror_of_a_callback_is_none_of_the_film(tmp_path: Path) -> None:
    steps: list[int] = []

    def fail(step: Step) -> None:
        steps.append(step.record.step)
        if len(steps) == 2:
            raise FileNotFoundError("the callback")

    with pytest.raises(FileNotFoundError, match="the callback"):
        render("class 3", steps=5, film=tmp_path / "film.gif", callback=fail)
    assert len(steps) == 2
