"""The parser and the folders that the command lines share."""

from pathlib import Path

import pytest

from repository import REPOSITORY
from runner.command_line import Parser, add_folders
from runner.workflow_graph import WorkflowError


def test_a_wrong_command_line_is_an_error_and_not_the_end_of_the_program() -> None:
    with pytest.raises(WorkflowError, match="unrecognized arguments: --nonsense"):
        Parser().parse_args(["--nonsense"])


def test_folders_have_defaults_and_can_be_given() -> None:
    parser = Parser()
    add_folders(parser, ("input", "pack"))
    assert vars(parser.parse_args([])) == {"input": Path("input"), "pack": REPOSITORY}
    assert parser.parse_args(["--input", "photos"]).input == Path("photos")
    assert "that of this tool" in parser.format_help()
