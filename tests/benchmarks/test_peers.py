"""The report beside other libraries: what is missing, means over runs that ended early, and pictures of any form."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks import peers
from benchmarks.pace import Look
from benchmarks.peer_climbs import Watch
from benchmarks.peers import average_at, check_peers, describe_runs, judge_last, pictures_of, run_contestant, show_small
from das_core.models.classifier import Classifier
from toys import classifier


def watched(*probabilities: float, finished: bool = True, steps: int = 10) -> Watch:
    looks = [Look(10.0 * number, probability) for number, probability in enumerate(probabilities, start=1)]
    return Watch(lambda image: 0.5, (), looks=looks, steps=steps, finished=finished)


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEERS", {"torch": "torch", "no_such_module": "no-such-package"})
    with pytest.raises(ModuleNotFoundError, match=r"^no-such-package cannot be imported; run `python -m pip install"):
        check_peers()
    monkeypatch.setattr(peers, "PEERS", {"torch": "torch"})
    check_peers()


def test_what_has_finished_keeps_its_last_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "MOMENTS", (10.0, 20.0, 30.0))
    runs = [watched(0.2, 0.4, steps=7), watched(0.4, 0.2, 0.8, steps=9)]
    assert average_at(runs) == pytest.approx([0.3, 0.3, 0.6])
    assert describe_runs(runs) == "0.30 | 0.30 | 0.60 | 9 | 30 s"
    cut = [*runs, watched(0.0, 0.0, 0.1, finished=False, steps=8)]
    assert describe_runs(cut) == "0.20 | 0.20 | 0.43 | 8 | cut off in 1 of 3 runs"


def test_a_run_that_is_cut_off_keeps_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "MOMENTS", (0.0,))
    toy = classifier()

    def climb(climber: Classifier, target: int, watch: Watch) -> Tensor:
        watch.tick(lambda: torch.full((1, 3, 32, 32), 0.25))
        raise AssertionError("the watch has not ended the climb")

    watch = run_contestant(climb, toy, toy, 3)
    assert watch.image is not None
    assert float(watch.image.mean()) == 0.25
    assert watch.looks[0].probability == pytest.approx(float(toy.probabilities(watch.image)[0, 3]))


def test_the_last_pictures_are_judged_each_for_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    toy, watches = classifier(), [watched(0.1), watched(0.2)]
    for number, watch in enumerate(watches):
        watch.image = torch.rand(1, 3, 32 + 8 * number, 32, generator=torch.Generator().manual_seed(number))
    named = [int(toy.probabilities(watch.image).argmax()) for watch in watches if watch.image is not None]
    monkeypatch.setattr(peers, "CLASSES", named)
    assert judge_last(toy, watches).startswith("| 100% |")
    monkeypatch.setattr(peers, "CLASSES", [(number + 1) % 10 for number in named])
    assert judge_last(toy, watches).startswith("| 0% |")


def test_pictures_are_found_in_whatever_a_library_returns_and_fit_the_sheet_in_all_sizes() -> None:
    def shapes(made: object) -> list[tuple[int, ...]]:
        return [tuple(picture.shape) for picture in pictures_of(made)]

    assert shapes(SimpleNamespace(image=torch.zeros(2, 3, 4, 4))) == [(2, 3, 4, 4)]
    assert shapes([np.zeros((1, 4, 4, 3))]) == [(1, 4, 4, 3)]
    assert shapes([(torch.zeros(3, 4, 4), torch.ones(3, 4, 4))] * 2) == [(3, 4, 4)] * 4
    with pytest.raises(ValueError, match="no picture was made"):
        pictures_of([])
    assert {tuple(show_small(torch.rand(1, 3, size, size)).shape) for size in (128, 224, 448)} == {(3, 224, 224)}
