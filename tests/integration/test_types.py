"""What a type checker says of calls of the package: documented ones pass, and wrong ones do not."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_documented_calls_pass_a_type_checker_and_wrong_ones_do_not() -> None:
    # A wrong call that passes makes its `type: ignore` unused, which is an error in strict mode.
    checker = [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent"]
    found = subprocess.run(
        [*checker, "tests/support/typed_calls.py"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout
