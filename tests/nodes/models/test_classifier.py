"""Load Classifier: what each of its sources gives, and what it says of files that it cannot use."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor

from cases import each_case
from loaded_pack import STEADY, Pack, Toy, previews, refuse_all

ARCHITECTURE = "torchvision/squeezenet1_1"


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Weights of a small architecture, untrained, for 7 classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state: dict[str, Tensor] = torchvision.models.squeezenet1_1(num_classes=7).state_dict()
    # Its logits pass through a ReLU, below which there would be no gradient.
    state["classifier.1.bias"] += 1
    return state


def load(pack: Pack, checkpoint: Any, architecture: Any = ARCHITECTURE) -> Any:
    source = {"source": "file", "checkpoint": checkpoint, "architecture": architecture}
    return pack.run("DAS_LoadClassifier", source=source)[0]


def options(pack: Pack, source: str, name: str) -> list[str]:
    """The options of an input that a source brings."""
    inputs = pack.node("DAS_LoadClassifier").GET_SCHEMA().inputs
    (combo,) = (item for item in inputs if item.id == "source")
    (chosen,) = (option for option in combo.options if option.key == source)
    listed: list[str] = next(item.options for item in chosen.inputs if item.id == name)
    return listed


def test_starters_are_two_in_the_care_of_the_memory_manager(pack: Pack) -> None:
    (other,) = pack.run("DAS_LoadClassifier", source={"source": "second_opinion"}, precision="bf16")
    assert (other.name, other.dtype, other.owner.model) == ("EfficientNet-Lite2", torch.bfloat16, other.module)
    (both,) = pack.run("DAS_LoadClassifier", source={"source": "starters"})
    assert both.name == "EfficientNet-Lite0, taught + EfficientNet-Lite1, taught"
    assert [member.size for member in both.members] == [224, 240]
    for member in both.members:
        assert member.owner.model is member.module
    objectives = {"objective0": pack.run("DAS_ClassObjective", classifier=both, classes="jellyfish")[0]}
    history = pack.optimize(objectives=objectives, augmentation=pack.still(views=2), steps=4, **STEADY)[3]
    assert history[-1].scores["jellyfish"] > history[0].scores["jellyfish"]


@each_case(("library", "name", "below"), ("torchvision", "squeezenet1_1", ""), ("timm", "resnet18.a1_in1k", "timm"))
def test_a_library_gets_its_folder_and_a_progress_bar(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, library: str, name: str, below: str
) -> None:
    def fetch(architecture: str, folder: Path, progress: Callable[[int, int], object]) -> Any:
        assert (architecture, folder) == (name, pack.classifiers / below)
        progress(30, 40)
        return pack.classifier(Toy())

    models = getattr(pack.module("nodes.models.classifier"), f"{library}_models")
    monkeypatch.setattr(models, f"load_{library}", fetch)
    with previews() as updates:
        (classifier,) = pack.run("DAS_LoadClassifier", source={"source": library, "architecture": name})
    assert updates == [(30, 40, None)]
    assert classifier.name == "toy"
    assert classifier.owner.model is classifier.module


def test_architectures_whose_weights_are_there_stand_first(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    before = options(pack, "torchvision", "architecture")
    models = pack.module("nodes.models.classifier").torchvision_models
    monkeypatch.setattr(models, "list_downloaded_torchvision", lambda folder: ["vgg11"] * (folder == pack.classifiers))
    rest = [name for name in before if name != "vgg11"]
    assert options(pack, "torchvision", "architecture") == ["vgg11", *rest]


def test_a_checkpoint_of_ones_own_climbs(pack: Pack, classifier_folder: Path, weights: dict[str, Tensor]) -> None:
    safetensors.torch.save_file(weights, classifier_folder / "flowers.safetensors")
    assert options(pack, "file", "checkpoint") == ["flowers.safetensors"]
    classifier = load(pack, "flowers.safetensors")
    assert (classifier.name, len(classifier.labels), classifier.labels.name(6)) == ("flowers", 7, "class 6")
    source = {"source": "file", "checkpoint": "flowers.safetensors", "architecture": ARCHITECTURE}
    fingerprint = pack.node("DAS_LoadClassifier").fingerprint_inputs
    before = fingerprint(source=source)
    (classifier_folder / "flowers.safetensors").touch()
    assert before != fingerprint(source=source)
    (objective,) = pack.run("DAS_ClassObjective", classifier=classifier, classes="class 6")
    assert pack.optimize(objectives={"objective0": objective}, steps=1)[3][0].gradient_norm > 0


test_what_cannot_be_is_refused = refuse_all(
    {
        r"source 'hub' is unknown; .*starter, .* or file": lambda pack: pack.run("DAS_LoadClassifier", source="hub"),
        r"no checkpoint 'gone.pth' lies in .*classifiers; put it there": lambda pack: load(pack, "gone.pth"),
    }
)
