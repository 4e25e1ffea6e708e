"""Statistics of one's own photographs: in models of any kind, from images and folders, measured once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import das_core as da
from cases import each_case
from das_core.ascent.plan import make_plan
from das_core.models.photographs import measure_photographs
from toys import SPEC, climb, judge, random_views

PHOTOGRAPHS = random_views(12, 9)


class Tokens(nn.Module):
    """Makes tokens (V, T, C) of values (V, C, H, W)."""

    def forward(self, values: Tensor) -> Tensor:
        return values.flatten(2).mT


def network(*norm: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *norm, nn.Flatten(), nn.Linear(800, 5)).eval()


def test_they_are_mean_and_variance_of_the_channels_of_every_kind_of_norm() -> None:
    kinds = {"group": nn.GroupNorm(2, 8), "layer": nn.LayerNorm(8), "root": nn.RMSNorm(8), "none": nn.Identity()}
    for kind, part in kinds.items():
        norm = (Tokens(), part) if kind in ("layer", "root") else (part,)
        module = network(*norm)
        output = module[: 1 if kind == "none" else 2 + len(norm)](judge(module).preprocess(PHOTOGRAPHS))
        values = output.movedim(2 if len(norm) == 2 else 1, 0).flatten(1).detach().numpy()
        ((_, mean, variance),) = measure_photographs(judge(module, 12), PHOTOGRAPHS)
        np.testing.assert_allclose(mean, values.mean(axis=1), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(variance, values.var(axis=1), rtol=1e-3, atol=1e-5)


def test_a_folder_is_measured_once_and_what_is_no_photograph_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, keep, model = tmp_path / "photographs", tmp_path / "kept", judge(network(nn.GroupNorm(2, 8)), 12)
    (folder / "more").mkdir(parents=True)
    for number, picture in enumerate(PHOTOGRAPHS):
        Image.fromarray((picture.permute(1, 2, 0) * 255).round().byte().numpy()).save(folder / f"{number}.png")
    known = measure_photographs(model, PHOTOGRAPHS.mul(255).round() / 255)
    (folder / "notes.txt").write_text("no photograph")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:60])
    Image.new("L", (9000, 9000)).save(folder / "large.png")
    Image.new("RGB", (12, 12), "red").save(folder / "red.png")
    for path in (folder, str(folder)):
        ((name, *found),) = measure_photographs(model, path, keep)
        assert name == known[0][0]
        torch.testing.assert_close(found, list(known[0][1:]))
        # The second time the pictures are not read.
        monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("read again"))
    assert all(f"{name} is left out" in caplog.text for name in ("notes.txt", "cut.png", "large.png"))
    monkeypatch.undo()
    (folder / "1.png").unlink()
    ((_, mean, _),) = measure_photographs(model, folder, keep)
    assert not torch.equal(mean, found[0])
    assert len(list(keep.iterdir())) == 2


def test_a_model_without_batch_norms_makes_pictures_nearer_to_them() -> None:
    model = judge(network(nn.GroupNorm(2, 8)), 12)
    natural = da.natural_objective(model, 1.0, PHOTOGRAPHS)
    stack = da.ImageStack.gray(SPEC)
    scores = [da.score_images(image, natural).table for image in (stack.image(), climb(stack, natural, steps=12).image)]
    assert float(scores[0]) < float(scores[1])
    make_plan([natural, da.natural_objective(model, 1.0, PHOTOGRAPHS)], SPEC, 1)
    with pytest.raises(ValueError, match="two objectives compare what toy sees with other photographs; leave one out"):
        make_plan([natural, da.natural_objective(model, 1.0, 1 - PHOTOGRAPHS)], SPEC, 1)


@each_case(
    "says, photographs",
    *{
        "1 of 1 photographs show something, and .* takes 4": PHOTOGRAPHS[:1],
        "0 of 9 photographs show something": torch.full_like(PHOTOGRAPHS, 0.3),
        "there is no folder of photographs 'nowhere'": "nowhere",
        "photographs is a int; give a tensor": 3,
        "photographs holds .* values that are NaN": PHOTOGRAPHS / 0,
    }.items(),
)
def test_what_does_not_tell_what_photographs_are_like_is_refused(says: str, photographs: object) -> None:
    with pytest.raises(ValueError, match=says):
        measure_photographs(judge(network(nn.GroupNorm(2, 8)), 12), photographs)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="toy has no norms and no convolutions in which photographs could be compared"):
        measure_photographs(judge(nn.Flatten()), PHOTOGRAPHS)
