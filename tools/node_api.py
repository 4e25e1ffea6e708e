"""The public API of a pack's nodes, and what a change of it breaks.

Workflow files know a node by its id, an input by its name and a widget by its place among the widgets of its node, so
none of these may change once somebody has such a file. The API is kept in a file, as the design notes write it:
`"image?"` is an input that may be left out, a list is what a combo offers, an object what each option of a DynamicCombo
brings along. `python tools/node_api.py` writes that file anew, unless something would break.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

REPOSITORY = Path(__file__).resolve().parents[1]
FROZEN = Path("tests/nodes/api.json")

Inputs: TypeAlias = Mapping[str, Any]
"""For each input its type; for a combo its options, or None when these depend on the machine."""

_LONG = 20
"""Longer lists of options are those of other libraries."""
_WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


def node_api(node_class: type[Any]) -> dict[str, Inputs]:
    """Return the inputs of a class in the order of ComfyUI's page, and its outputs."""
    outputs = {output.id: output.io_type for output in node_class.GET_SCHEMA().outputs}
    return {"inputs": _inputs(node_class.INPUT_TYPES()), "outputs": outputs}


def _inputs(specs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name + ("?" if category == "optional" else ""): _kind(name, spec)
        for category in ("required", "optional")
        for name, spec in specs.get(category, {}).items()
    }


def _kind(name: str, spec: Sequence[Any]) -> Any:
    from node_inputs import AUTOGROW, DYNAMIC_COMBO, Input
    from node_schemas import slot_spec, slots

    item = Input(name, spec[0], True, spec[1] if len(spec) > 1 else {})
    if item.type == DYNAMIC_COMBO:
        return {option["key"]: _inputs(option["inputs"]) for option in item.settings["options"]}
    if item.type == AUTOGROW:
        names = slots(item)
        return f"{slot_spec(item)[0]} at {names[0]} to {names[-1]}"
    if item.options is not None:
        return item.options if 0 < len(item.options) <= _LONG else "COMBO"
    # The page puts a widget of its own behind such a number.
    return f"{item.type} and control" if item.settings.get("control_after_generate") else item.type


def pack_api(nodes: Mapping[str, type[Any]]) -> dict[str, dict[str, Inputs]]:
    """Return the API of some node classes, given by id."""
    return {node_id: node_api(node_class) for node_id, node_class in nodes.items()}


def breaks(frozen: Mapping[str, Mapping[str, Inputs]], now: Mapping[str, Mapping[str, Inputs]]) -> list[str]:
    """Return what of a frozen API is broken now, a sentence each; new nodes and inputs at the end break nothing."""
    found: list[str] = []
    for node_id, api in frozen.items():
        if node_id not in now:
            found.append(f"{node_id} is gone: workflow files that hold this node cannot be opened")
            continue
        found += _broken_inputs(node_id, api["inputs"], now[node_id]["inputs"], shift=False)
        before, after = list(api["outputs"].items()), list(now[node_id]["outputs"].items())
        if after[: len(before)] != before:
            found.append(
                f"{node_id} had the outputs {_named(before)} and now has {_named(after)}: links go by position, so "
                "keep these and add new ones at the end"
            )
    return found


def _named(outputs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in outputs)


def _broken_inputs(where: str, frozen: Inputs, now: Inputs, shift: bool) -> Iterator[str]:
    """Yield what is broken among inputs; `shift`: widgets stand behind these, which a new one would push down."""
    old, new = ({name.rstrip("?"): name for name in inputs} for inputs in (frozen, now))
    added = [name for name in new if name not in old]
    for name in old:
        if name not in new:
            hint = f"; is {' or '.join(added)} its new name?" if added else ""
            yield f"{where}: the input {name} is gone: workflow files set or link it by this name{hint}"
    kept = [name for name in old if name in new]
    order = [name for name in new if name in old]
    if order != kept:
        yield f"{where}: the inputs {', '.join(kept)} now stand as {', '.join(order)}: widgets are stored by position"
    for name in kept:
        if old[name].endswith("?") and not new[name].endswith("?"):
            yield f"{where}: the input {name} was optional and is required now: workflow files may lack it"
        behind = list(frozen)[list(old).index(name) + 1 :]
        shifted = shift or any(is_widget(frozen[other]) for other in behind)
        yield from _broken_kind(f"{where}: {name}", frozen[old[name]], now[new[name]], shifted)
    if len(kept) < len(old):
        return  # what is new here may be what is gone under another name
    last = max((list(new).index(name) for name in kept), default=-1)
    for name in added:
        if list(new).index(name) < last:
            yield f"{where}: the new input {name} stands before older ones; add it at the end (optional ones come last)"
        elif not new[name].endswith("?"):
            yield f"{where}: the new input {name} is required, and older workflow files lack it; make it optional"
        elif shift and is_widget(now[new[name]]):
            yield f"{where}: the new input {name} moves the widgets behind it, which are stored by position"


def _broken_kind(where: str, frozen: Any, now: Any, shift: bool) -> Iterator[str]:
    """Yield what is broken in the type of one input, or in its options."""
    if isinstance(frozen, str) or type(frozen) is not type(now):
        combos = (frozen, now).count("COMBO") == 1 and isinstance(now if frozen == "COMBO" else frozen, list)
        if frozen != now and not combos:
            yield f"{where} was {_words(frozen)} and is now {_words(now)}"
        return
    for option in frozen:
        if option not in now:
            yield f"{where} no longer offers {option}: workflow files have it chosen"
        elif isinstance(frozen, Mapping):
            yield from _broken_inputs(f"{where} = {option}", frozen[option], now[option], shift)


def _words(kind: Any) -> str:
    return kind if isinstance(kind, str) else f"a choice of {', '.join(kind)}"


def is_widget(kind: Any) -> bool:
    """Tell whether an input of this kind is set on the node itself."""
    return not isinstance(kind, str) or kind.partition(" ")[0] in _WIDGETS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="node_api", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--break", action="store_true", dest="broken", help="write it even when workflow files break")
    given = parser.parse_args(arguments)
    from node_schemas import pack_nodes

    now = pack_api(pack_nodes(REPOSITORY))
    path = REPOSITORY / FROZEN
    found = breaks(json.loads(path.read_text(encoding="utf-8")), now) if path.is_file() else []
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    if found and not given.broken:
        return 1
    path.write_text(json.dumps(now, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
