"""Blind tests with viewers: sheets of pictures to compare or to name, and the score of the answers.

    python -m benchmarks.blind pairs A_FOLDER B_FOLDER OUT    # which picture is better, left or right?
    python -m benchmarks.blind naming FOLDER OUT              # what does each picture show?
    python -m benchmarks.blind score OUT/key.json ANSWERS.txt

The name of a file says what the picture should show, such as `a_red_car.png`. Look at the sheets and write the answers
before you open the key. An answer is a line: `NUMBER left`, `NUMBER right` or `NUMBER even` for a pair, `NUMBER: WORDS`
for a picture to be named.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.blind_answers import score_answers
from benchmarks.blind_sheets import draw_naming, draw_pairs


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; on an error, print it to the standard error and exit with code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    pairs = commands.add_parser("pairs", help="draw the pictures of two folders side by side")
    pairs.add_argument("a", type=Path, metavar="A_FOLDER")
    pairs.add_argument("b", type=Path, metavar="B_FOLDER")
    naming = commands.add_parser("naming", help="draw the pictures of a folder with numbers alone")
    naming.add_argument("folder", type=Path, metavar="FOLDER")
    for command in (pairs, naming):
        command.add_argument("out", type=Path, metavar="OUT", help="the folder for the sheets and the key")
        command.add_argument("--seed", type=int, default=0, help="of the shuffling (default: 0)")
    scoring = commands.add_parser("score", help="score the answers to sheets")
    scoring.add_argument("key", type=Path, metavar="KEY.json")
    scoring.add_argument("answers", type=Path, metavar="ANSWERS.txt")
    for option, meaning in (("--accept", "right"), ("--reject", "wrong")):
        scoring.add_argument(option, type=int, nargs="+", default=[], metavar="N", help=f"names that are {meaning}")
    given = parser.parse_args(arguments)
    try:
        if given.command == "score":
            print(score_answers(given.key, given.answers, given.accept, given.reject))
        elif given.command == "pairs":
            print(*draw_pairs(given.a, given.b, given.out, given.seed), sep="\n")
        else:
            print(*draw_naming(given.folder, given.out, given.seed), sep="\n")
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
