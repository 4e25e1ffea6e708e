"""Class Objective: what it makes of its lines, and what it says of classes it does not know."""

from typing import Any

import pytest

from cases import each_case
from loaded_pack import Pack


def test_lines_become_targets_with_their_weights(pack: Pack, toy: Any) -> None:
    (objective,) = pack.run(
        "DAS_ClassObjective", classifier=toy, classes="class 1\n3: -0.5", score="margin", weight=2.0
    )
    assert (objective.terms[0].judge, objective.terms[0].score.targets) == (toy, ((1, 1.0), (3, -0.5)))
    assert (objective.terms[0].score.kind, objective.terms[0].weight) == ("margin", 2.0)


def test_variety_goes_to_the_objective_and_is_none_without_it(pack: Pack, starter: Any) -> None:
    (objective,) = pack.run("DAS_ClassObjective", classifier=starter, classes="jellyfish", variety=0.3)
    assert objective.terms[0].judge.share == 0.7
    (plain,) = pack.run("DAS_ClassObjective", classifier=starter, classes="jellyfish")
    assert not hasattr(plain.terms[0].judge, "share")


@each_case("classes", ["jelyfish", "crane", "all sunflower", "sunflower: big"])
def test_where_all_names_are_listed_is_said_for_those_of_imagenet(pack: Pack, starter: Any, classes: str) -> None:
    with pytest.raises(ValueError, match=r"\. The node Pick ImageNet Class lists all 1,000 names$"):
        pack.run("DAS_ClassObjective", classifier=starter, classes=classes)
    with pytest.raises(ValueError, match=r"nothing is near|no words") as error:
        pack.objective(classes=classes.replace("crane", "sunflower").replace("jelyfish", "sunflower"))
    assert "Pick ImageNet Class" not in str(error.value)
