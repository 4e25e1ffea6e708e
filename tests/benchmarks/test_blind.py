"""The command line of blind tests does what the functions do, and says what is wrong."""

from pathlib import Path

import pytest

from benchmarks.blind import main
from benchmarks.blind_trials import draw_naming, draw_pairs
from blind_pictures import fill_pair
from cases import each_case


def test_the_command_line_draws_and_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = fill_pair(tmp_path)
    main(["pairs", str(pair[0]), str(pair[1]), str(tmp_path / "p"), "--seed", "4"])
    assert capsys.readouterr().out.split() == [str(tmp_path / "p" / f"sheet_{number}.png") for number in (1, 2)]
    draw_pairs(*pair, tmp_path / "q", seed=4)
    assert (tmp_path / "p" / "key.json").read_bytes() == (tmp_path / "q" / "key.json").read_bytes()

    main(["naming", str(pair[0]), str(tmp_path / "n"), "--count", "3", "--seed", "2", "--cell", "300"])
    # What is printed gives nothing away.
    assert capsys.readouterr().out.split() == [str(tmp_path / "n" / "sheet.png")]
    draw_naming(pair[0], tmp_path / "m", seed=2, count=3, cell=300)
    assert (tmp_path / "n" / "sheet.png").read_bytes() == (tmp_path / "m" / "sheet.png").read_bytes()

    (tmp_path / "answers.txt").write_text("1: this\n2: thing\n3: that\n")
    arguments = [str(tmp_path / "n" / "key.json"), str(tmp_path / "answers.txt"), "--accept", "1, 3", "--reject", "2"]
    main(["score", *arguments])
    assert "named: 2 of 3 (67%); decided by hand: 3" in capsys.readouterr().out


@each_case(
    ("arguments", "message"),
    [
        (["naming", "/nowhere/at/all", "/tmp/out"], "/nowhere/at/all is no folder"),
        (["score", "/nowhere/key.json", "/nowhere/answers.txt"], "the key /nowhere/key.json cannot be read"),
        (["score", "key.json", "answers.txt", "--accept", "3;7"], "'3;7' is no list of numbers such as 3,7"),
        ([], "the following arguments are required: command"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    output = capsys.readouterr()
    assert message in output.err
    assert not output.out
