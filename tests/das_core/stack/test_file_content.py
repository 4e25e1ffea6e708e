from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.ascent.sgd import SGD
from das_core.stack.file_content import build_stack, describe_stack, name_tensors
from das_core.stack.file_spec import DamageError
from das_core.stack.image_stack import ImageStack
from das_core.stack.operator_forms import OperatorForm
from das_core.stack.state import AccumulatedGradient, LevelTensors, OptimizerState
from das_core.stack.surroundings import Surroundings
from described_stack import describe
from toys import SPEC, climb


def test_a_stack_is_built_back_from_its_own_tensors(small: ImageStack) -> None:
    around = Surroundings(torch.rand(1, 3, 20, 20), torch.rand(1, 1, 20, 20))
    for stack in (small, replace(small, surroundings=around), ImageStack.noise(SPEC, 2)):
        tensors = name_tensors(stack)
        built = build_stack(describe(stack), tensors)
        assert built.spec == stack.spec
        assert describe_stack(built) == describe_stack(stack)
        again = name_tensors(built)
        assert again.keys() == tensors.keys()
        assert all(again[name] is tensor for name, tensor in tensors.items())


@each_case(
    ("method", "kind"), [("spectral", AccumulatedGradient), ("exact", AccumulatedGradient), ("layers", LevelTensors)]
)
def test_parameters_are_of_the_kind_that_the_method_moves(method: OperatorForm, kind: type) -> None:
    stack = climb(ImageStack.noise(replace(SPEC, method=method)), steps=1, optimizer=SGD()).stack
    assert type(build_stack(describe(stack), name_tensors(stack)).parameters) is kind


def test_the_names_of_tensors_are_those_of_version_1(small: ImageStack) -> None:
    around = Surroundings(torch.rand(1, 3, 20, 20), torch.rand(1, 1, 20, 20))
    levels = [f"{kind}.{number}" for kind in ("parameters", "optimizer") for number in range(3)]
    assert list(name_tensors(small)) == ["start", "canvas", *levels]
    named = name_tensors(replace(small, surroundings=around))
    assert list(named)[-2:] == ["surroundings.pixels", "surroundings.mask"]
    assert (named["surroundings.pixels"] is around.pixels, named["surroundings.mask"] is around.mask) == (True, True)


def test_the_description_has_what_is_no_tensor(small: ImageStack) -> None:
    description = describe(replace(small, optimizer_state=OptimizerState("adam", (), steps=7)))
    assert description.keys() == {"spec", "steps", "optimizer"}
    assert (description["steps"], description["optimizer"]) == (2, {"kind": "adam", "steps": 7})
    assert (description["spec"]["width"], description["spec"]["levels"]) == (16, [1, 4, 20])
    assert describe(ImageStack.gray(SPEC))["optimizer"] is None


@each_case("name", ["spec", "steps", "optimizer", "width", "levels", "gains", "color"])
def test_a_part_that_is_missing_is_named(name: str, small: ImageStack) -> None:
    description = describe(small)
    del (description if name in description else description["spec"])[name]
    with pytest.raises(KeyError, match=name):
        build_stack(description, name_tensors(small))


@each_case("steps", [-1, 2**53, True, 2.0, "2", None, [2]])
def test_steps_that_are_no_count_are_refused(steps: Any, small: ImageStack) -> None:
    description, optimizer = describe(small), {"kind": "sgd", "steps": steps}
    with pytest.raises(DamageError, match=r"^names .* as steps; a whole number from 0 up is needed"):
        build_stack(description | {"steps": steps}, name_tensors(small))
    with pytest.raises(DamageError, match=r"^names .* as steps of the optimizer; a whole number from 0 up is needed"):
        build_stack(description | {"optimizer": optimizer}, name_tensors(small))


@each_case("kind", [None, 3, [1] * 300_000, {"a": "x" * 1_000_000}])
def test_a_kind_of_optimizer_that_is_no_text_is_repeated_in_part(kind: Any, small: ImageStack) -> None:
    with pytest.raises(DamageError, match=r"^names the optimizer '.*'; choose another file") as refused:
        build_stack(describe(small) | {"optimizer": {"kind": kind, "steps": 1}}, name_tensors(small))
    assert len(str(refused.value)) < 200


def surround(pixels: float, mask: float) -> dict[str, Tensor]:
    return {
        "surroundings.pixels": torch.full((1, 3, 20, 20), pixels),
        "surroundings.mask": torch.full((1, 1, 20, 20), mask),
    }


@each_case(
    ("says", "changes"),
    [
        (r"start as torch.float32 of shape .2, 3, 20, 20.", {"start": torch.zeros(2, 3, 20, 20)}),
        (r"holds a canvas of shape .1, 3, 20, 21., not one of 20 x 20 pixels", {"canvas": torch.zeros(1, 3, 20, 21)}),
        (r"holds a canvas of shape .., not one of 20 x 20 pixels", {"canvas": torch.zeros(())}),
        (r"canvas as torch.float32 of shape .1, 1, 20, 20.", {"canvas": torch.zeros(1, 1, 20, 20)}),
        (r"holds a stack without an image", dict.fromkeys(("canvas", "start"), torch.zeros(0, 3, 20, 20))),
        (r"start as torch.float16", {"start": torch.zeros(1, 3, 20, 20).half()}),
        (r"holds values in canvas that are NaN", {"canvas": torch.full((1, 3, 20, 20), float("nan"))}),
        (r"tensors that belong to no stack: .*extra", {"extra": torch.zeros(1)}),
        (r"parameters.1 as", {"parameters.1": torch.zeros(1, 3, 5, 5)}),
        (r"holds 2 parts of what moved it, and its levels need 3", {"parameters.2": None}),
        (r"holds values in optimizer", {"optimizer.0": torch.full((1,), float("inf"))}),
        (r"belong to no stack: .*surroundings.pixels", {"surroundings.pixels": torch.zeros(1, 3, 20, 20)}),
        (
            r"surroundings.mask as torch.float32 of shape .1, 3, 20, 20.",
            surround(0.0, 0.0) | {"surroundings.mask": torch.zeros(1, 3, 20, 20)},
        ),
        (r"holds values in surroundings\.pixels outside 0\.\.1", surround(1.5, 0.5)),
        (r"holds values in surroundings\.pixels outside 0\.\.1", surround(-0.1, 0.5)),
        (r"holds values in surroundings\.mask outside 0\.\.1", surround(0.5, 1.01)),
        (r"holds values in surroundings\.mask outside 0\.\.1", surround(0.5, -1.0)),
    ],
)
def test_tensors_that_are_not_those_of_the_stack_are_named(
    says: str, changes: dict[str, Tensor | None], small: ImageStack
) -> None:
    tensors = {name: value for name, value in (name_tensors(small) | changes).items() if value is not None}
    with pytest.raises(DamageError, match=says):
        build_stack(describe(small), tensors)
