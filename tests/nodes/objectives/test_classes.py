"""Class Objective and Prior: what they make of their inputs, and what they say of classes they do not know."""

from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, refuse_all


def test_lines_become_targets_with_their_weights(pack: Pack, toy: Any) -> None:
    given = {"classifier": toy, "classes": "class 1\n3: -0.5", "score": "margin", "weight": 2.0}
    (term,) = pack.run("DAS_ClassObjective", **given)[0].terms
    assert (term.judge, term.score.targets) == (toy, ((1, 1.0), (3, -0.5)))
    assert (term.score.kind, term.weight) == ("margin", 2.0)


@each_case("classes", "jelyfish", "crane", "all sunflower", "sunflower: big")
def test_where_all_names_are_listed_is_said_for_those_of_imagenet(pack: Pack, starter: Any, classes: str) -> None:
    with pytest.raises(
        ValueError, match=r"\. An arrow key down in .* lists all names\. For anything else, .* Text Objective$"
    ):
        pack.run("DAS_ClassObjective", classifier=starter, classes=classes)
    with pytest.raises(ValueError, match=r"nothing is near|no words") as error:
        pack.objective(classes=classes.replace("crane", "sunflower").replace("jelyfish", "sunflower"))
    assert "arrow key" not in str(error.value)


def test_the_text_box_knows_every_class_once_in_alphabetical_order(pack: Pack) -> None:
    text = next(one for one in pack.node("DAS_ClassObjective").GET_SCHEMA().inputs if one.id == "classes")
    names = text.extra_dict["names"]
    labels = pack.module("das_core.models.labels").imagenet_labels()
    assert len(names) == len({name.casefold() for name in names}) == 1000
    assert {labels.find(name) for name in names} == set(range(1000))
    place = names.index("134 crane")
    assert names[place - 1 : place + 3] == ["cradle", "134 crane", "517 crane", "crash helmet"]


@each_case("kind", "total_variation", "l2", "spectrum", "range")
def test_every_prior_goes_beside_a_model(pack: Pack, kind: str) -> None:
    (prior,) = pack.run("DAS_Prior", kind=kind, weight=0.3)
    assert (prior.terms[0].name, prior.terms[0].weight) == (kind.replace("_", " "), 0.3)
    stack = pack.stack(start={"start": "noise"})
    made = pack.optimize(stack=stack, objectives={"objective0": pack.objective(), "objective1": prior}, steps=1)[0]
    assert torch.isfinite(made).all()


test_what_cannot_be_is_refused = refuse_all(
    {r"prior 'blur' is unknown; choose .*range": lambda pack: pack.run("DAS_Prior", kind="blur")}
)
