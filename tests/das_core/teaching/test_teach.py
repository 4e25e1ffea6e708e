"""Judges that are taught: what they learn, what is kept of it, and what cannot teach or be taught."""

import errno
from pathlib import Path

import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor, nn
from torchvision.models import VisionTransformer

import direct_ascent as da
import tinyclip
from cases import each_case
from das_core.facade.wrap import wrap
from das_core.models.difference import read_difference
from das_core.models.judge import Judge
from das_core.teaching import teaching as module
from das_core.teaching.agreement import measure_agreement
from das_core.teaching.answers import answer
from das_core.teaching.teach import load_taught, teach
from das_core.teaching.teaching import Progress
from full_disk import refuse_writing
from photographs import load_photograph
from toys import classifier, draw
from untrained import timm_model

PHOTOGRAPHS = draw(20, 3, 48, 40, seed=5).clamp(0, 1)


def weights_of(judge: Judge) -> Tensor:
    return torch.cat([weight.flatten() for weight in judge.module.parameters()])


def test_a_starter_learns_to_see_through_noise() -> None:
    whole = [load_photograph(name, 224) for name in ("cat", "coffee", "astronaut", "rocket")]
    photographs, starter = torch.cat([*whole, *(one.flip(3) for one in whole)]), da.load_starter()
    taught = teach(starter, photographs, crops=400)
    noisy = photographs + 0.3 * torch.randn(photographs.shape, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        wanted, before, after = starter(photographs), starter(noisy), taught(noisy)
    kl = [(wanted.softmax(1) * (wanted.log_softmax(1) - one.log_softmax(1))).sum() for one in (before, after)]
    assert kl[1] < 0.5 * kl[0]
    shares = [measure_agreement(starter, one, photographs) for one in (starter, taught)]
    assert shares[0][0.0] == 1.0
    assert shares[1][0.3] > shares[0][0.3] + 0.3
    head = "classifier.weight"
    assert torch.equal(taught.module.get_parameter(head), starter.module.get_parameter(head))


@each_case(
    "make",
    classifier,
    lambda: tinyclip.clip(),
    lambda: wrap(timm_model("vit_tiny_patch16_224", num_classes=0), size=224, mean=[0.5] * 3, std=[0.5] * 3),
    lambda: wrap(timm_model("resnet10t"), size=64, mean=[0.5] * 3, std=[0.2] * 3),
    lambda: wrap(VisionTransformer(32, 16, 1, 2, 8, 16, num_classes=5), size=32, mean=[0.5] * 3, std=[0.2] * 3),
    lambda: wrap(timm.create_model("mixer_s32_224"), size=224, mean=[0.5] * 3, std=[0.2] * 3),
)
def test_judges_of_every_kind_are_taught_and_stay_what_they_are(make: object, tmp_path: Path) -> None:
    judge = make()  # type: ignore[operator]
    before = weights_of(judge)
    path = tmp_path / "what.safetensors"
    taught = teach(judge, PHOTOGRAPHS, crops=48, rank=2, path=path)
    assert type(taught) is type(judge)
    assert torch.equal(weights_of(judge), before)
    assert not torch.equal(weights_of(taught), before)
    views = draw(2, 3, judge.size, judge.size)
    assert torch.allclose(load_taught(judge, path)(views), taught(views), rtol=1e-2, atol=1e-3)
    assert path.stat().st_size < 4 * sum(len(one.flatten()) for one in read_difference(path).tensors.values())
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_the_same_seed_gives_the_same_weights_also_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, judge = tmp_path / "kept.safetensors", classifier()
    whole = teach(judge, PHOTOGRAPHS, crops=96, seed=3)

    def stop(progress: Progress) -> None:
        if progress.crops == 48:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        teach(judge, PHOTOGRAPHS, crops=96, seed=3, path=path, watch=stop)
    assert not path.exists()
    seen: list[int] = []
    again = teach(judge, PHOTOGRAPHS, crops=96, seed=3, path=path, watch=lambda progress: seen.append(progress.crops))
    assert seen == [64, 80, 96]
    assert torch.equal(weights_of(again), weights_of(whole))
    teach(judge, PHOTOGRAPHS, crops=96, seed=3, path=path, watch=lambda progress: pytest.fail("it was over"))
    with pytest.raises(ValueError, match=r"'kept.safetensors' holds what toy was taught with other photographs or set"):
        teach(judge, PHOTOGRAPHS, crops=96, seed=4, path=path)
    assert not torch.equal(weights_of(teach(judge, PHOTOGRAPHS, crops=96, seed=4)), weights_of(whole))


def test_a_state_of_another_call_or_a_damaged_one_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, judge = tmp_path / "kept.safetensors", classifier()
    state = path.with_name("kept.safetensors.state")
    whole = weights_of(teach(judge, PHOTOGRAPHS, crops=32))

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        teach(judge, PHOTOGRAPHS, crops=32, path=path, watch=stop)
    with pytest.raises(ValueError, match=r"'kept\.safetensors\.state' holds what was begun with other photographs"):
        teach(judge, PHOTOGRAPHS, crops=32, seed=1, path=path)
    # Read and not mapped, as the file is written to below.
    tensors = load(state.read_bytes())
    with safe_open(state, "pt") as file:
        about = file.metadata()
    last = max(name for name in tensors if name.startswith("now "))
    damages = [tensors | {last: tensors[last] * float("nan")}, tensors | {last: tensors[last][:1].clone()}]
    for damage in (b"no tensors", *(save(one, about) for one in damages)):
        state.write_bytes(damage)
        assert torch.equal(weights_of(teach(judge, PHOTOGRAPHS, crops=32, path=path)), whole)
        assert "teaching begins anew" in caplog.text
        caplog.clear()
        path.unlink()
    path.write_bytes(b"a checkpoint of mine")
    with pytest.raises(ValueError, match="is no file of what was taught"):
        teach(judge, PHOTOGRAPHS, crops=32, path=path)
    assert path.read_bytes() == b"a checkpoint of mine"


def test_memory_that_runs_out_halves_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, whole = classifier(), teach(classifier(), PHOTOGRAPHS, crops=32)
    sizes: list[int] = []

    def fail_on_many(judge: Judge, crops: Tensor, weights: object = None) -> object:
        sizes.append(len(crops))
        if len(crops) > 4:
            raise torch.OutOfMemoryError("full")
        return answer(judge, crops, weights)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "answer", fail_on_many)
    taught = teach(judge, PHOTOGRAPHS, crops=32)
    assert sizes[:4] == [16, 8, 4, 4]
    torch.testing.assert_close(weights_of(taught), weights_of(whole), rtol=0, atol=1e-4)


def test_a_loss_that_is_no_number_stops_it_and_keeps_what_was_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, losses = tmp_path / "kept.safetensors", iter([1.0, float("nan")])
    whole = module.Teaching._add_gradients
    monkeypatch.setattr(module.Teaching, "_add_gradients", lambda *given: whole(*given) * next(losses))
    with pytest.raises(ValueError, match="the loss of toy is nan after 16 crops"):
        teach(classifier(), PHOTOGRAPHS, crops=64, path=path)
    assert path.with_name("kept.safetensors.state").exists()


def test_a_disk_that_is_full_loses_only_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("das_core.teaching.teach._SAVING", 0.0)

    def fill(progress: Progress) -> None:
        refuse_writing(monkeypatch, errno.ENOSPC)

    with pytest.raises(OSError, match="No space left"):
        teach(classifier(), PHOTOGRAPHS, crops=32, path=tmp_path / "x.safetensors", watch=fill)
    assert "what is learned is not kept" in caplog.text


@each_case(
    ("judge", "photographs", "settings", "message"),
    (classifier(), PHOTOGRAPHS[:7], {}, "7 of 7 files or images are photographs that can teach, and at least 8"),
    (classifier(), torch.zeros(9, 3, 8, 8), {}, "0 of 9 files"),
    (classifier(), "nowhere", {}, "there is no folder of photographs 'nowhere'"),
    (classifier().with_precision(torch.float16), PHOTOGRAPHS, {}, "weights in float16, whose steps are too coarse"),
    (da.load_starters(), PHOTOGRAPHS, {}, "are 2 models; teach each by itself"),
    (Judge("plain", nn.AvgPool2d(8), 8, (0.0,) * 3, (1.0,) * 3), PHOTOGRAPHS, {}, "no weights of floating point"),
    (classifier(), PHOTOGRAPHS, {"crops": 3}, "crops 3"),
    (classifier(), PHOTOGRAPHS, {"rank": 0}, "rank 0"),
    (classifier(), PHOTOGRAPHS, {"misled": 1.5}, "misled 1.5"),
    (classifier(), PHOTOGRAPHS, {"minutes": float("nan")}, "minutes nan"),
)
def test_what_cannot_teach_or_be_taught_is_named(
    judge: Judge, photographs: object, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        teach(judge, photographs, **settings)  # type: ignore[arg-type]
