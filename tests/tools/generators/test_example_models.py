"""Where the page can get the models of an example."""

import json
from pathlib import Path

import pytest

from generators.example_models import FOLDERS, LOADERS, REPOSITORIES, list_downloads

EXAMPLES = Path(__file__).resolve().parents[3] / "example_workflows"


def load(class_type: str, name: str) -> dict[str, object]:
    return {"class_type": class_type, "inputs": {LOADERS[class_type]: name}}


def test_every_file_has_a_folder_and_a_repository() -> None:
    assert FOLDERS.keys() == REPOSITORIES.keys()


def test_a_loader_says_where_its_file_is_and_where_it_belongs() -> None:
    prompt = {
        "1": load("CLIPVisionLoader", "clip_vision_g.safetensors"),
        "2": {"class_type": "DAS_LoadCLIP", "inputs": {"source": "starter"}},
    }
    url = "https://huggingface.co/comfyanonymous/clip_vision_g/resolve/main/clip_vision_g.safetensors"
    assert list_downloads(prompt) == {
        "1": [{"name": "clip_vision_g.safetensors", "url": url, "directory": "clip_vision"}]
    }


def test_a_file_that_is_not_known_is_refused() -> None:
    with pytest.raises(LookupError, match=r"node 1 loads mine\.ckpt"):
        list_downloads({"1": load("CheckpointLoaderSimple", "mine.ckpt")})


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_workflow_files_say_so(path: Path) -> None:
    prompt = json.loads((EXAMPLES / "api" / path.name).read_text(encoding="utf-8"))
    nodes = json.loads(path.read_text(encoding="utf-8"))["nodes"]
    found = {str(node["id"]): node["properties"]["models"] for node in nodes if "models" in node["properties"]}
    assert found == list_downloads(prompt)
