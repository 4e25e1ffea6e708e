"""Class Objective: what it makes of its lines, and what it says of classes it does not know."""

from collections.abc import Callable
from typing import Any

import pytest

from cases import each_case
from loaded_pack import Pack, assert_refused


def test_lines_become_targets_with_their_weights(pack: Pack, toy: Any) -> None:
    (objective,) = pack.run(
        "DAS_ClassObjective", classifier=toy, classes="class 1\n3: -0.5", score="margin", weight=2.0
    )
    assert (objective.terms[0].judge, objective.terms[0].score.targets) == (toy, ((1, 1.0), (3, -0.5)))
    assert (objective.terms[0].score.kind, objective.terms[0].weight) == ("margin", 2.0)


def test_several_classes_on_a_line_share_its_weight(pack: Pack, starter: Any) -> None:
    (objective,) = pack.run("DAS_ClassObjective", classifier=starter, classes="all cat\n(jellyfish, goldfish:2)")
    assert dict(objective.terms[0].score.targets) == dict.fromkeys(range(281, 286), 0.2) | {107: 1.0, 1: 1.0}


@each_case("score", ["logit", "log_probability", "margin"])
def test_every_score_climbs(pack: Pack, score: str) -> None:
    settings = {"optimizer": {"optimizer": "ascent", "coarse_to_fine": 0.0}}
    objectives = {"objective0": pack.objective(classes="2", score=score)}
    history = pack.optimize(objectives=objectives, augmentation=pack.still(), steps=4, **settings)[3]
    assert history[-1].scores["class 2"] > history[0].scores["class 2"]


def test_variety_goes_to_the_objective_and_is_none_without_it(pack: Pack, starter: Any) -> None:
    (objective,) = pack.run("DAS_ClassObjective", classifier=starter, classes="jellyfish", variety=0.3)
    assert objective.terms[0].judge.share == 0.7
    (plain,) = pack.run("DAS_ClassObjective", classifier=starter, classes="jellyfish")
    assert not hasattr(plain.terms[0].judge, "share")


def test_an_unknown_class_is_answered_with_the_nearest(pack: Pack, starter: Any) -> None:
    with pytest.raises(ValueError, match=r"class 'jelyfish' .*107 jellyfish"):
        pack.run("DAS_ClassObjective", classifier=starter, classes="jelyfish")


@each_case("classes", ["sunflower", "crane", "all sunflower", "jellyfish, sunflower", "sunflower: big"])
def test_where_all_names_are_listed_is_said_for_those_of_imagenet(pack: Pack, starter: Any, classes: str) -> None:
    with pytest.raises(ValueError, match=r"\. The node Pick ImageNet Class lists all 1,000 names$"):
        pack.run("DAS_ClassObjective", classifier=starter, classes=classes)
    with pytest.raises(ValueError, match=r"nothing is near|no words") as error:
        pack.objective(classes=classes.replace("crane", "sunflower"))
    assert "Pick ImageNet Class" not in str(error.value)


BAD: dict[str, Callable[[Pack], object]] = {
    r"class 'clas 1' is unknown; the nearest are .*class 1": lambda pack: pack.objective(classes="clas 1"),
    r"class index 4 is out of range.* 0 to 3": lambda pack: pack.objective(classes="4"),
    r"class index -1 is out of range.* 0 to 3": lambda pack: pack.objective(classes="0\n-1: 0.5"),
    r"no class is given; write": lambda pack: pack.objective(classes=" \n "),
    r"class '0: half' is unknown.* a weight is one number": lambda pack: pack.objective(classes="0: half"),
    r"weight '1,5' .* decimal comma; write '1.5'": lambda pack: pack.objective(classes="0: 1,5"),
    r"the weight inf of '0: inf'": lambda pack: pack.objective(classes="0: inf"),
    r"'all dog' is unknown: this classifier knows no words": lambda pack: pack.objective(classes="all dog"),
    r"weights of the classes sum to nothing.* raise": lambda pack: pack.objective(classes="0\n1: 2\n0: -1\n1: -2"),
    r"score 'margin' needs a class that is not asked for": lambda pack: pack.objective(
        classes="0\n1\n2\n3", score="margin"
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
