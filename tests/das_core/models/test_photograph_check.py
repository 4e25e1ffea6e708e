"""The check on two photographs: starters pass, wrong values and classes are said, untrained models are left alone."""

import logging
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from das_core.facade import render
from das_core.facade.wrap import wrap
from das_core.models import photograph_check
from das_core.models.photograph_check import describe_misreading
from das_core.models.sources.starters import SECOND_OPINION, STARTER, THIRD_OPINION
from direct_ascent import Classifier, classify, load_starter
from toys import classifier


@pytest.mark.parametrize("starter", [STARTER, SECOND_OPINION, THIRD_OPINION])
def test_starters_pass_and_values_of_255_are_said(starter: object) -> None:
    judge = load_starter(starter)  # type: ignore[arg-type]
    assert describe_misreading(judge) is None
    # A wrong mean of this size changes nothing that matters.
    assert describe_misreading(replace(judge, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))) is None
    warning = describe_misreading(replace(judge, mean=(0.0,) * 3, std=(1 / 255,) * 3))
    assert warning is not None
    assert "takes a cup of coffee for" in warning


class Turned(nn.Module):
    """A starter whose classes are in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = load_starter().module

    def forward(self, views: Tensor) -> Tensor:
        logits: Tensor = self.inner(views).flip(1)
        return logits


def test_another_order_of_the_classes_is_said_once_and_when_they_are_asked_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photograph_check, "_logged", set())
    half: dict[str, Any] = {"size": 224, "mean": (0.5,) * 3, "std": (0.5,) * 3}
    quick: dict[str, Any] = {"size": 64, "steps": 1, "recipe": "feature", "progress": False}
    model = Turned()
    with caplog.at_level(logging.WARNING):
        unit = replace(wrap(model, **half), size=64)
        render(unit, "inner.blocks.3:5", **quick)
        render(unit, da.channel("inner.blocks.3", 5), **quick)
        assert not caplog.records
        for _ in range(2):
            judge = wrap(model, **half).with_precision(torch.float64)
            classify(judge, torch.rand(1, 3, 32, 32))
            da.classes("goldfish").on(judge)
    (said,) = [record.getMessage() for record in caplog.records if "cup of coffee" in record.getMessage()]
    assert said.startswith("Turned takes a cup of coffee for")


def test_models_that_are_not_trained_or_know_other_classes_are_left_alone() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 1000))
    judge = wrap(flat, size=32, mean=(0.5,) * 3, std=(10.0,) * 3)
    assert isinstance(judge, Classifier)
    assert float(judge.probabilities(torch.rand(2, 3, 32, 32)).max()) < 0.01
    assert describe_misreading(judge) is None
    assert describe_misreading(classifier()) is None
