"""Files that examples need, as ComfyUI's page reads them."""

import json
from pathlib import Path

from cases import each_case
from generators.example_models import FILES, list_files

LOADERS = {"CheckpointLoaderSimple": "ckpt_name", "CLIPVisionLoader": "clip_name", "UpscaleModelLoader": "model_name"}
"""By node class, the input that names a file."""

EXAMPLES = Path(__file__).resolve().parents[3] / "example_workflows"


@each_case("name", FILES)
def test_a_node_that_loads_a_known_file_says_where_it_can_be_had(name: str) -> None:
    (found,) = list_files({"class_type": "X", "inputs": {"ckpt_name": name, "model": ["1", 0], "strength": 1.0}})
    assert found == {"name": name, **FILES[name]}
    assert found["url"].partition("?")[0].endswith(f"/{name}")
    assert list_files({"class_type": "X", "inputs": {"ckpt_name": "mine.safetensors"}}) == []


@each_case("path", sorted((EXAMPLES / "api").glob("*.json")))
def test_every_checkpoint_of_an_example_is_known_and_stands_in_its_template_and_its_note(path: Path) -> None:
    prompt = json.loads(path.read_text(encoding="utf-8"))
    loaders = [node for node in prompt.values() if node["class_type"] in LOADERS]
    if not loaders:
        return
    note = path.with_suffix(".md").read_text(encoding="utf-8")
    template = json.loads((EXAMPLES / path.name).read_text(encoding="utf-8"))
    stored = [node["properties"] for node in template["nodes"] if node["type"] in LOADERS]
    for loader, properties in zip(loaders, stored, strict=True):
        assert properties["models"] == list_files(loader) != []
        assert loader["inputs"][LOADERS[loader["class_type"]]] in note
