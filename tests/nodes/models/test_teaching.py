"""Direct Ascent Teach Judge: what it gives and writes, how the loaders read it, Cancel, and what is refused."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from cases import each_case
from loaded_pack import Pack, Toy, Watched, previews, refuse_all
from running_node import Running
from toys import draw

BATCH = draw(12, 40, 48, 3, seed=3).clamp(0, 1)


@pytest.fixture(autouse=True)
def taught(pack: Pack) -> Iterator[Path]:
    """The folder of what was taught; input/woods holds twelve pictures."""
    folder, woods = pack.home / "models" / "taught", pack.home / "input" / "woods"
    woods.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(BATCH):
        to_pil_image(image.movedim(-1, 0)).save(woods / f"{number}.png")
    yield folder
    for path in (*folder.iterdir(), *woods.iterdir()):
        path.unlink()
    woods.rmdir()


def teach(pack: Pack, model: Any = None, **inputs: Any) -> tuple[Any, str]:
    given = {"model": model or pack.classifier(Toy()), "photographs": "input/woods", "minutes": 0.01}
    return pack.run("DAS_TeachJudge", **(given | inputs))


def answer(judge: Any) -> Tensor:
    with torch.no_grad():
        return judge(draw(3, 3, judge.size, judge.size, seed=8).clamp(0, 1))


@each_case(
    ("loader", "source", "names"),
    ("DAS_LoadClassifier", "starter", ["taught"]),
    ("DAS_LoadCLIP", "starters", ["words-1", "words-2"]),
)
def test_the_loaders_read_what_was_taught(
    pack: Pack, taught: Path, monkeypatch: pytest.MonkeyPatch, loader: str, source: str, names: list[str]
) -> None:
    monkeypatch.setattr(pack.module("das_core.teaching.agreement"), "_FEWEST_CROPS", 2)
    (published,) = pack.run(loader, source=source)
    made, text = teach(pack, published, name=names[0].removesuffix("-1"))
    assert (type(made), len(text.split("\n\n"))) == (type(published), len(names))
    assert [line.split()[0] for line in text.splitlines()[2:7]] == ["noise", "0", "0.15", "0.3", "0.5"]
    for member in made.members:
        assert member.owner.model is member.module
    assert {path.stem for path in taught.iterdir()} >= set(names)
    (loaded,) = pack.run(loader, source=source, taught=f"{names[-1]}.safetensors")
    change = (answer(made) - answer(published)).abs().max()
    assert (answer(loaded) - answer(made)).abs().max() < 0.05 * change
    (half,) = pack.run(loader, source=source, taught=f"{names[0]}.safetensors", precision="bf16")
    assert all(member.dtype is torch.bfloat16 and member.name.endswith(", taught") for member in half.members)
    with pytest.raises(
        ValueError, match=r"what was taught belongs to .*EfficientNet-Lite[01]\)?(, taught)?, and .* has other"
    ):
        pack.run(loader, source="second_opinion", taught=f"{names[0]}.safetensors")


def test_the_same_run_reads_the_file_and_another_one_needs_another_name(pack: Pack, taught: Path) -> None:
    with previews() as updates:
        made, text = teach(pack, images=BATCH, photographs="input")
    assert updates[-1][:2] == (1000, 1000)
    with previews() as updates:
        again, same = teach(pack, images=BATCH)
    assert updates == []
    assert (same, torch.allclose(answer(again), answer(made), atol=1e-3)) == (text, True)
    with pytest.raises(ValueError, match=r"'taught.safetensors' holds what toy was taught with other photographs or"):
        teach(pack, seed=1)
    teach(pack, seed=1, name="two.safetensors")
    assert sorted(path.name for path in taught.iterdir()) == ["taught.safetensors", "two.safetensors"]


def test_after_cancel_it_goes_on_or_ends_with_fewer_minutes(pack: Pack, taught: Path, running: Running) -> None:
    import comfy.model_management as mm

    acts: dict[int, Callable[[], None]] = {20: lambda: time.sleep(0.7), 60: mm.interrupt_current_processing}
    model = Watched(lambda call: acts.get(call, lambda: None)())
    with pytest.raises(mm.InterruptProcessingException):
        teach(pack, pack.classifier(model), minutes=600.0)
    assert running.server.texts[-1].startswith("cancelled after ")
    assert [path.name for path in taught.iterdir()] == ["taught.safetensors.state"]
    acts.pop(20)
    model.calls = 0
    with previews() as updates, pytest.raises(mm.InterruptProcessingException):
        teach(pack, pack.classifier(model), minutes=0.1)
    assert updates[0][0] > 100
    with previews() as updates:
        made, _ = teach(pack)
    assert updates == []
    assert not torch.allclose(answer(made), answer(pack.classifier(Toy())), atol=1e-3)
    assert [path.name for path in taught.iterdir()] == ["taught.safetensors"]


def test_what_was_taught_is_read_again_when_it_changes(pack: Pack, taught: Path) -> None:
    node, pictures = pack.node("DAS_LoadCLIP"), pack.node("DAS_TeachJudge")
    (taught / "a.safetensors").touch()
    before = node.fingerprint_inputs(taught="a.safetensors"), pictures.fingerprint_inputs(photographs="input/woods")
    (taught / "a.safetensors").touch()
    (pack.home / "input" / "woods" / "0.png").unlink()
    assert node.fingerprint_inputs(taught="a.safetensors") != before[0]
    assert pictures.fingerprint_inputs(photographs="input/woods") != before[1]
    assert node.fingerprint_inputs(taught="gone") == node.fingerprint_inputs(taught="none") == (0, 0)


@each_case("name", "", " ", "..", ".hidden", "a/b", "..\\b", "C:b", "a\nb", "\x00", "ä" * 100)
def test_a_name_is_no_path(pack: Pack, taught: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no plain name of a file"):
        teach(pack, name=name)
    assert list(taught.iterdir()) == []


test_what_cannot_be_is_refused = refuse_all(
    {
        "model is 'toy'; connect an output of the type DAS_CLASSIFIER or DAS_CLIP": lambda pack: teach(pack, "toy"),
        r"there are no pictures in 'input/\.\.'; put them into": lambda pack: teach(pack, photographs="input/.."),
        r"there are no pictures in '\[1\]'": lambda pack: teach(pack, photographs=[1]),
        "0 of 0 files or images are photographs that can teach": lambda pack: teach(pack, photographs="input"),
        "toy has weights in float16": lambda pack: teach(pack, pack.classifier(Toy().half())),
        r"no checkpoint 'gone' lies in .*taught": lambda pack: pack.run("DAS_LoadClassifier", taught="gone"),
    }
)
