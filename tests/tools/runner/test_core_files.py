"""The core nodes that load and save images: where they look, and names, contents and metadata of the files."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cases import each_case

Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}


def test_images_are_saved_under_free_numbers_with_the_workflow_in_them(run: Run) -> None:
    nodes = COLOR | {"2": ("SaveImage", {"images": ["1", 0], "filename_prefix": "sub/flower"})}
    first, second = run(nodes), run(nodes)
    assert first.files == [f"output/sub/flower_0000{i}_.png" for i in (1, 2, 3)]
    assert second.files == [f"output/sub/flower_0000{i}_.png" for i in (4, 5, 6)]
    assert (first.pixels() == 127).all()
    assert first.pixels().shape == (4, 4, 3)
    assert json.loads(Image.open(first.files[0]).info["prompt"])["2"]["class_type"] == "SaveImage"


def test_the_number_of_an_image_in_its_batch_is_part_of_its_name(run: Run) -> None:
    nodes = COLOR | {"2": ("SaveImage", {"images": ["1", 0], "filename_prefix": "%batch_num%/view%batch_num%"})}
    first, second = run(nodes), run(nodes)
    assert first.files == [f"output/%batch_num%/view{i}_0000{i + 1}_.png" for i in (0, 1, 2)]
    assert second.files == [f"output/%batch_num%/view{i}_0000{i + 2}_.png" for i in (0, 1, 2)]
    film = {"images": ["1", 0], "filename_prefix": "film%batch_num%", "method": "default"}
    assert "output/film%batch_num%_00001_.webp" in run(COLOR | {"2": ("SaveAnimatedWEBP", film)}).out


@each_case(("prefix", "name"), [("flower/", "flower"), ("a//flower/.", "a/flower"), ("", ".")])
def test_no_image_replaces_another_whatever_the_end_of_the_prefix(run: Run, prefix: str, name: str) -> None:
    nodes = COLOR | {"2": ("SaveImage", {"images": ["1", 0], "filename_prefix": prefix})}
    assert run(nodes).files == [f"output/{name}_0000{i}_.png" for i in (1, 2, 3)]
    assert run(nodes).files == [f"output/{name}_0000{i}_.png" for i in (4, 5, 6)]


def test_a_preview_of_a_batch_is_one_sheet_and_of_one_image_the_image(run: Run) -> None:
    nodes = COLOR | {"2": ("PreviewImage", {"images": ["1", 0]}, "Four views: a/b")}
    batch = run(nodes, "--output", "out")
    assert batch.files == ["out/Four_views_a_b_00001_.png"]
    assert batch.pixels().shape == (2 * (4 + 2) + 2, 2 * (4 + 2) + 2, 3)
    nodes["2"] = ("PreviewImage", {"images": ["1", 0]})
    single = run(nodes, "--set", "1.batch=1")
    assert single.files == ["output/Preview_Image_00001_.png"]
    assert single.pixels().shape == (4, 4, 3)


def test_a_batch_is_saved_as_a_film(run: Run) -> None:
    nodes = {
        "1": ("TOY_Color", {"level": 0.25}),
        "2": ("TOY_Color", {"level": 0.75}),
        "3": ("BatchImagesNode", {"images.image0": ["1", 0], "images.image1": ["2", 0]}),
        "4": ("SaveAnimatedWEBP", {"images": ["3", 0], "filename_prefix": "films/one", "fps": 4.0}),
    }
    result = run(nodes)
    assert result.code == 0
    (file,) = [line for line in result.out.splitlines() if line.endswith("one_00001_.webp")]
    levels = []
    with Image.open(file) as film:
        for number in range(film.n_frames):
            film.seek(number)
            levels.append(int(np.asarray(film.convert("L"))[0, 0]))
            assert film.info["duration"] == 250
    assert levels == [63, 191]
    assert run(nodes | {"4": (*nodes["4"][:1], nodes["4"][1] | {"filename_prefix": "../x"})}).code == 2


@each_case(
    ("prefix", "says"),
    [
        *((path, f"'{re.escape(path)}' leaves the output folder") for path in ("../out", "a/../../out", "/out")),
        ("a\0b", r"'a\\x00b' holds a character that no name of a file can have"),
        ("a\ud800", r"'a\\ud800' holds a character"),
        ("x" * 5000, r"'xxxxxxxxxxxx...xxxxxxxxxxxxx' is too long"),
        ("a/" * 2000 + "b", "'.+' is too long for the name of a file; shorten it"),
        ("\u6c34" * 100, "'.+' is too long"),
    ],
)
def test_a_prefix_that_no_file_in_the_output_folder_can_have_is_refused(run: Run, prefix: str, says: str) -> None:
    for saver, settings in (("SaveImage", {}), ("SaveAnimatedWEBP", {"method": "default"})):
        result = run(COLOR | {"2": (saver, {"images": ["1", 0], "filename_prefix": prefix, **settings})})
        assert result.code == 2
        assert re.search(rf"node 2 \({saver}\): filename_prefix = {says}", result.err)
        assert len(result.err) < 600
        assert [path.name for path in Path().iterdir()] == ["workflow.json"]


def test_an_image_is_read_from_the_input_folder_or_beside_the_workflow(run: Run) -> None:
    levels = np.arange(48, dtype=np.uint8).reshape(4, 3, 4)
    Path("photos").mkdir()
    Image.fromarray(levels).save("photos/alpha.png")
    Image.fromarray(levels[..., :3] * 2).save("beside.png")
    nodes: dict[str, Any] = {
        "1": ("LoadImage", {"image": "alpha.png"}),
        "2": ("SaveImage", {"images": ["1", 0], "filename_prefix": "a"}),
        "3": ("LoadImage", {"image": "beside.png"}),
        "4": ("SaveImage", {"images": ["3", 0], "filename_prefix": "b"}),
    }
    result = run(nodes, "--input", "photos")
    assert result.files == ["output/a_00001_.png", "output/b_00001_.png"]
    assert (result.pixels(0) == levels[..., :3]).all()
    assert (result.pixels(1) == levels[..., :3] * 2).all()
    nodes["3"] = ("LoadImage", {"image": "gone.png"})
    assert "node 3 (LoadImage): image = 'gone.png': there is no such image" in run(nodes, "--input", "photos").err
    Path("gone.png").write_text("no image")
    assert "node 3 (LoadImage): cannot read the image 'gone.png'" in run(nodes, "--input", "photos").err
