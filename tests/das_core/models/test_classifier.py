"""Classifiers from files and from libraries, with random weights: no test here needs the net."""

import hashlib
import io
import re
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import DenseNet, MNASNet, VisionTransformer

from das_core.models import classifier as classifier_module
from das_core.models.classifier import Classifier
from das_core.models.labels import imagenet_labels, number_labels
from das_core.models.sources import classifier_files, timm_models, torchvision_models
from das_core.models.sources.classifier_files import list_file_architectures, load_classifier_file
from das_core.models.sources.timm_models import list_timm_architectures, load_timm
from das_core.models.sources.torchvision_models import (
    list_downloaded_torchvision,
    list_torchvision_architectures,
    load_torchvision,
)

HALF = (0.5, 0.5, 0.5)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def views(size: int, count: int = 1) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def torchvision_model(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = torchvision.models.get_model(name, weights=None, **options)
    return module.eval()


def timm_model(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = timm.create_model(name, pretrained=False, **options)
    return module.eval()


def assert_says_what(loaded: Classifier, module: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """The loaded classifier answers as the module does to views that were normalised by hand."""
    shown = views(loaded.size)
    by_hand = (shown - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    with torch.no_grad():
        answer, expected = loaded(shown), module(by_hand)
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(answer / expected.abs().max(), expected / expected.abs().max(), rtol=0, atol=1e-4)


class Middle(nn.Module):
    """Logits of two classes: the mean of red, and of green."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))[:, :2]


def middle(size: int = 8) -> Classifier:
    return Classifier("toy", Middle(), size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=number_labels(2))


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    images = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    logits = images.numpy().astype(np.float64).mean(axis=(2, 3))[:, :2]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(middle().probabilities(images).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(8, 20), (20, 8), (16, 40), (5, 3), (1, 1), (9, 8)])
def test_oblong_images_are_judged_by_their_middle_square(height: int, width: int) -> None:
    image = torch.zeros(1, 3, height, width)
    image[:, 1] = 1  # green, and red where the middle square is
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image[:, :, top : top + side, left : left + side] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    expected = torch.tensor([[1.0, 0.0]]).softmax(dim=1)
    torch.testing.assert_close(middle().probabilities(image), expected)


def test_probabilities_of_any_precision_and_without_a_graph() -> None:
    images = views(8, 2).requires_grad_()
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        answer = middle().probabilities(images.to(dtype))
        assert answer.dtype == torch.float32
        assert not answer.requires_grad
    before = images.detach().clone()
    assert torch.equal(images.detach(), before)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.rand(3, 8, 8), r"the image to classify has the shape \(3, 8, 8\)"),
        (torch.rand(0, 3, 8, 8), r"the shape \(0, 3, 8, 8\)"),
        (torch.rand(1, 3, 0, 8), r"the shape \(1, 3, 0, 8\)"),
        (torch.rand(1, 4, 8, 8), "4 channels .an alpha channel. where 3 are needed"),
        (torch.rand(1, 1, 8, 8), "1 channels .one grey channel. where 3 are needed"),
        (torch.full((1, 3, 8, 8), torch.nan), "holds 192 values that are NaN or infinite"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"whole numbers \(torch.uint8\)"),
    ],
)
def test_what_is_no_image_is_refused(images: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        middle().probabilities(images)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_lower_precision_answers_in_float32_and_changes_no_one(dtype: torch.dtype) -> None:
    module = timm_model("mobilenetv3_small_050").requires_grad_(False)
    full = Classifier("toy", module, 64, HALF, HALF, owner=object(), labels=imagenet_labels())
    half = full.with_precision(dtype)
    shown = views(64, 2).requires_grad_()
    answer = half(shown)
    assert answer.dtype == torch.float32
    assert half.dtype == dtype
    assert bool(answer.isfinite().all())
    answer.sum().backward()
    assert shown.grad is not None
    assert bool(shown.grad.isfinite().all())
    assert full.dtype == torch.float32
    assert half.owner is None
    expected = full(shown.detach())
    assert torch.cosine_similarity(answer.detach().flatten(), expected.flatten(), dim=0) > 0.98


def test_the_same_precision_is_the_same_classifier() -> None:
    full = middle()
    assert full.with_precision(torch.float32) is full
    with pytest.raises(ValueError, match=r"precision torch.int8 has no fractions; choose torch.float32"):
        full.with_precision(torch.int8)


def test_every_classification_model_of_torchvision_is_listed() -> None:
    # Independent of the registry: every set of weights in torchvision.models that knows 1,000 categories.
    lower = {name.casefold(): name for name in dir(torchvision.models) if name.islower()}
    enums = [name for name in dir(torchvision.models) if name.endswith("_Weights")]
    with_classes = [
        lower[name.removesuffix("_Weights").casefold()]
        for name in enums
        if len(getattr(torchvision.models, name).DEFAULT.meta["categories"]) == 1000
    ]
    assert list_torchvision_architectures() == sorted(with_classes)
    assert len(with_classes) >= 80


def test_every_url_of_torchvision_carries_a_digest() -> None:
    for name in list_torchvision_architectures():
        digest = torchvision.models.get_model_weights(name).DEFAULT.url.rpartition("-")[2].removesuffix(".pth")
        assert 8 <= len(digest) <= 10
        int(digest, 16)


def test_only_classifiers_of_timm_are_listed() -> None:
    names = list_timm_architectures()
    assert names == sorted(names)
    assert len(names) > 1000
    listed = set(names)
    assert {"resnet18.a1_in1k", "tf_efficientnet_lite0.in1k", "convnext_tiny.fb_in22k", "beit_base_patch16_224.in22k_ft_in22k"} <= listed  # fmt: skip  # noqa: E501
    assert not listed & {"vit_small_patch14_dinov2.lvd142m", "vit_base_patch16_clip_224.openai", "resnet50_clip.openai"}


def test_file_architectures_name_the_library() -> None:
    names = list_file_architectures()
    assert {"torchvision/resnet18", "timm/resnet18"} <= set(names)
    assert len(names) == len(set(names)) == len(list_torchvision_architectures()) + len(timm.list_models())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("classes", [1000, 10])
def test_a_timm_checkpoint_is_loaded(tmp_path: Path, suffix: str, classes: int) -> None:
    module = timm_model("mobilenetv3_small_050", num_classes=classes)
    path = tmp_path / f"my model{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": module.state_dict()}, path)
    else:
        safetensors.torch.save_file(module.state_dict(), path)
    loaded = load_classifier_file(path, "timm/mobilenetv3_small_050")
    assert loaded.name == "my model"
    assert loaded.size == 224
    assert loaded.labels == (imagenet_labels() if classes == 1000 else number_labels(10))
    assert_says_what(loaded, module, IMAGENET_MEAN, IMAGENET_STD)


def test_a_tag_of_timm_tells_how_the_model_was_trained(tmp_path: Path) -> None:
    module = timm_model("tf_efficientnet_lite0", num_classes=3)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    tagged = load_classifier_file(tmp_path / "a.pth", "timm/tf_efficientnet_lite0.in1k")
    assert (tagged.mean, tagged.std) == (HALF, HALF)
    assert_says_what(tagged, module, HALF, HALF)


@pytest.mark.parametrize(("name", "classes"), [("squeezenet1_1", 1000), ("mobilenet_v3_small", 10)])
def test_a_torchvision_checkpoint_is_loaded(tmp_path: Path, name: str, classes: int) -> None:
    module = torchvision_model(name, num_classes=classes)
    torch.save(module.state_dict(), tmp_path / "a.pth")
    loaded = load_classifier_file(tmp_path / "a.pth", f"torchvision/{name}")
    assert loaded.size == 224
    assert len(loaded.labels) == classes
    assert_says_what(loaded, module, IMAGENET_MEAN, IMAGENET_STD)


@pytest.mark.parametrize(
    "architecture", ["resnet18", "keras/resnet18", "timm/", "timm/resnet18.no_such_tag", "torchvision/resnet18.x", "/"]
)
def test_unknown_architectures_are_named(tmp_path: Path, architecture: str) -> None:
    with pytest.raises(ValueError, match=f"architecture '{architecture}' is unknown; write timm/NAME or torchvision/"):
        load_classifier_file(tmp_path / "a.pth", architecture)


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    torch.save(torchvision_model("squeezenet1_1").state_dict(), tmp_path / "a.pth")
    for architecture in ("timm/mobilenetv3_small_050", "torchvision/mobilenet_v3_small"):
        with pytest.raises(
            ValueError, match=rf"'a.pth' does not fit the architecture {architecture}: \d+ tensors miss"
        ):
            load_classifier_file(tmp_path / "a.pth", architecture)


def test_a_head_of_an_odd_shape_is_refused(tmp_path: Path) -> None:
    state = timm_model("mobilenetv3_small_050").state_dict()
    torch.save({**state, "classifier.weight": torch.ones(())}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"1 of another shape \(classifier.weight is \(\), not \(1000, 1024\)\)"):
        load_classifier_file(tmp_path / "a.pth", "timm/mobilenetv3_small_050")


def test_a_checkpoint_that_diverged_is_refused(tmp_path: Path) -> None:
    state = timm_model("mobilenetv3_small_050").state_dict()
    torch.save({**state, "classifier.bias": torch.full((1000,), torch.nan)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="answers with values that are no numbers; its weights are damaged"):
        load_classifier_file(tmp_path / "a.pth", "timm/mobilenetv3_small_050")


class Odd(nn.Module):
    """Answers with whatever it is told to."""

    def __init__(self, answer: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> object:
        return self.answer(x)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: x, "odd does not answer with one number a class; choose a classifier"),
        (lambda x: {"logits": x.mean((2, 3))}, "odd does not answer with one number a class"),
        (lambda x: x.reshape(1, 7), "odd does not take colour images of 8 x 8; choose a classifier"),
    ],
)
def test_what_is_no_classifier_is_refused(answer: Callable[[Tensor], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        classifier_module.build_classifier("odd", Odd(answer), 8, HALF, HALF)


Publish = Callable[[str, dict[str, Tensor]], Path]


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Puts weights where torchvision's default URL of an architecture points from then on."""
    original = torchvision.models.get_model_weights

    def put(architecture: str, state: dict[str, Tensor]) -> Path:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
        path = tmp_path / "published" / f"{architecture}-{digest}.pth"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(buffer.getvalue())
        default = original(architecture).DEFAULT
        stub = SimpleNamespace(url=path.as_uri(), meta=default.meta, transforms=default.transforms)
        monkeypatch.setattr(
            torchvision.models,
            "get_model_weights",
            lambda name: SimpleNamespace(DEFAULT=stub) if name == architecture else original(name),
        )
        return path

    return put


def test_torchvision_weights_are_fetched_once(tmp_path: Path, publish: Publish) -> None:
    module = torchvision_model("resnet18")
    published = publish("resnet18", module.state_dict())
    folder = tmp_path / "classifiers"
    assert list_downloaded_torchvision(folder) == []
    told: list[int] = []
    loaded = load_torchvision("resnet18", folder, lambda done, total: told.append(done))
    assert told[-1] == published.stat().st_size
    assert loaded.name == "resnet18"
    assert loaded.labels == imagenet_labels()
    assert_says_what(loaded, module, IMAGENET_MEAN, IMAGENET_STD)
    assert list_downloaded_torchvision(folder) == ["resnet18"]
    published.unlink()
    load_torchvision("resnet18", folder)


def test_torchvision_weights_that_cannot_be_fetched(tmp_path: Path, publish: Publish) -> None:
    publish("resnet18", {}).unlink()
    with pytest.raises(ValueError, match=r"resnet18-\w{8}.pth could not be downloaded"):
        load_torchvision("resnet18", tmp_path / "classifiers")
    with pytest.raises(ValueError, match="torchvision has no classifier 'resnet19'"):
        load_torchvision("resnet19", tmp_path)


def test_googlenet_shifts_its_input(tmp_path: Path, publish: Publish) -> None:
    module = torchvision_model("googlenet", transform_input=True, init_weights=False)
    publish("googlenet", module.state_dict())
    assert_says_what(load_torchvision("googlenet", tmp_path), module, IMAGENET_MEAN, IMAGENET_STD)


def test_inception_is_built_as_it_was_published() -> None:
    module = torchvision_models._torchvision_module("inception_v3", 10)
    assert module.transform_input
    loaded = torchvision_models._torchvision_classifier("inception_v3", module)
    assert (loaded.size, len(loaded.labels)) == (299, 10)


def test_densenets_are_published_under_older_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, small = (DenseNet(4, (2, 2, 2, 2), 8, num_classes=4).eval() for _ in range(2))
    state = {}
    for name, value in module.state_dict().items():
        old = re.sub(r"(denselayer\d+\.\w+)([12])\.", r"\1.\2.", name)
        if not name.endswith("num_batches_tracked"):
            state[old] = value
    assert "features.denseblock1.denselayer1.norm.1.running_mean" in state
    torch.save(state, tmp_path / "a.pth")
    monkeypatch.setattr(classifier_files, "_torchvision_module", lambda name, classes: small)
    loaded = load_classifier_file(tmp_path / "a.pth", "torchvision/densenet121")
    assert_says_what(loaded, module, IMAGENET_MEAN, IMAGENET_STD)


def test_vision_transformers_are_published_under_older_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, small = (
        VisionTransformer(224, 112, 1, 2, hidden_dim=8, mlp_dim=16, num_classes=4).eval() for _ in range(2)
    )
    nn.init.normal_(module.get_parameter("heads.head.weight"))
    state = {
        name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): value
        for name, value in module.state_dict().items()
    }
    assert len(state.keys() - module.state_dict().keys()) == 4
    torch.save(state, tmp_path / "a.pth")
    monkeypatch.setattr(classifier_files, "_torchvision_module", lambda name, classes: small)
    loaded = load_classifier_file(tmp_path / "a.pth", "torchvision/vit_b_32")
    assert_says_what(loaded, module, IMAGENET_MEAN, IMAGENET_STD)


@pytest.mark.parametrize("version", [1, None])
@pytest.mark.filterwarnings("ignore:A new version of MNASNet")
def test_mnasnets_know_their_versions(tmp_path: Path, publish: Publish, version: int | None) -> None:
    module = torchvision_model("mnasnet0_5")
    assert isinstance(module, MNASNet)
    state = module.state_dict()
    if version == 1:
        state._metadata[""]["version"] = 1  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError, match="size mismatch"):
            module.load_state_dict(state)
        # That has rebuilt its stem as it was in version 1.
        state = module.state_dict()
        assert state["layers.0.weight"].shape[0] == 32
    elif version is None:
        state = dict(state)
    publish("mnasnet0_5", state)
    assert_says_what(load_torchvision("mnasnet0_5", tmp_path), module.eval(), IMAGENET_MEAN, IMAGENET_STD)


def test_timm_without_a_net_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"the weights of resnet18.a1_in1k could not be had .*load it as a file"):
        load_timm("resnet18.a1_in1k", tmp_path / "classifiers" / "timm")


def test_timm_with_a_silent_hub_does_not_wait_for_its_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(timm_models, "hf_hub_url", lambda *_: f"http://127.0.0.1:{port}/model.safetensors")
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("the hub's client was asked"))
    with pytest.raises(ValueError, match=r"resnet18.a1_in1k could not be had .*refused.*check the connection"):
        load_timm("resnet18.a1_in1k", tmp_path / "timm")


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a small timm model in a folder as the hub's client leaves it; whoever asks the hub fails."""
    monkeypatch.setattr("timm.models._hub.hf_hub_download", lambda *_, **__: pytest.fail("the hub was asked"))
    monkeypatch.setattr(timm_models, "check_reachable", lambda _: pytest.fail("the hub was asked"))
    commit = "0" * 40
    repository = tmp_path / "models--timm--mobilenetv3_small_050.lamb_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    path = repository / "snapshots" / commit / "model.safetensors"
    path.parent.mkdir(parents=True)
    safetensors.torch.save_file(timm_model("mobilenetv3_small_050").state_dict(), path)
    return path


def test_timm_weights_that_are_there_are_loaded_without_a_net(fetched: Path, tmp_path: Path) -> None:
    loaded = load_timm("mobilenetv3_small_050.lamb_in1k", tmp_path)
    assert loaded.name == "mobilenetv3_small_050.lamb_in1k"
    assert loaded.labels == imagenet_labels()
    assert_says_what(loaded, timm_model("mobilenetv3_small_050"), IMAGENET_MEAN, IMAGENET_STD)


def test_timm_weights_that_are_damaged_are_refused(fetched: Path, tmp_path: Path) -> None:
    fetched.write_bytes(fetched.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"the weights of mobilenetv3_small_050.lamb_in1k could not be had"):
        load_timm("mobilenetv3_small_050.lamb_in1k", tmp_path)


@pytest.mark.parametrize("name", ["resnet18", "resnet19.a1_in1k", "resnet50_clip.openai"])
def test_timm_models_that_are_no_pretrained_classifiers_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"timm has no pretrained classifier '{name}'"):
        load_timm(name, tmp_path)
