"""The input focus of Optimize: what its choices are, and what is said of bad values."""

from collections.abc import Callable
from typing import Any

from cases import each_case
from loaded_pack import Pack, assert_refused


def read(pack: Pack, choice: Any) -> Any:
    return pack.module("nodes.ascent.focus").read_focus(choice)


def test_the_choices_are_a_focus_or_none(pack: Pack) -> None:
    focus = pack.module("das_core.ascent.focus").Focus
    all_of_it = {"focus": "center", "start": 0.2, "end": 3.0, "share": 0.5, "emphasis": 0.7}
    assert read(pack, all_of_it) == focus(0.2, 3.0, 0.5, 0.7)
    assert read(pack, {"focus": "everywhere"}) is None
    assert read(pack, "everywhere") is None


OLD = {"focus": "center", "start": 0.3, "end": 3.0, "share": 0.7}


@each_case(
    ("without", "other", "older"),
    [
        ({"focus": {"focus": "everywhere"}}, {"focus": {"focus": "center"}}, {}),
        ({"focus": OLD | {"emphasis": 0.0}}, {"focus": OLD | {"emphasis": 1.0}}, {"focus": OLD}),
    ],
)
def test_a_workflow_from_before_there_was_a_focus_or_an_emphasis_has_none(
    pack: Pack, without: dict[str, Any], other: dict[str, Any], older: dict[str, Any]
) -> None:
    none, some, left = (pack.optimize(steps=3, **focus)[0] for focus in (without, other, older))
    assert none.equal(left)
    assert not some.equal(left)


def test_a_picture_grows_from_its_middle(pack: Pack) -> None:
    narrow = {"focus": "center", "start": 0.1, "end": 0.1, "share": 1.0}
    *_, importance = pack.optimize(steps=2, focus=narrow)
    assert importance[:, 28:36, 28:36].mean() > 20 * importance[:, :8, :8].mean()


def test_old_workflows_of_tiles_go_on(pack: Pack) -> None:
    tile = pack.stack(margin=0, tile=True)
    assert pack.optimize(stack=tile, augmentation=pack.augmentation(jitter=0), steps=1)[0].shape[0] == 1


BAD: dict[str, Callable[[Pack], object]] = {
    r"focus is missing or unknown; choose center or everywhere": lambda pack: pack.optimize(focus={"focus": "corner"}),
    r"ends at 0\.1 does not open from 0\.3": lambda pack: pack.optimize(focus={"focus": "center", "end": 0.1}),
    r"a tile has no centre.*choose": lambda pack: pack.optimize(
        stack=pack.stack(margin=0, tile=True), augmentation=pack.augmentation(jitter=0), focus={"focus": "center"}
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
