"""Core nodes: their registration, what they load, save, show and join; results that nobody takes are printed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from cases import each_case
from repository import REPOSITORY
from runner.core_nodes import describe_value
from runner.image_nodes import ImageStitch, MaskComposite, SolidMask

Run = Callable[..., Any]
Nodes = dict[str, Any]
COLOR: Nodes = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}


def test_a_value_is_shown_as_text_as_json_or_as_str_of_it() -> None:
    values = [None, "two\nlines", True, {"a": [1, "b"]}, Path("own"), [Path]]
    json_text = '{\n    "a": [\n        1,\n        "b"\n    ]\n}'
    assert [*map(describe_value, values)] == ["None", "two\nlines", "True", json_text, "own", f"[{Path!r}]"]


def test_images_are_stitched_side_to_side(run: Run) -> None:
    spacing = {"spacing_width": 3, "spacing_color": "red"}
    stitch = {"image1": ["1", 0], "direction": "up", "match_image_size": True} | spacing
    nodes = COLOR | {
        "2": ("TOY_Color", {"size": 4, "level": 0.0, "batch": 3}),
        "3": ("ImageStitch", stitch | {"image2": ["2", 0]}),
        "4": ("SaveImage", {"images": ["3", 0]}),
    }
    result = run(nodes)
    assert len(result.files) == 3
    assert result.pixels()[:, 0].tolist() == [[0] * 3] * 4 + [[255, 0, 0]] * 4 + [[127] * 3] * 4
    plain = run(nodes, "--set", "3.direction=right", "--set", "3.spacing_width=0").pixels()
    assert plain[..., 0].tolist() == [[127] * 4 + [0] * 4] * 4
    assert run(nodes | {"3": ("ImageStitch", stitch)}).pixels().shape == (4, 4, 3)
    result = run(nodes, "--set", "2.size=5")
    assert (result.code, "do not fit side to side" in result.err) == (2, True)


@each_case(
    ("color", "channels", "spacing"),
    ("green", 1, [0.0]),
    ("red", 2, [1.0, 0.0]),
    ("green", 3, [0.0, 1.0, 0.0]),
    ("blue", 4, [0.0, 0.0, 1.0, 1.0]),
    ("white", 5, [1.0, 1.0, 1.0, 0.0, 0.0]),
)
def test_the_spacing_has_the_channels_of_the_images(color: str, channels: int, spacing: list[float]) -> None:
    left, right = torch.full((2, 3, 4, channels), 0.25), torch.full((2, 3, 5, channels), 0.75)
    (joined,) = ImageStitch().run(left, "right", True, 2, color, right)
    between = torch.tensor(spacing).expand(2, 3, 2, channels)
    assert torch.equal(joined, torch.cat([left, between, right], dim=2))


def test_batches_are_joined_in_the_order_of_the_slots_and_saved_as_a_film(run: Run) -> None:
    nodes: Nodes = {
        "1": ("TOY_Color", {"level": 0.25}),
        "2": ("TOY_Color", {"level": 0.75, "batch": 2}),
        "3": ("BatchImagesNode", {"images.image1": ["2", 0], "images.image0": ["1", 0]}),
        "4": ("SaveImage", {"images": ["3", 0]}),
        "5": ("CreateVideo", {"images": ["3", 0], "fps": 4.0}),
        "6": ("SaveVideo", {"video": ["5", 0], "filename_prefix": "films/one%batch_num%", "format": "auto"}),
    }
    result = run(nodes)
    assert [int(result.pixels(number).mean()) for number in range(len(result.files))] == [63, 191, 191]
    (file,) = [line for line in result.out.splitlines() if line.endswith("one%batch_num%_00001_.mp4")]
    with av.open(file) as film:
        assert film.streams.video[0].average_rate == 4
        shown = [int(frame.to_ndarray(format="rgb24")[0, 0, 0]) for frame in film.decode(video=0)]
    assert shown == pytest.approx([63, 191, 191], abs=2)
    refused = run(nodes | {"2": ("TOY_Color", {"size": 5})})
    assert refused.code == 2
    assert re.search(r"node 3 \(BatchImagesNode\).* do not go into one batch", refused.err)


def test_drawings_are_saved_under_free_numbers(run: Run) -> None:
    stack = {"width": 64, "height": 64, "batch_size": 2}
    nodes: Nodes = {
        "1": ("DAS_ImageStack", stack),
        "2": ("DAS_StackToSVG", {"stack": ["1", 0]}),
        "3": ("SaveSVGNode", {"svg": ["2", 0], "filename_prefix": "art/grey"}),
    }
    for first in (1, 3):
        result = run(nodes, "--pack", str(REPOSITORY))
        assert (result.code, result.err) == (0, "")
        saved = [f"output/art/grey_{number:05}_.svg" for number in (first, first + 1)]
        assert result.out.splitlines() == saved
        assert all(Path(file).read_text().count("<path") == 1 for file in saved)


@each_case(
    ("operation", "expected"),
    ("multiply", lambda a, b: a * b),
    ("add", lambda a, b: np.minimum(a + b, 1)),
    ("subtract", lambda a, b: np.maximum(a - b, 0)),
    ("and", lambda a, b: np.round(a) * np.round(b)),
    ("or", lambda a, b: np.maximum(np.round(a), np.round(b))),
    ("xor", lambda a, b: (np.round(a) != np.round(b)).astype(float)),
)
def test_a_mask_lands_where_it_is_put_and_is_cut_at_the_edge(operation: str, expected: Callable[..., Any]) -> None:
    below = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0))
    above = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(1))
    kept = below.clone()
    (mask,) = MaskComposite().run(below, above, 6, 3, operation)
    assert torch.equal(below, kept)
    wanted = below.numpy().copy()
    wanted[:, 3:6, 6:8] = expected(wanted[:, 3:6, 6:8], above.numpy()[:, :3, :2])
    np.testing.assert_allclose(mask.numpy(), wanted, rtol=1e-6)
    assert torch.equal(SolidMask().run(0.25, 5, 3)[0], torch.full((1, 3, 5), 0.25))


@each_case(
    ("prefix", "name"),
    ("sub/flower", "sub/flower{number}"),
    ("flower/", "flower{number}"),
    ("a//flower/.", "a/flower{number}"),
    ("", ".{number}"),
    ("%batch_num%/view%batch_num%", "%batch_num%/view{index}{number}"),
)
def test_images_are_saved_under_free_numbers_with_the_workflow_in_them(run: Run, prefix: str, name: str) -> None:
    nodes = COLOR | {"2": ("SaveImage", {"images": ["1", 0], "filename_prefix": prefix})}
    for first in (1, 4) if "batch" not in prefix else (1, 2):
        result = run(nodes)
        assert result.files == [f"output/{name}_.png".format(index=i, number=f"_{first + i:05}") for i in (0, 1, 2)]
    assert (result.pixels() == np.full((4, 4, 3), 127)).all()
    assert json.loads(Image.open(result.files[0]).info["prompt"])["2"]["class_type"] == "SaveImage"


@each_case(
    ("prefix", "says"),
    *((path, f"'{path}' leaves the output folder") for path in ("../out", "a/../../out", "/out")),
    ("a\0b", r"'a\\x00b' holds a character that no name of a file can have"),
    ("a\ud800", r"'a\\ud800' holds a character"),
    ("a/" * 2000 + "b", "'.{28}' is too long for the name of a file; shorten it"),
    ("\u6c34" * 100, "'.+' is too long"),
)
def test_a_prefix_that_no_file_in_the_output_folder_can_have_is_refused(run: Run, prefix: str, says: str) -> None:
    film = {"3": ("CreateVideo", {"images": ["1", 0], "fps": 4.0})}
    for saver, source in (("SaveImage", {"images": ["1", 0]}), ("SaveVideo", {"video": ["3", 0]})):
        result = run(COLOR | film | {"2": (saver, {**source, "filename_prefix": prefix})})
        assert result.code == 2
        assert re.search(rf"node 2 \({saver}\): filename_prefix = {says}", result.err)
        assert len(result.err) < 600
        assert [path.name for path in Path().iterdir()] == ["workflow.json"]


def test_an_image_is_read_from_the_input_folder_or_beside_the_workflow_with_its_mask(run: Run) -> None:
    levels = np.arange(48, dtype=np.uint8).reshape(4, 3, 4)
    Path("photos").mkdir()
    Image.fromarray(levels).save("photos/alpha.png")
    Image.fromarray(levels[..., :3] * 2).save("beside.png")
    nodes: Nodes = {
        "1": ("LoadImage", {"image": "alpha.png"}),
        "2": ("SaveImage", {"images": ["1", 0], "filename_prefix": "a"}),
        "3": ("LoadImage", {"image": "beside.png"}),
        "4": ("SaveImage", {"images": ["3", 0], "filename_prefix": "b"}),
        "5": ("MaskToImage", {"mask": ["1", 1]}),
        "6": ("SaveImage", {"images": ["5", 0], "filename_prefix": "c"}),
    }
    result = run(nodes, "--input", "photos")
    assert sorted(result.files) == [f"output/{name}_00001_.png" for name in "abc"]
    first, beside, grey = (np.asarray(Image.open(path)).astype(int) for path in sorted(result.files))
    assert (first == levels[..., :3]).all()
    assert (beside == levels[..., :3] * 2).all()
    assert np.abs(grey + levels[..., 3:] - 255).max() <= 1
    nodes["3"] = ("LoadImage", {"image": "gone.png"})
    assert "node 3 (LoadImage): image = 'gone.png': there is no such image" in run(nodes, "--input", "photos").err


def test_a_batch_that_is_previewed_or_that_nobody_takes_is_one_sheet_and_one_image_the_image(run: Run) -> None:
    side = 2 * (4 + 2) + 2
    nodes = COLOR | {"2": ("PreviewImage", {"images": ["1", 0]}, "Four views: a/b")}
    batch = run(nodes, "--output", "out")
    assert batch.files == ["out/Four_views_a_b_00001_.png"]
    assert batch.pixels().shape == (side, side, 3)
    single = run(COLOR | {"2": ("PreviewImage", {"images": ["1", 0]})}, "--set", "1.batch=1")
    assert single.files == ["output/Preview_Image_00001_.png"]
    assert single.pixels().shape == (4, 4, 3)
    result = run(COLOR | {"2": ("TOY_Report", {"image": ["1", 0]})})
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == ["Report: 3 images", "output/Report_00001_.png"]
    assert result.pixels().shape == (side, side, 3)
    assert result.pixels()[2, 2, 0] == 63
    assert json.loads(Image.open(result.files[0]).info["prompt"])["2"]["class_type"] == "TOY_Report"


TOLD: Nodes = {"2": ("PreviewAny", {"source": ["1", 0]}, "How it ran")}
LINES: Nodes = {"1": ("PrimitiveStringMultiline", {"value": "a\nb"}), "3": ("PreviewAny", {"source": ["1", 0]})}
TEXT = COLOR | {"2": ("TOY_Report", {"image": ["1", 0]}), "3": ("PreviewAny", {"source": ["2", 0]}, "Text")}
CHART = TEXT | {"4": ("SaveImage", {"images": ["2", 1], "filename_prefix": "chart"})}
TITLED = COLOR | {"2": ("TOY_Report", {"image": ["1", 0]}, "What it sees: 1/2")}


@each_case(
    ("nodes", "arguments", "lines"),
    # A text stands under the title of its node, and one text reaches several nodes.
    (TOLD | {"1": ("TOY_Facts", {})}, [], ["How it ran: id 1, inference True, locked True"]),
    (TOLD | LINES, [], ["How it ran:", "a", "b", "Preview as Text:", "a", "b"]),
    # The title of the node stands before the text and names the file.
    (TITLED, [], ["What it sees: 1/2: 3 images", "output/What_it_sees_1_2_00001_.png"]),
    # What another node takes is shown by that node alone.
    (TEXT, [], ["Text: 3 images", "output/Report_00001_.png"]),
    (CHART, [], ["Text: 3 images", *[f"output/chart_0000{i}_.png" for i in (1, 2, 3)]]),
    # A node that is left out of the run takes nothing.
    (TEXT, ["--only", "2"], ["Report: 3 images", "output/Report_00001_.png"]),
    # A node that shows something itself is left to it.
    (COLOR | {"2": ("TOY_Report", {"image": ["1", 0], "shows": True})}, [], ["Report: saw 3 images"]),
)
def test_only_what_nobody_else_shows_is_printed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nodes: Nodes, arguments: list[str], lines: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(nodes, *arguments).out.splitlines() == lines
