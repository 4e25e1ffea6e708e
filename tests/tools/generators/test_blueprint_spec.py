"""The list of blueprints: names that are unlike, faces that fit, and widgets that change something."""

from typing import Any

from cases import each_case
from generators.blueprint_spec import BLUEPRINTS, MAX_WIDGETS, is_in_use


def test_names_are_distinct_and_can_be_names_of_files() -> None:
    names = [blueprint.name for blueprint in BLUEPRINTS]
    assert len(set(names)) == len(names)
    assert all(name.replace(" ", "").isalpha() for name in names)


def test_what_a_beginner_changes_first_is_on_every_face_whatever_else_is_cut_off() -> None:
    for blueprint in BLUEPRINTS:
        first = list(blueprint.widgets)[:MAX_WIDGETS]
        assert "seed" in first[1:3]
        # Newer pages do not carry the choice of a DynamicCombo from the face to the node: a recipe stays inside.
        assert not any(where.endswith(".recipe") for where in blueprint.widgets.values())
        assert first[0] not in ("width", "height")


@each_case(("size", "used"), [("given", True), ("image_within", True), ("image", False), (None, True)])
def test_width_and_height_are_in_use_unless_the_image_decides(size: str | None, used: bool) -> None:
    inputs: dict[str, Any] = {"width": 64, "height": 64} | ({"details.size": size} if size else {})
    prompt = {"1": {"class_type": "DAS_ImageStack", "inputs": inputs}, "2": {"class_type": "Other", "inputs": {}}}
    assert is_in_use(prompt, "DAS_ImageStack.width") is used
    assert is_in_use(prompt, "DAS_ImageStack.height") is used
    assert is_in_use(prompt, "DAS_ImageStack.feather")
