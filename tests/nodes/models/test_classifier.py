"""Load Classifier: what each of its sources gives, and what it says of files that it cannot use."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor

from cases import each_case
from loaded_pack import STEADY, Pack, Toy, assert_refused, previews

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


def test_the_starter_is_in_the_care_of_the_memory_manager(starter: Any) -> None:
    assert (starter.name, starter.size, len(starter.labels)) == ("EfficientNet-Lite0", 224, 1000)
    assert starter.owner.model is starter.module
    assert starter.dtype == torch.float32


def test_the_second_opinion_comes_in_the_precision_asked_for(pack: Pack) -> None:
    (classifier,) = pack.run("DAS_LoadClassifier", source={"source": "second_opinion"}, precision="bf16")
    assert (classifier.name, classifier.size, len(classifier.labels)) == ("EfficientNet-Lite2", 260, 1000)
    assert classifier.dtype == torch.bfloat16
    assert classifier.owner.model is classifier.module
    assert not any(parameter.is_inference() or parameter.requires_grad for parameter in classifier.module.parameters())


def test_starters_are_two_in_the_care_of_the_memory_manager(pack: Pack) -> None:
    (both,) = pack.run("DAS_LoadClassifier", source={"source": "starters"}, precision="auto")
    assert both.name == "EfficientNet-Lite0 + EfficientNet-Lite1"
    assert [member.size for member in both.members] == [224, 240]
    for member in both.members:
        assert member.owner.model is member.module
    (objective,) = pack.run("DAS_ClassObjective", classifier=both, classes="jellyfish")
    asked = {"objective0": objective}
    history = pack.optimize(objectives=asked, augmentation=pack.still(views=2), steps=4, **STEADY)[3]
    assert history[-1].scores["jellyfish"] > history[0].scores["jellyfish"]
    text, *_ = pack.run("DAS_Classify", classifier=both, image=torch.rand(1, 64, 64, 3))
    assert text.startswith("EfficientNet-Lite0 + EfficientNet-Lite1 sees:")
    with pytest.raises(ValueError, match="is an ensemble, and a layer belongs to one model"):
        pack.run("DAS_ListLayers", model=both)


@each_case(("library", "name", "below"), [("torchvision", "squeezenet1_1", ""), ("timm", "resnet18.a1_in1k", "timm")])
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
    assert before == sorted(before)
    present = ["vgg11", "resnet18"]
    models = pack.module("nodes.models.classifier").torchvision_models
    monkeypatch.setattr(models, "list_downloaded_torchvision", lambda folder: present * (folder == pack.classifiers))
    after = options(pack, "torchvision", "architecture")
    assert after == ["resnet18", "vgg11", *(name for name in before if name not in present)]


@each_case("name", ["flowers.safetensors", "flowers.pth"])
def test_a_checkpoint_of_ones_own_loads_and_climbs(
    pack: Pack, classifier_folder: Path, weights: dict[str, Tensor], name: str
) -> None:
    for other in (path for path in classifier_folder.iterdir() if path.is_file()):
        other.unlink()
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(weights, classifier_folder / name)
    else:
        torch.save({"state_dict": weights}, classifier_folder / name)
    assert options(pack, "file", "checkpoint") == [name]
    classifier = load(pack, name)
    assert (classifier.name, len(classifier.labels), classifier.labels.name(6)) == ("flowers", 7, "class 6")
    source = {"source": "file", "checkpoint": name, "architecture": ARCHITECTURE}
    fingerprint = pack.node("DAS_LoadClassifier").fingerprint_inputs
    before = fingerprint(source=source)
    assert before == fingerprint(source=source)
    (classifier_folder / name).touch()
    assert before != fingerprint(source=source)
    (objective,) = pack.run("DAS_ClassObjective", classifier=classifier, classes="class 6")
    history = pack.optimize(objectives={"objective0": objective})[3]
    assert all(record.gradient_norm > 0 for record in history)


def test_a_checkpoint_of_another_architecture_is_refused(
    pack: Pack, classifier_folder: Path, weights: dict[str, Tensor]
) -> None:
    safetensors.torch.save_file(weights, classifier_folder / "flowers.safetensors")
    message = r"'flowers.safetensors' does not fit .*squeezenet1_0.* of another shape.*choose the architecture"
    with pytest.raises(ValueError, match=message):
        load(pack, "flowers.safetensors", "torchvision/squeezenet1_0")
    with pytest.raises(
        ValueError, match="architecture 'squeezenet1_1' is unknown; write timm/NAME or torchvision/NAME"
    ):
        load(pack, "flowers.safetensors", "squeezenet1_1")


@each_case("name", ["cut.safetensors", "cut.pth"])
def test_a_truncated_checkpoint_is_refused(
    pack: Pack, classifier_folder: Path, weights: dict[str, Tensor], name: str
) -> None:
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(weights, classifier_folder / name)
    else:
        torch.save(weights, classifier_folder / name)
    content = (classifier_folder / name).read_bytes()
    (classifier_folder / name).write_bytes(content[: len(content) // 2])
    assert_refused(pack, rf"'{re.escape(name)}' .*get it again", lambda pack: load(pack, name))


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.path,)


def test_code_in_a_checkpoint_is_refused_and_does_not_run(
    pack: Pack, classifier_folder: Path, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    torch.save(weights | {"trap": Trap(tmp_path / "sprung")}, classifier_folder / "trap.pth")
    with pytest.raises(ValueError, match=r"'trap.pth' was refused: .*safetensors"):
        load(pack, "trap.pth")
    assert not (tmp_path / "sprung").exists()
    torch.load(classifier_folder / "trap.pth", weights_only=False)
    assert (tmp_path / "sprung").exists(), "the trap itself works"


EMPTY = "put a .safetensors or .pt file into models/classifiers"


def test_an_empty_folder_is_named_where_its_files_would_be_listed(pack: Pack, classifier_folder: Path) -> None:
    assert options(pack, "file", "checkpoint") == [EMPTY]
    where = re.escape(str(classifier_folder))
    with pytest.raises(
        ValueError, match=rf"no checkpoint is chosen; put a \.safetensors or \.pt file into {where}, re"
    ):
        load(pack, EMPTY)
    (classifier_folder / "mine.pth").touch()
    assert options(pack, "file", "checkpoint") == ["mine.pth"]


def test_what_the_pack_has_downloaded_is_no_checkpoint(
    pack: Pack, classifier_folder: Path, weights: dict[str, Tensor]
) -> None:
    stored = (
        "timm/timm--resnet18.a1_in1k/model.safetensors",
        "timm/models--timm--resnet18.a1_in1k/snapshots/0000/model.safetensors",
        "timm/seresnet18-4bb0ce65.pth",
    )
    for name in (*stored, "mine/a--b.pth"):
        (classifier_folder / name).parent.mkdir(parents=True, exist_ok=True)
        torch.save(weights, classifier_folder / name)
    assert options(pack, "file", "checkpoint") == ["mine/a--b.pth"]
    for name in stored:
        with pytest.raises(ValueError, match=r"no checkpoint 'timm/.*' lies in"):
            load(pack, name)
        source = {"source": "file", "checkpoint": name, "architecture": ARCHITECTURE}
        assert pack.node("DAS_LoadClassifier").fingerprint_inputs(source=source) == 0
    assert load(pack, "mine/a--b.pth").name == "a--b"


LINKED: list[Any] = ["../mine.pth", "/etc/passwd", "http://example.org/a.pth", "hf-hub:me/model", 3, ["mine.pth"], {}]


@each_case("value", LINKED)
def test_whatever_a_link_brings_is_checked(
    pack: Pack, classifier_folder: Path, weights: dict[str, Tensor], value: Any
) -> None:
    torch.save(weights, classifier_folder / "mine.pth")
    (classifier_folder.parent / "mine.pth").write_bytes((classifier_folder / "mine.pth").read_bytes())
    with pytest.raises(ValueError, match="no checkpoint"):
        load(pack, value)
    with pytest.raises(ValueError, match=r"architecture '.*' is unknown"):
        load(pack, "mine.pth", value)
    for library in ("timm", "torchvision"):
        with pytest.raises(ValueError, match=f"{library} has no (pretrained )?classifier"):
            pack.run("DAS_LoadClassifier", source={"source": library, "architecture": value})
    (classifier_folder.parent / "mine.pth").unlink()


BAD: dict[str, Callable[[Pack], object]] = {
    r"precision 'int8' is unknown; choose auto, fp32, bf16 or fp16": lambda pack: pack.run(
        "DAS_LoadClassifier", source={"source": "starter"}, precision="int8"
    ),
    r"timm has no pretrained classifier 'None'": lambda pack: pack.run(
        "DAS_LoadClassifier", source={"source": "timm", "architecture": None}
    ),
    r"source 'hub' is unknown; choose starters, starter, .* or file": lambda pack: pack.run(
        "DAS_LoadClassifier", source="hub"
    ),
    r"no checkpoint 'gone.pth' lies in .*classifiers; put it there": lambda pack: load(pack, "gone.pth"),
    r"no checkpoint '\.\./x.pth' lies in .*classifiers; put it there": lambda pack: load(pack, "../x.pth"),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
