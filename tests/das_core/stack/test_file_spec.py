"""The spec in a stack file: read back as it was written, and nonsense in any field refused."""

from dataclasses import replace
from typing import Any

import pytest

from cases import each_case
from das_core.stack.file_content import build_stack, name_tensors
from das_core.stack.file_spec import DamageError
from das_core.stack.image_stack import ImageStack
from das_core.stack.time import Time
from described_stack import describe
from toys import SPEC


def test_a_description_from_before_tiles_and_frozen_bands_is_complete(small: ImageStack) -> None:
    description = describe(small)
    del description["spec"]["tile"], description["spec"]["frozen"]
    assert build_stack(description, name_tensors(small)).spec == small.spec


def test_a_film_is_built_back_with_its_time() -> None:
    film = ImageStack.noise(replace(SPEC, time=Time(3, (1, 3), loop=True)))
    description = describe(film)
    assert description["spec"]["time"] == {"frames": 3, "levels": [1, 3], "loop": True}
    assert build_stack(description, name_tensors(film)).spec == film.spec


@each_case(
    ("field", "value", "says"),
    [
        ("time", 3, r"names '3' as time; frames, levels and loop are needed"),
        ("time", [3, [1], False], r"as time; frames, levels and loop"),
        ("time", {"frames": 3, "levels": [1, 3]}, r"as time; frames, levels and loop"),
        ("time", {"frames": 3, "levels": [1, 3], "loop": False, "fps": 2}, r"as time; frames, levels and loop"),
        ("time", {"frames": 4, "levels": [1, 3], "loop": False}, r"names 4 frames and holds 3 canvases"),
        ("time", {"frames": 2**40, "levels": [1, 3], "loop": False}, r"names 1099511627776 frames and holds 3"),
        ("time", {"frames": -3, "levels": [1, 3], "loop": False}, r"names '-3' as frames; a whole number"),
        ("time", {"frames": True, "levels": [1], "loop": False}, r"names 'True' as frames; a whole number"),
        ("time", {"frames": 3, "levels": [1] * 300_000, "loop": False}, r"as levels in time; at most 3"),
        ("time", {"frames": 3, "levels": {"1": 3}, "loop": False}, r"as levels in time; at most 3"),
        ("time", {"frames": 3, "levels": [1.5], "loop": False}, r"names '1.5' as a level in time"),
        ("time", {"frames": 3, "levels": [0, 3], "loop": False}, r"cannot be: level 0 in time"),
        ("time", {"frames": 3, "levels": [], "loop": False}, r"cannot be: the list of levels in time is empty"),
        ("time", {"frames": 3, "levels": [1, 3], "loop": 1}, r"names '1' as loop; true or false"),
        ("method", "layers", r"cannot be: a film does not keep its levels"),
        ("frozen", [[1, 2, 3]], r"^names .* as frozen"),
        ("frozen", [[1]], r"^names .* as frozen"),
        ("frozen", [5], r"^names .* as frozen"),
        ("frozen", {"1": 2}, r"^names .* as frozen"),
        ("frozen", "17-64", r"^names .* as frozen"),
        ("frozen", 3, r"^names .* as frozen"),
        ("frozen", [["1", "2"]], r"^names .* as a level"),
        ("frozen", [[1, 2.5]], r"^names .* as a level"),
        ("width", "16", r"^names '16' as width; a whole number"),
        ("height", 20.0, r"^names '20.0' as height; a whole number"),
        ("margin", -2, r"^names '-2' as margin; a whole number"),
        # Sizes that the tensors do not have are refused before anything is built.
        ("width", 2**40, r"holds a canvas of shape .*, not one of 1099511627780 x 20 pixels"),
        ("margin", 2**52, r"holds a canvas of shape .*, not one of 9007199254741008 x 9007199254741008 pixels"),
        ("frozen", [[1, 2]] * 300_000, r"names 300000 frozen, more than a canvas of 20 x 20 can have"),
        ("levels", [1] * 300_000, r"names 300000 levels"),
        ("gains", [1e300, 1.0, 1.0], r"gains .*1e\+300.* do not fit: .* between 1e-06 and 1e\+06"),
    ],
)
def test_a_field_that_cannot_be_is_named_and_repeated_in_part(
    field: str, value: Any, says: str, small: ImageStack
) -> None:
    stack = ImageStack.noise(replace(SPEC, time=Time(3))) if field in {"time", "method"} else small
    description = describe(stack)
    description["spec"][field] = value
    with pytest.raises(DamageError, match=says) as refused:
        build_stack(description, name_tensors(stack))
    assert len(str(refused.value)) < 300
