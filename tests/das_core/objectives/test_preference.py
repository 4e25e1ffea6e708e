"""Preference heads: files as their authors write them, scores against plain networks, wrong pairs."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import direct_ascent
import direct_ascent as da
from cases import each_case
from direct_ascent import CLIP, load_preference
from toys import SPEC, VIEWS, answer

WIDTH = 24
SEEN = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def clip(width: int = WIDTH, name: str = "toy clip") -> CLIP:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        module = nn.Sequential(nn.Conv2d(3, width, 5, stride=4), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return CLIP(name, module.requires_grad_(False), 16, (0.5,) * 3, (0.5,) * 3, width=width)


class Rating(nn.Module):
    """The network of LAION's aesthetic predictor v2, with or without activation functions."""

    def __init__(self, rectified: bool) -> None:
        super().__init__()
        outputs, between = (1024, 128, 64, 16, 1), (2, 2, 2, 1) if not rectified else (3, 3, 3, 2)
        parts: list[nn.Module] = []
        for number, (size, before) in enumerate(zip(outputs, (WIDTH, *outputs), strict=False)):
            parts.append(nn.Linear(before, size))
            after = between[number] - 1 if number < 4 else 0
            parts += ([nn.ReLU(), nn.Dropout(0.2)] if rectified else [nn.Dropout(0.2)])[:after]
        self.layers = nn.Sequential(*parts)

    def forward(self, embeddings: Tensor) -> Tensor:
        rating: Tensor = self.layers(embeddings)
        return rating


@each_case("rectified", False, True)
def test_heads_of_five_layers_rate_as_their_network(tmp_path: Path, rectified: bool) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = Rating(rectified).eval()
    torch.save(network.state_dict(), tmp_path / "head.pth")
    head = load_preference(tmp_path / "head.pth")
    assert (head.width, head.rectified) == (WIDTH, rectified)
    embeddings = F.normalize(clip()(SEEN), dim=1)
    torch.testing.assert_close(answer(da.preference(head).on(clip()), SEEN), network(embeddings)[:, 0])


def test_a_linear_head_is_climbed(tmp_path: Path) -> None:
    layer = nn.Linear(WIDTH, 1)
    torch.save(layer.state_dict(), tmp_path / "sa_0_4_toy_linear.pth")
    head = load_preference(tmp_path / "sa_0_4_toy_linear.pth", "toy clip")
    assert head.name == "sa_0_4_toy_linear"
    objective = direct_ascent.preference(tmp_path / "sa_0_4_toy_linear.pth").on(clip())
    torch.testing.assert_close(answer(objective, SEEN), layer(F.normalize(clip()(SEEN), dim=1))[:, 0])
    result = da.Ascent(da.ImageStack.gray(SPEC), objective, augmentation=VIEWS, steps=8).run()
    first, *_, last = (record.scores[objective.name] for record in result.history)
    assert last > first
    assert head.describe_other(clip()) is None
    warning = head.describe_other(clip(name="another"))
    assert warning is not None
    assert "was trained on toy clip" in warning
    with pytest.raises(ValueError, match=r"rates embeddings of 24 numbers, and wide has 8; load the CLIP .*, toy clip"):
        da.preference(head).on(clip(8, "wide"))
    with pytest.raises(ValueError, match="embeds no images; load the CLIP"):
        da.preference(head).on(da.load_starter())


@each_case(
    ("state", "message"),
    ({"weight": torch.ones(3, 8), "bias": torch.ones(3)}, r"it has layers of \[3\] outputs"),
    ({"weight": torch.ones(1, 8)}, r"its weight is \(1, 8\)"),
    ({"weight": torch.ones(1, 8, 1), "bias": torch.ones(1)}, r"its weight is \(1, 8, 1\)"),
    ({"weight": torch.tensor(1.0), "bias": torch.ones(1)}, r"its weight is \(\)"),
    ({"weight": torch.ones(1, 0), "bias": torch.ones(1)}, r"its weight is \(1, 0\)"),
    ({"weight": torch.ones(1, 8).to_sparse(), "bias": torch.ones(1)}, "not plain numbers in memory"),
    ({"weight": torch.full((1, 8), torch.nan).to(torch.float8_e4m3fn), "bias": torch.ones(1)}, "are no numbers"),
    ({"weight": torch.full((1, 8), 1e300, dtype=torch.float64), "bias": torch.ones(1)}, "values that are no numbers"),
    ({f"{'9' * 5000}.weight": torch.ones(1, 8)}, r"its 9+… is \(1, 8\)"),
    ({"weight": torch.ones(1, 8) / 0, "bias": torch.ones(1)}, "values that are no numbers"),
    ({"0.weight": torch.ones(4, 8), "0.bias": torch.ones(4), "2.weight": torch.ones(1, 5)}, "its 2.weight is"),
    ({"bias": torch.ones(1)}, r"it has layers of \[\] outputs"),
)
def test_other_files_are_refused(tmp_path: Path, state: Any, message: str) -> None:
    torch.save(state, tmp_path / "head.pth")
    with pytest.raises(ValueError, match=message):
        load_preference(tmp_path / "head.pth")
