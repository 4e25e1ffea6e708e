"""What nodes say of values they cannot use: the value, what would do, and nothing is broken for the next run."""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torchvision
from loaded_pack import Pack, Toy
from torch import Tensor, nn

Bad = Callable[[Pack], object]
GIGA = 2**30


def custom(resolutions: str) -> dict[str, str]:
    return {"levels": "custom", "resolutions": resolutions}


def from_image(pack: Pack, image: Tensor, **inputs: Any) -> object:
    return pack.stack(start={"start": "image"}, image=image, **inputs)


def holed() -> Tensor:
    image = torch.full((1, 9, 9, 3), 0.5)
    image[0, 2, 3, 1] = math.nan
    return image


def masked(pack: Pack, mask: Tensor, **inputs: Any) -> Any:
    return pack.stack(**{"image": torch.rand(1, 64, 64, 3), "mask": mask, **inputs})


def dot(begin: int, end: int) -> Tensor:
    mask = torch.zeros(1, 64, 64)
    mask[:, begin:end, begin:end] = 1
    return mask


def region(pack: Pack, mask: Tensor) -> Any:
    return pack.run("DAS_Region", objective=pack.objective(), mask=mask)[0]


def optimizer(**choice: Any) -> Bad:
    return lambda pack: pack.optimize(optimizer=choice)


def scheduled(**inputs: Any) -> Bad:
    ends = {name: inputs.pop(name) for name in list(inputs) if name.endswith("_end")}
    return lambda pack: pack.augmentation(over_time={"over_time": "scheduled"} | ends, **inputs)


STACKS: dict[str, Bad] = {
    r"width 8 .* at least 16": lambda pack: pack.stack(width=8),
    r"height 0 .* at least 16": lambda pack: pack.stack(height=0),
    r"margin -1 is negative": lambda pack: pack.stack(margin=-1),
    r"a tile with a margin of 16 pixels .* set margin to 0, or tile to off": lambda pack: pack.stack(tile=True),
    r"batch_size 0 .* at least 1": lambda pack: pack.stack(batch_size=0),
    r"64 x 16384 x 16384 .* needs about .* are free: make width, height, margin or batch_size smaller": (
        lambda pack: pack.stack(width=16384, height=16384, batch_size=64)
    ),
    r"list of levels is empty.*such as": lambda pack: pack.stack(levels=custom(" , ")),
    r"level 'many' is not a whole number.*such as": lambda pack: pack.stack(levels=custom("1, many")),
    r"level 97 is not between 1 and 96": lambda pack: pack.stack(levels=custom("1, 97")),
    r"level 0 is not between 1 and 96": lambda pack: pack.stack(levels=custom("0, 4")),
    r"step 97 is not between 1 and 96": lambda pack: pack.stack(levels={"levels": "linear", "step": 97}),
    r"levels 'octaves' is unknown; choose linear, powers_of_two or custom": lambda pack: pack.stack(levels="octaves"),
    r"start 'black' is unknown; choose gray, noise or image": lambda pack: pack.stack(start={"start": "black"}),
    r"amplitude -1": lambda pack: pack.stack(start={"start": "noise", "amplitude": -1.0}),
    r"contrast 0.0 .* above 0": lambda pack: pack.stack(
        start={"start": "image", "contrast": 0.0}, image=torch.rand(1, 9, 9, 3)
    ),
    r"start is 'image' but no image is connected: connect one": lambda pack: pack.stack(start={"start": "image"}),
    r"an image is connected but start is 'gray'.* set start to 'image'": (
        lambda pack: pack.stack(image=torch.rand(1, 9, 9, 3))
    ),
    r"4 channels .* alpha": lambda pack: from_image(pack, torch.rand(1, 9, 9, 4)),
    r"1 channels .* repeat": lambda pack: from_image(pack, torch.rand(1, 9, 9, 1)),
    r"shape \(9, 9, 3\)": lambda pack: from_image(pack, torch.rand(9, 9, 3)),
    r"shape \(0, 3, 9, 9\)": lambda pack: from_image(pack, torch.rand(0, 9, 9, 3)),
    r"1 values that are NaN or infinite.* look at the node": lambda pack: from_image(pack, holed()),
    r"batch_size 2 does not go with 3 start images: use 1 or 3": (
        lambda pack: from_image(pack, torch.rand(3, 9, 9, 3), batch_size=2)
    ),
}
MASKS: dict[str, Bad] = {
    r"a mask is connected but no image: connect the image": lambda pack: pack.stack(mask=torch.ones(1, 9, 9)),
    r"start is 'image' but no image": lambda pack: pack.stack(start={"start": "image"}),
    r"the mask has no pixel above 0": lambda pack: masked(pack, torch.zeros(1, 9, 9)),
    r"the mask holds values that are NaN": lambda pack: masked(pack, torch.full((1, 9, 9), math.nan)),
    r"2 images do not go with a batch of 3: use 1 or 3": lambda pack: masked(
        pack, torch.ones(3, 9, 9), image=torch.rand(2, 9, 9, 3)
    ),
    r"feather 64 is not between 0": lambda pack: masked(pack, torch.ones(1, 9, 9), feather=64),
    r"too thin for a feather of 60": lambda pack: masked(pack, torch.eye(64)[None], feather=60),
    r"the region has no pixel above 0": lambda pack: region(pack, torch.zeros(1, 9, 9)),
    r"2 region masks do not go with 1 images": lambda pack: pack.optimize(
        objectives={"objective0": region(pack, torch.ones(2, 9, 9))}
    ),
    r"the region is 4 x 4 pixels in image 1, too small": lambda pack: pack.optimize(
        objectives={"objective0": region(pack, dot(30, 34))}
    ),
    r"no pixel in common": lambda pack: pack.optimize(
        stack=masked(pack, dot(0, 8)), objectives={"objective0": region(pack, dot(30, 60))}
    ),
    r"prior 'blur' is unknown; choose one of total_variation": lambda pack: pack.run("DAS_Prior", kind="blur"),
    r"the gradient of 'range' vanished at step 1": lambda pack: pack.optimize(
        objectives={"objective0": pack.run("DAS_Prior", kind="range")[0]}
    ),
}
VIEWS: dict[str, Bad] = {
    r"views 0 .* at least 1": lambda pack: pack.augmentation(views=0),
    r"jitter -1 is negative": lambda pack: pack.augmentation(jitter=-1),
    r"zoom_min 0.9 is above zoom_max 0.5.*lower zoom_min or raise zoom_max": (
        lambda pack: pack.augmentation(zoom_min=0.9, zoom_max=0.5)
    ),
    r"zoom_start 1.5 .* at most 1": lambda pack: pack.augmentation(zoom_start=1.5),
    r"noise nan .* 0.05": lambda pack: pack.augmentation(noise=math.nan),
    r"flip 2.0 .* between 0 and 1": lambda pack: pack.augmentation(flip=2.0),
    r"over_time 'later' is unknown; choose constant or scheduled": lambda pack: pack.augmentation(over_time="later"),
    r"noise_end -1.0 is not between 0": scheduled(noise_end=-1.0),
    r"zoom_min_end 0.9 is above zoom_max 0.5": scheduled(zoom_min=0.4, zoom_max=0.5, zoom_min_end=0.9),
    r"jitter_end 80 .*margin of 16 .*lower jitter_end to 16": lambda pack: pack.optimize(
        augmentation=scheduled(jitter_end=80)(pack)
    ),
    r"shift 2.0 is not between 0": lambda pack: pack.run("DAS_ColorShift", shift=2.0),
    r"scale -1.0 is not between 0": lambda pack: pack.run("DAS_ColorShift", scale=-1.0),
    r"distortion 0.5 .* 0.33": lambda pack: pack.run("DAS_Perspective", distortion=0.5),
    r"patches 65 .* 64": lambda pack: pack.run("DAS_PatchMask", patches=65),
    r"size 0.0 is not above 0": lambda pack: pack.run("DAS_PatchMask", size=0.0),
    r"fill 'noise' is unknown; choose one of mean, gray": lambda pack: pack.run("DAS_PatchMask", fill="noise"),
    r"jitter 80 .*margin of 56 .*lower jitter to 56 .* margin to 80": lambda pack: pack.optimize(
        stack=pack.stack(margin=56), augmentation=pack.augmentation(jitter=80)
    ),
}
ASCENTS: dict[str, Bad] = {
    r"steps 0 .* at least 1": lambda pack: pack.optimize(steps=0),
    r"chunk -1 is negative": lambda pack: pack.optimize(chunk=-1),
    r"no objective is connected.* connect": lambda pack: pack.optimize(objectives={}),
    r"weights of all objectives are 0.* raise": (
        lambda pack: pack.optimize(objectives={"objective0": pack.objective(weight=0.0)})
    ),
    r"optimizer 'lbfgs' is unknown; choose ascent, sgd or adam": optimizer(optimizer="lbfgs"),
    # An unknown choice in an API-format file is left out by ComfyUI.
    r"optimizer is missing or unknown; choose ascent, sgd or adam": lambda pack: pack.module(
        "nodes.ascent.optimizers"
    ).read_choice("optimizer", None, ("ascent", "sgd", "adam")),
    r"step_size 0.0 must be above 0": optimizer(optimizer="ascent", step_size=0.0),
    r"momentum 1.0 .* between 0": optimizer(optimizer="sgd", momentum=1.0),
    r"learning_rate -1.0 must be above 0": optimizer(optimizer="adam", learning_rate=-1.0),
    r"coarse_to_fine 2.0": optimizer(optimizer="ascent", coarse_to_fine=2.0),
}
CLASSES: dict[str, Bad] = {
    r"class 'clas 1' is unknown; the nearest are .*class 1": lambda pack: pack.objective(classes="clas 1"),
    r"class index 4 is out of range.* 0 to 3": lambda pack: pack.objective(classes="4"),
    r"class index -1 is out of range.* 0 to 3": lambda pack: pack.objective(classes="0\n-1: 0.5"),
    r"no class is given; write": lambda pack: pack.objective(classes=" \n "),
    r"weight 'half' in '0: half' is not a number": lambda pack: pack.objective(classes="0: half"),
    r"weights of the classes sum to nothing.* raise": lambda pack: pack.objective(classes="0\n1: 2\n0: -1\n1: -2"),
    r"score 'margin' needs a class that is not asked for": lambda pack: pack.objective(
        classes="0\n1\n2\n3", score="margin"
    ),
}
MODELS: dict[str, Bad] = {
    r"source 'hub' is unknown; choose starter, .* or file": lambda pack: pack.run("DAS_LoadClassifier", source="hub"),
    r"no checkpoint 'gone.pth' lies in .*classifiers; put it there": lambda pack: load(pack, "gone.pth"),
    r"no checkpoint '\.\./x.pth' lies in .*classifiers; put it there": lambda pack: load(pack, "../x.pth"),
    r"4 channels .* alpha": lambda pack: classify(pack, torch.rand(1, 9, 9, 4)),
    r"1 values that are NaN or infinite": lambda pack: classify(pack, holed()),
    r"top_k 0 .* at least 1": lambda pack: classify(pack, torch.rand(1, 9, 9, 3), top_k=0),
}


def load(pack: Pack, checkpoint: str, architecture: str = "torchvision/squeezenet1_1") -> Any:
    source = {"source": "file", "checkpoint": checkpoint, "architecture": architecture}
    return pack.run("DAS_LoadClassifier", source=source)[0]


def classify(pack: Pack, image: Tensor, **inputs: Any) -> object:
    return pack.run("DAS_Classify", classifier=pack.classifier(Toy()), image=image, **inputs)


def assert_a_good_run_works(pack: Pack) -> None:
    assert torch.isfinite(pack.optimize(steps=1)[0]).all()


@pytest.mark.parametrize(("message", "bad"), list((STACKS | MASKS | VIEWS | ASCENTS | CLASSES | MODELS).items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Bad) -> None:
    with pytest.raises(ValueError, match=message):
        bad(pack)
    assert_a_good_run_works(pack)


def test_an_unknown_class_is_answered_with_the_nearest(pack: Pack, starter: Any) -> None:
    with pytest.raises(ValueError, match=r"class 'jelyfish' .*107 jellyfish"):
        pack.run("DAS_ClassObjective", classifier=starter, classes="jelyfish")


def test_frames_that_do_not_fit_into_memory_are_refused_before_the_first_step(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.model_management

    stack, objective, augmentation = pack.stack(), pack.objective(), pack.augmentation()
    given = {"stack": stack, "objectives": {"objective0": objective}, "augmentation": augmentation}
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: 4 * GIGA)
    message = (
        r"keeping 50000 frames needs about 4.6 GiB, and 4.0 GiB are free: set frames to 2 or more.* 25000, or to 0"
    )
    with pytest.raises(ValueError, match=message):
        pack.run("DAS_Optimize", steps=50000, frames=1, **given)
    # What is suggested is what fits, and nothing larger would be needed.
    frame = 2 * 4 * 3 * 64 * 64
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: 334 * frame)
    with pytest.raises(ValueError, match=r"keeping 500 frames .* set frames to 3 or more, which keeps 334, or to 0"):
        pack.run("DAS_Optimize", steps=1000, frames=2, **given)
    pack.module("nodes.ascent.loop")._check_frames(stack, 1000, 3)
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: frame - 1)
    with pytest.raises(ValueError, match=r"keeping 1 frames .*: make the picture or the batch smaller"):
        pack.run("DAS_Optimize", steps=5, **given)
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: 4 * GIGA)
    assert len(pack.run("DAS_Optimize", steps=2, frames=1, **given)[2]) == 2


def test_memory_is_that_of_all_start_images(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management

    room = pack.stack().spec.ascent_bytes(2)
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: room)
    assert from_image(pack, torch.rand(2, 9, 9, 3))
    with pytest.raises(ValueError, match=r"an ascent of 3 x 64 x 64 with a margin of 16 needs about"):
        from_image(pack, torch.rand(3, 9, 9, 3))


class Broken(nn.Module):
    """Answers NaN."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3)) * math.nan


class Constant(nn.Module):
    """Answers the same whatever it sees."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3)) * 0 + 1


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Broken(), r"gradient of 'class 0' is not a number at step 1; there is no good image yet.*fp32"),
        (Constant(), r"gradient of 'class 0' vanished at step 1.*no good image yet.*logit"),
    ],
)
def test_a_gradient_that_leads_nowhere_stops_at_the_first_step(pack: Pack, module: nn.Module, message: str) -> None:
    before = set(pack.output.glob("*.png"))
    objective = pack.run("DAS_ClassObjective", classifier=pack.classifier(module, classes=3), classes="0")[0]
    with pytest.raises(ValueError, match=message):
        pack.optimize(objectives={"objective0": objective})
    assert set(pack.output.glob("*.png")) == before, "there was no good image to save"
    assert_a_good_run_works(pack)


@pytest.fixture
def folder(pack: Pack) -> Iterator[Path]:
    """ComfyUI's folder of classifiers, empty before and after."""
    pack.classifiers.mkdir(parents=True, exist_ok=True)
    yield pack.classifiers
    for file in pack.classifiers.iterdir():
        file.unlink()


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Weights of a small architecture, untrained, for 7 classes."""
    state: dict[str, Tensor] = torchvision.models.squeezenet1_1(num_classes=7).state_dict()
    return state


@pytest.mark.parametrize("name", ["flowers.safetensors", "flowers.pth"])
def test_a_checkpoint_of_ones_own_loads_and_climbs(
    pack: Pack, folder: Path, weights: dict[str, Tensor], name: str
) -> None:
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(weights, folder / name)
    else:
        torch.save({"state_dict": weights}, folder / name)
    classifier = load(pack, name)
    assert (classifier.name, len(classifier.labels), classifier.labels.name(6)) == ("flowers", 7, "class 6")
    source = {"source": "file", "checkpoint": name, "architecture": "torchvision/squeezenet1_1"}
    fingerprint = pack.node("DAS_LoadClassifier").fingerprint_inputs
    before = fingerprint(source=source)
    assert before == fingerprint(source=source)
    (folder / name).touch()
    assert before != fingerprint(source=source)


def test_a_checkpoint_of_another_architecture_is_refused(pack: Pack, folder: Path, weights: dict[str, Tensor]) -> None:
    safetensors.torch.save_file(weights, folder / "flowers.safetensors")
    message = r"'flowers.safetensors' does not fit .*squeezenet1_0.* of another shape.*choose the architecture"
    with pytest.raises(ValueError, match=message):
        load(pack, "flowers.safetensors", "torchvision/squeezenet1_0")
    with pytest.raises(
        ValueError, match="architecture 'squeezenet1_1' is unknown; write timm/NAME or torchvision/NAME"
    ):
        load(pack, "flowers.safetensors", "squeezenet1_1")


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth"])
def test_a_truncated_checkpoint_is_refused(pack: Pack, folder: Path, weights: dict[str, Tensor], name: str) -> None:
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(weights, folder / name)
    else:
        torch.save(weights, folder / name)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"'{re.escape(name)}' .*get it again"):
        load(pack, name)
    assert_a_good_run_works(pack)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.path,)


def test_code_in_a_checkpoint_is_refused_and_does_not_run(
    pack: Pack, folder: Path, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    torch.save(weights | {"trap": Trap(tmp_path / "sprung")}, folder / "trap.pth")
    with pytest.raises(ValueError, match=r"'trap.pth' was refused: .*safetensors"):
        load(pack, "trap.pth")
    assert not (tmp_path / "sprung").exists()
    torch.load(folder / "trap.pth", weights_only=False)
    assert (tmp_path / "sprung").exists(), "the trap itself works"
