"""What a link brings that is not of the type of its input is named before a node computes, also in new nodes."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from comfy_api.latest import io

from cases import each_case
from loaded_pack import Pack


@each_case(
    ("name", "value", "says"),
    ("steps", "many", r"^recipe.steps is 'many', not a whole number; give one such as 60$"),
    ("steps", 2.5, r"^recipe.steps is 2.5, not a whole number"),
    ("steps", None, r"^recipe.steps is None, not a whole number"),
    ("steps", torch.tensor(3), r"^recipe.steps is a value of the type Tensor, not a whole number"),
    ("seed", 10**5000, r"^seed a number of thousands of digits is out of range"),
    ("schedule", None, r"^schedule .*unknown; choose one of"),
    ("optimizer", {"optimizer": "ascent", "step_size": "a"}, r"^recipe.optimizer.step_size is 'a', not a number"),
    ("optimizer", {"optimizer": "sgd", "learning_rate": math.inf}, r"learning_rate inf is no finite number"),
    ("objectives", {"objective0": 3}, r"^objectives.objective0 is 3; connect an output of the type DAS_OBJ"),
    ("objectives", 3, r"^objectives is 3, not a set of slots"),
    ("stack", 3, r"^stack is 3; connect an output of the type DAS_STACK$"),
    ("augmentation", "x" * 1_000_000, r"^augmentation is 'x{99}…'; connect an output of the type DAS_AUG"),
)
def test_optimize_names_what_is_not_of_the_type_of_its_input(pack: Pack, name: str, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pack.optimize(**{name: value})


@each_case(
    ("value", "says"),
    ("picture", r"^image is 'picture', not an IMAGE; connect an output of that type"),
    (torch.zeros(1, 8, 8, 3).to_sparse(), r"^image: an IMAGE with the layout torch.sparse_coo came in; a dense"),
    (torch.zeros(1, 8, 8, 3, device="meta"), r"^image: an IMAGE without numbers came in; a dense tensor"),
    (torch.zeros(8, 8, 3), r"^image: an IMAGE of shape \(8, 8, 3\) came in; \[batch, height, width, channels\]"),
)
def test_images_and_masks_are_tensors_with_their_axes(pack: Pack, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pack.stack(image=value)
    with pytest.raises(ValueError, match=r"^mask"):
        pack.run("DAS_Region", objective=pack.objective(), mask=value if isinstance(value, str) else value[None, None])


NO_TEXT = r"^filename_prefix is .*, not a text; give one such as 'direct_ascent'$"
HALF = r"^filename_prefix holds half of a character, '\\u[0-9a-f]{4}'; type"


@each_case(
    ("value", "says"),
    *((value, NO_TEXT) for value in (3, None, b"castle")),
    *((value, HALF) for value in ("\ud800", "a castle \udfff")),
    ("a " * 500_001, r"^filename_prefix has 1,000,002 characters; give a text of 1,000,000 at most$"),
)
def test_a_text_is_a_text_of_whole_characters(pack: Pack, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pack.run("DAS_SaveStack", stack=pack.stack(), filename_prefix=value)


def list_numbers(inputs: list[Any], path: str = "") -> Iterator[tuple[str, Any, Callable[[Any], Any]]]:
    """Every number with a widget: its path, its input, and how its value reaches the node."""
    for item in inputs:
        if isinstance(item, io.DynamicCombo.Input):
            for option in item.options:
                for inner, one, wrap in list_numbers(option.inputs, f"{path}{item.id}."):
                    yield inner, one, partial(nest, item.id, option.key, wrap)
        elif item.get_io_type() in ("INT", "FLOAT") and not item.force_input:
            yield path + item.id, item, partial(name_value, item.id)


def name_value(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def nest(choice: str, option: str, wrap: Callable[[Any], Any], value: Any) -> dict[str, Any]:
    return {choice: {choice: option} | wrap(value)}


def test_every_number_of_every_node_has_a_range_that_links_keep_too(pack: Pack) -> None:
    check = pack.module("nodes.input_checks").check_inputs
    found = 0
    for node_id, node in pack.nodes.items():
        assert hasattr(node.execute, "checks_inputs"), node_id
        inputs = node.define_schema().inputs
        for path, item, wrap in list_numbers(inputs):
            assert item.min < item.max, (node_id, path)
            for number in (item.min, item.max):
                check(inputs, wrap(number))
            for number in (item.min - 1, item.max + 1):
                with pytest.raises(ValueError, match=rf"^{path} {number} is out of range; give a number from .* to"):
                    check(inputs, wrap(number))
            found += 1
    assert found > 60


def test_names_of_no_input_are_refused_and_those_of_other_options_and_empty_sockets_do_nothing(pack: Pack) -> None:
    check = pack.module("nodes.input_checks").check_inputs
    inputs = pack.node("DAS_Optimize").define_schema().inputs
    assert check(inputs, {"seed": 3, "recipe.betas": 1, "augmentation": None}) == {"seed": 3}
    with pytest.raises(ValueError, match=r"^there is no input speed; take it out of the workflow file$"):
        check(inputs, {"speed": 3})
    with pytest.raises(ValueError, match=r"^there is no slot objectives.objective99; connect it to another one$"):
        check(inputs, {"objectives.objective99": None})


def test_what_python_takes_for_a_number_is_one(pack: Pack) -> None:
    # A FLOAT may be linked to a whole number, and numbers of NumPy count as numbers.
    (views,) = pack.run("DAS_Augmentation", views=True, flip=torch.tensor([0.25]).numpy()[0])
    assert (type(views.views), type(views.transforms[0].probability)) == (int, float)
    (views,) = pack.run("DAS_Augmentation", distance=1)
    assert type(views.transforms[1].probability) is float
    inputs = pack.node("DAS_StackToImage").define_schema().inputs
    assert pack.module("nodes.input_checks").check_inputs(inputs, {"out": 1})["out"] is True


def test_a_new_node_is_checked_without_more_words(pack: Pack) -> None:
    base = pack.module("nodes.node").Node

    class Double(base):  # type: ignore[misc, valid-type]
        @classmethod
        def define_schema(cls) -> io.Schema:
            number = io.Int.Input("number", default=4)
            return io.Schema(node_id="Double", category="test", inputs=[number], outputs=[io.Int.Output()])

        @classmethod
        def execute(cls, number: int) -> io.NodeOutput:
            return io.NodeOutput(2 * number)

    execute: Any = Double.execute
    assert execute(number=3).result == (6,)
    with pytest.raises(ValueError, match=r"^number is 'three', not a whole number; give one such as 4$"):
        execute(number="three")
    # As ComfyUI clones a class for a run: the check is not added twice.
    clone: Any = type("DoubleClone", (Double, base), dict(vars(Double)))
    assert clone.execute.__func__ is execute.__func__
    assert clone.execute(number=1).result == (2,)
