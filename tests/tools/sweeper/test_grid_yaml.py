"""YAML that may come from anywhere: what is read, and what is refused before it becomes endless work."""

from pathlib import Path

import pytest

from cases import each_case
from sweeper.errors import SweepError
from sweeper.grid_yaml import MAX_BYTES, read_yaml


def laughs(depth: int, width: int = 9) -> str:
    """A file whose every line repeats the one before so many times."""
    lines = ["a0: &a0 [1, 2, 3]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, depth)]
    return "\n".join(lines)


def test_references_are_read_as_what_they_stand_for(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("one: &one [1, 2]\ntwo: *one\nname: castle\n")
    assert read_yaml(path) == {"one": [1, 2], "two": [1, 2], "name": "castle"}
    path.write_text("")
    assert read_yaml(path) is None


@each_case(
    ("text", "says"),
    [
        (laughs(9), "stand for more than 2,000,000 values"),
        (laughs(60, 2), "stand for more than 2,000,000 values"),
        ("a: &a [*a]", "a value contains itself|recursive"),
        ("a: &a {b: *a}", "a value contains itself|recursive"),
        ("a: " + "[" * 5000 + "]" * 5000, "is nested too deeply"),
        ("a: " + "9" * 4000, "a number of 4000 digits"),
        ("a: 1." + "9" * 400, "a number of 402 digits"),
        ('a: "\\ud800"', "is no YAML"),
        ("a: {[1]: 2}", "is no YAML"),
        ("{a: 1}: 2", "is no YAML"),
        ("a: 1\na: 2", "a is there twice"),
        ("a: !!python/object/apply:os.system [ls]", "is no YAML"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_would_be_endless_or_no_grid_is_refused_at_once(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(SweepError, match=says) as caught:
        read_yaml(path)
    assert len(str(caught.value)) < 1000


def test_many_keys_are_compared_once(tmp_path: Path) -> None:
    # Each was once compared with all before it, which took minutes.
    path = tmp_path / "grid.yaml"
    path.write_text("".join(f"k{number}: 1\n" for number in range(60_000)))
    assert len(read_yaml(path)) == 60_000


def test_a_file_that_is_too_large_no_text_or_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("#" + "x" * MAX_BYTES)
    with pytest.raises(SweepError) as caught:
        read_yaml(path)
    assert str(caught.value) == f"{path} is larger than a grid can be; write ranges, such as {{from: 0, to: 99}}"
    path.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(SweepError, match="is no YAML"):
        read_yaml(path)
    with pytest.raises(SweepError, match=r"cannot read .*gone"):
        read_yaml(tmp_path / "gone.yaml")
