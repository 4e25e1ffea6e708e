"""How a picture was made: said by what is saved, made again from it, and read from files that are not trusted."""

import json
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

import direct_ascent as da
from cases import each_case
from das_core import facade
from quick_render import TOY, render
from toys import classifier, random_views

QUICK: dict[str, Any] = {"size": (48, 32), "steps": 2, "progress": False}
OWN = da.Recipe(
    3,
    da.views.Augmentation(2, da.views.Windows(4), (da.views.Flip(0.2), da.views.Distance())),
    da.ascent.Adam(),
    "constant",
    None,
    None,
)
SUM = da.channel("2", 7) + 0.5 * da.prior("l2") - da.direction("2", torch.rand(32), (1, 2)) / 3


def make_again(function: str, settings: Any) -> facade.Rendering:
    call: Any = {"render": facade.render, "film": facade.film, "zoom": facade.zoom}[function]
    made: facade.Rendering = call(TOY, **settings["arguments"], progress=False)
    return made


@each_case(
    ("function", "wish", "more"),
    ("render", "class 3", {"recipe": "sketch", "seed": 5, "batch": 2}),
    ("render", ["2:5", 3, da.prior("spectrum", 0.3)], {"recipe": OWN, "steps": None}),
    ("render", SUM, {"recipe": replace(da.PICTURE, focus=da.ascent.Focus(center=(0.2, 0.7)))}),
    ("render", sum([da.classes([3, 4]), -da.layer("2")]), {"parametrization": "fourier", "recipe": "feature"}),
    ("render", da.channels("2", range(2)), {"look": da.looks.Cells(16, ("#102030", "#ffeedd")), "recipe": "sketch"}),
    ("render", (da.neuron("2", 3, (1, 1)), da.diversity("2")), {"batch": 2, "look": "ink"}),
    ("film", {0: "class 3", 2: 0.5 * da.classes(4)}, {"frames": 3, "loop": True}),
    ("film", "0: class 3 / 2: class 5", {"frames": 3, "recipe": da.SKETCH}),
    ("zoom", ["class 3", da.channel("2", 1)], {"factor": 3.0}),
)
def test_the_settings_of_a_file_make_the_same_picture_again(
    function: str, wish: Any, more: dict[str, Any], tmp_path: Path
) -> None:
    made = getattr(facade, function)(TOY, wish, **QUICK | more)
    assert json.loads(json.dumps(made.settings)) == made.settings
    assert made.settings["unwritten"] == {}
    da.stack.save_stack(made.stack, tmp_path / "x.safetensors")
    for file in (made.save(tmp_path / "x.png")[0], tmp_path / "x.safetensors"):
        settings = facade.read_settings(file)
        assert settings == made.settings
        again = make_again(settings["function"], settings)
        assert torch.equal(again.image, made.image)
        assert again.settings == settings


def score(views: Tensor) -> Tensor:
    return views.mean(dim=(1, 2, 3))


@dataclass(frozen=True)
class Darken:
    def __call__(self, views: Tensor, draws: object) -> Tensor:
        return views / 2


PHOTO = random_views(48)


@each_case(
    ("wish", "more", "unwritten"),
    (score, {}, {"objective": "a value of the type function is of a function"}),
    (SUM + da.content(PHOTO), {}, {"objective": "is of a function, an image, a file"}),
    ("class 3", {"recipe": replace(OWN, schedule=lambda progress: 1.0)}, {"recipe": "function is"}),
    (
        "class 3",
        {"recipe": replace(OWN, augmentation=da.views.Augmentation(2, transforms=(Darken(),)))},
        {"recipe": "Darken"},
    ),
    ("class 3", {"start": PHOTO, "within": da.Within(3.0, "l2")}, {"start": "its canvas has the SHA-256"}),
    ("class 3", {"callback": lambda step: True, "steps": 9}, {"end": "it ended after 1 of 9 steps"}),
    (da.classes(3).on(classifier(seed=1)), {}, {"objective": "another model"}),
)
def test_what_cannot_be_written_down_is_said(
    wish: Any, more: dict[str, Any], unwritten: dict[str, str], tmp_path: Path
) -> None:
    made = render(wish, **more)
    settings = facade.read_settings(made.save(tmp_path / "x.png")[0])
    assert settings["unwritten"].keys() == unwritten.keys()
    assert all(said in settings["unwritten"][name] for name, said in unwritten.items())
    assert not settings["arguments"].keys() & unwritten.keys()
    if "start" in more:
        again = facade.render(TOY, **settings["arguments"], start=PHOTO, progress=False)
        assert torch.equal(again.image, made.image)
        assert again.settings == settings


def test_the_models_are_named_by_what_is_in_them_now() -> None:
    model = classifier()
    (first,), (same,) = (render(3, one).settings["models"] for one in (model, classifier()))
    assert first == same
    next(iter(model.module.parameters())).data[0] += 1
    (other,) = render(3, model).settings["models"]
    assert other["sha256"] != first["sha256"]
    both = render(da.classes(3) + da.classes(4).on(model), classifier()).settings["models"]
    assert both == [first, other]


def test_a_stack_forgets_its_settings_when_it_is_changed() -> None:
    stack = render("class 3").stack
    assert stack.to("cpu").settings == stack.settings != None  # noqa: E711
    assert da.Ascent(stack, da.prior(), steps=1).run().stack.settings is None
    assert da.stack.edit_stack(stack, gains=[((1, 4), 0.5)]).settings is None


def write_png(path: Path, text: str) -> Path:
    info = PngInfo()
    info.add_text("direct_ascent", text)
    Image.new("RGB", (16, 16)).save(path, pnginfo=info)
    return path


def write_said(**arguments: Any) -> str:
    return json.dumps({"function": "render", "arguments": arguments})


def write_others(folder: Path) -> dict[str, Path]:
    """Files that say nothing of how they were made."""
    plain, huge, text = folder / "plain.png", folder / "huge.png", folder / "text.png"
    Image.new("RGB", (16, 16)).save(plain)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    huge.write_bytes(head + bytes(4) + struct.pack(">I", 2**31 - 1) + b"tEXtdirect_ascent\0")
    text.write_text("no picture")
    return {"plain": plain, "huge": huge, "text": text}


def test_files_without_settings_are_named(tmp_path: Path) -> None:
    for name, path in write_others(tmp_path).items():
        with pytest.raises(ValueError, match=rf"'{name}.png' does not say how it was made"):
            facade.read_settings(path)
    for name in ("gone.png", "gone.safetensors"):
        with pytest.raises(ValueError, match=f"there is no file '{name}'"):
            facade.read_settings(tmp_path / name)
    with pytest.raises(ValueError, match="there is no file"):
        facade.read_settings(tmp_path)
    da.stack.save_stack(da.ImageStack.gray(da.StackSpec(16, 16, 4)), tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match=r"'x.safetensors' does not say how it was made"):
        facade.read_settings(tmp_path / "x.safetensors")


DEEP: Any = 3
for _ in range(400):
    DEEP = {"call": "scale", "objective": DEEP, "factor": 2}


@each_case(
    ("text", "says"),
    ("{", "the settings in 'x.png' are damaged"),
    ("[" * 100_000, "damaged"),
    ("9" * 5000, "damaged"),
    ("[1]", "damaged"),
    ('{"arguments": 3}', "damaged"),
    ('{"arguments": {"seed": NaN}}', "damaged"),
    (write_said(film="/etc/x.png"), "settings give no film"),
    (write_said(path="x", model="y"), "settings give no model, path"),
    (write_said(objective={"call": "eval", "source": "1"}), "settings name 'eval', which they cannot make"),
    (write_said(objective={"call": ["text"]}), "which they cannot make"),
    (write_said(objective={"call": "latent", "name": "x", "dictionary": "y", "which": 1}), "settings name 'latent'"),
    (write_said(objective={"call": "feature", "photographs": "/"}), "the settings of feature do not fit it"),
    (write_said(objective={"call": "scale", "objective": "a" * 9, "factor": 10**12}), "damaged"),
    (write_said(objective={"call": "sum", "parts": []}), "no term is given"),
    (write_said(objective=DEEP), "damaged"),
    (write_said(recipe={"call": "Within", "limit": 0.5}), "as recipe, which it cannot be"),
    (write_said(recipe={"call": "Recipe", "augmentation": "x"}), "as augmentation, which it cannot be"),
    (write_said(recipe={"call": "Augmentation", "transforms": [3]}), "as transforms, which it cannot be"),
    (write_said(within={"call": "Within", "limit": -1}), "bound -1 is not between"),
    (write_said(look={"call": "Cells", "cells": []}), "damaged"),
)
def test_settings_that_cannot_be_are_refused(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        facade.read_settings(write_png(tmp_path / "x.png", text))
