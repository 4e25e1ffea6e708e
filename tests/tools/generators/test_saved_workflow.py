"""Workflow files of the page without the page: their API format, and what the page has to export itself."""

from typing import Any

import pytest

from generators.saved_workflow import make_prompt, read_note


def make_node(number: int, kind: str, entries: list[dict[str, Any]], values: list[Any], **more: Any) -> dict[str, Any]:
    inputs = [{"link": None, **entry} for entry in entries]
    return {"id": number, "type": kind, "mode": 0, "inputs": inputs, "widgets_values": values, **more}


def widget(name: str, kind: str = "FLOAT", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "widget": {"name": name}, **more}


def make_workflow(**changes: Any) -> dict[str, Any]:
    """A picture, a node whose amount is linked and whose seed changes after a run, and a note."""
    picture = make_node(
        1, "LoadImage", [widget("image", "COMBO"), widget("upload", "IMAGEUPLOAD")], ["cat.png", "image"], title="Cat"
    )
    entries = [{"name": "image", "type": "IMAGE", "link": 7}, widget("seed", "INT"), widget("amount", link=8)]
    node = make_node(2, "DAS_Optimize", entries, [5, "randomize", 0.5])
    note = make_node(3, "MarkdownNote", [], ["# Note"])
    return {
        "nodes": [note, node | changes, picture],
        "links": [[7, 1, 0, 2, 0, "IMAGE"], [8, 1, 1, 2, 2, "FLOAT"]],
    }


def test_values_links_and_titles_are_those_that_the_page_exports() -> None:
    workflow = make_workflow()
    assert make_prompt(workflow) == {
        "1": {"inputs": {"image": "cat.png"}, "class_type": "LoadImage", "_meta": {"title": "Cat"}},
        "2": {
            "inputs": {"image": ["1", 0], "seed": 5, "amount": ["1", 1]},
            "class_type": "DAS_Optimize",
            "_meta": {"title": "Optimize"},
        },
    }
    assert read_note(workflow) == "# Note"


def test_what_only_the_page_can_export_is_refused() -> None:
    for changes, message in (
        ({"mode": 4}, r"node 2 \(DAS_Optimize\) is muted or bypassed"),
        ({"widgets_values": [5, "randomize"]}, "has saved no value for amount"),
        ({"widgets_values": [5, "randomize", 0.5, 1]}, r"has saved \[1\] for no widget"),
    ):
        with pytest.raises(ValueError, match=message):
            make_prompt(make_workflow(**changes))
    with pytest.raises(ValueError, match="has to be exported by the page"):
        make_prompt(make_workflow() | {"definitions": {"subgraphs": [{}]}})
