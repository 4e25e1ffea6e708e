"""The example maker with stand-ins for ComfyUI and its page: command line, thumbnail run, and exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cases import each_case
from generators import make_examples
from generators.example_workflow import RoundTripError
from generators.make_examples import make_thumbnail, parse_arguments


class RecordingClient:
    """A client that keeps what it is given; every node of every run shows one green image."""

    def __init__(self) -> None:
        self.uploads: list[str] = []
        self.prompts: list[dict[str, Any]] = []
        self.shown: list[str] = []

    def upload(self, image: Image.Image, name: str) -> str:
        self.uploads.append(name)
        return name

    def run(self, prompt: dict[str, Any], timeout: float) -> dict[str, Any]:
        self.prompts.append(prompt)
        return {}

    def get_images(self, history: dict[str, Any], node_id: str) -> list[Image.Image]:
        self.shown.append(node_id)
        return [Image.new("RGB", (8, 8), "lime")]


def test_by_default_all_workflows_of_the_repository_are_made_without_a_run() -> None:
    options = parse_arguments([])
    assert options.names == []
    assert (options.directory / "api").is_dir()
    assert not options.thumbnails


@each_case(("name", "shown"), [("plain", "4"), ("timelapse", "5")])
def test_a_thumbnail_is_run_with_stand_ins_and_without_what_needs_a_checkpoint(
    tmp_path: Path, name: str, shown: str
) -> None:
    def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
        return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}

    prompt = {
        "1": node("LoadImage", image="example.png"),
        "2": node("DAS_LoadCLIP", source="open_clip", **{"source.model": "a"}),
        "3": node("CheckpointLoaderSimple", ckpt_name="big.safetensors"),
        "4": node("SaveImage", images=["1", 0]),
        "5": node("SaveImage", "Frames", images=["1", 0]),
        "6": node("SaveImage", images=["3", 0]),
    }
    client = RecordingClient()
    make_thumbnail(client, prompt, tmp_path / f"{name}.jpg")  # type: ignore[arg-type]
    assert client.uploads == ["cat.png"]
    (ran,) = client.prompts
    assert set(ran) == {"1", "2", "4", "5"}
    assert (ran["1"]["inputs"], ran["2"]["inputs"]) == ({"image": "cat.png"}, {"source": "starter"})
    assert client.shown == [shown]
    with Image.open(tmp_path / f"{name}.jpg") as made:
        assert made.format == "JPEG"


def test_an_example_that_the_page_changes_makes_the_exit_code_1_and_the_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def nothing(*_: object, **__: object) -> Iterator[None]:
        yield

    def make(client: object, browser: object, directory: Path, name: str) -> dict[str, Any]:
        if name == "bad":
            raise RoundTripError("bad: the page does not say what the API file says")
        made.append(name)
        return {}

    made: list[str] = []
    monkeypatch.setattr(make_examples, "start_comfyui", nothing)
    monkeypatch.setattr(make_examples, "start_chromium", nothing)
    monkeypatch.setattr(make_examples, "make_example", make)
    (tmp_path / "api").mkdir()
    for name in ("bad", "good", "other"):
        (tmp_path / "api" / f"{name}.json").write_text("{}")
    assert make_examples.main(["--directory", str(tmp_path)]) == 1
    assert made == ["good", "other"]
    assert capsys.readouterr().err == "bad: the page does not say what the API file says\n"
    assert make_examples.main(["--directory", str(tmp_path), "good"]) == 0
    assert made == ["good", "other", "good"]
