"""The public API of a pack's nodes, and the comparison of two versions of it.

A workflow file refers to a node by its id, to an input by its name and to a widget by its position among the widgets of
its node. A change of any of these breaks the workflow files that exist.

In the JSON description of an API, a name with a question mark, such as `"image?"`, is an optional input. Most inputs
are described by their type, and a combo by the list of its options. A DynamicCombo is a combo in which every option has
inputs of its own; it is described by an object that has the descriptions of these inputs for each option.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from runner.input_specs import AUTOGROW, DYNAMIC_COMBO, Input, parse_specs

# The description of each input by its name: the type of the input, followed by " and control" if the page adds a
# control widget; for an Autogrow, the type and the names of its first and last slot; for a combo, the list of its
# options, or "COMBO" if these are not part of the API; for a DynamicCombo, the `Inputs` of each option
Inputs: TypeAlias = Mapping[str, Any]
# If a combo has more options, they are not part of the API, because such lists come from other libraries
_MAX_OPTIONS = 20
_WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


def describe_pack(nodes: Mapping[str, type[Any]]) -> dict[str, dict[str, Inputs]]:
    """Return the inputs and outputs of each node class, as `describe_node` returns them, by the id of its node."""
    return {node_id: describe_node(node_class) for node_id, node_class in nodes.items()}


def describe_node(node_class: type[Any]) -> dict[str, Inputs]:
    """Return the API of a node class: two mappings, under "inputs" and "outputs"."""
    outputs = {output.id: output.io_type for output in node_class.GET_SCHEMA().outputs}
    return {"inputs": _describe_inputs(parse_specs(node_class.INPUT_TYPES())), "outputs": outputs}


def _describe_inputs(inputs: Iterable[Input]) -> dict[str, Any]:
    """Return the description of each input by its name; the name of an optional input ends with a question mark."""
    return {item.own_name + ("" if item.required else "?"): _describe_type(item) for item in inputs}


def _describe_type(item: Input) -> Any:
    """Return the description of an input: its type, or what it lets the user choose from."""
    if item.type == DYNAMIC_COMBO:
        return {option: _describe_inputs(brought) for option, brought in item.inputs_by_option.items()}
    if item.type == AUTOGROW:
        first, last = item.slots[0], item.slots[-1]
        return f"{first.type} at {first.own_name} to {last.own_name}"
    if item.settings.get("files"):
        return "COMBO"  # the options are files on the user's disk, or one option that says that there are none
    if item.options is not None:
        return item.options if 0 < len(item.options) <= _MAX_OPTIONS else "COMBO"
    # For a number with `control_after_generate` the page adds a second widget, which sets how the number changes after
    # a run. This widget has a position too.
    return f"{item.type} and control" if item.settings.get("control_after_generate") else item.type


def find_breaks(old_api: Mapping[str, Mapping[str, Inputs]], new_api: Mapping[str, Mapping[str, Inputs]]) -> list[str]:
    """Return a sentence for each change of an API that breaks workflow files."""
    found: list[str] = []
    for node_id, api in old_api.items():
        if node_id not in new_api:
            found.append(f"{node_id} is gone: workflow files that hold this node cannot be opened")
            continue
        found += _find_broken_inputs(node_id, api["inputs"], new_api[node_id]["inputs"], widgets_follow=False)
        before, after = list(api["outputs"].items()), list(new_api[node_id]["outputs"].items())
        if after[: len(before)] != before:
            found.append(
                f"{node_id} had the outputs {_list_outputs(before)} and now has {_list_outputs(after)}: links go by "
                "position, so keep these and add new ones at the end"
            )
    return found


def _list_outputs(outputs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in outputs)


def _find_broken_inputs(where: str, old_api: Inputs, new_api: Inputs, widgets_follow: bool) -> Iterator[str]:
    """Yield a sentence for each change of the inputs of a node that breaks existing workflow files."""
    old, new = ({name.rstrip("?"): name for name in inputs} for inputs in (old_api, new_api))
    added = [name for name in new if name not in old]
    for name in old:
        if name not in new:
            hint = f"; is {' or '.join(added)} its new name?" if added else ""
            yield f"{where}: the input {name} is gone: workflow files set or link it by this name{hint}"
    kept = [name for name in old if name in new]
    # A socket may move, because workflow files store its link by name. A widget may not move.
    widgets = [name for name in kept if _is_widget(old_api[old[name]])]
    order = [name for name in new if name in widgets]
    if order != widgets:
        names = (", ".join(each) for each in (widgets, order))
        yield f"{where}: the inputs {' now stand as '.join(names)}: widgets are stored by position"
    for name in kept:
        if old[name].endswith("?") and not new[name].endswith("?"):
            yield f"{where}: the input {name} was optional and is required now: workflow files may lack it"
        following = list(old_api)[list(old).index(name) + 1 :]
        followed = widgets_follow or any(_is_widget(old_api[other]) for other in following)
        yield from _find_broken_type(f"{where}: {name}", old_api[old[name]], new_api[new[name]], followed)
    if len(kept) < len(old):
        return  # a new input may be an old one with a new name; the sentence about the old one then suffices
    last = max((list(new).index(name) for name in kept), default=-1)
    for name in added:
        if list(new).index(name) < last:
            yield f"{where}: the new input {name} stands before older ones; add it at the end (optional ones come last)"
        elif not new[name].endswith("?"):
            yield f"{where}: the new input {name} is required, and older workflow files lack it; make it optional"
        elif widgets_follow and _is_widget(new_api[new[name]]):
            yield f"{where}: the new input {name} moves the widgets behind it, which are stored by position"


def _find_broken_type(where: str, old: Any, new: Any, widgets_follow: bool) -> Iterator[str]:
    """Yield a sentence for each change of an input's type or options that breaks existing workflow files."""
    if isinstance(old, str) or type(old) is not type(new):
        # No workflow file breaks if the options of a combo become part of the API ("COMBO" to a list), or the reverse.
        combos = (old, new).count("COMBO") == 1 and isinstance(new if old == "COMBO" else old, list)
        if old != new and not combos:
            yield f"{where} was {_describe_value(old)} and is now {_describe_value(new)}"
        return
    for option in old:
        if option not in new:
            yield f"{where} no longer offers {option}: workflow files have it chosen"
        elif isinstance(old, Mapping):
            yield from _find_broken_inputs(f"{where} = {option}", old[option], new[option], widgets_follow)


def _describe_value(kind: Any) -> str:
    return kind if isinstance(kind, str) else f"a choice of {', '.join(kind)}"


def _is_widget(kind: Any) -> bool:
    """Return whether an input is a widget (workflow files store its value by position) rather than a socket."""
    return not isinstance(kind, str) or kind.partition(" ")[0] in _WIDGETS
