"""The English texts of a pack's nodes, in the form of ComfyUI's locale files."""

from pathlib import Path
from typing import Any

from generators.locale_texts import collect_node_texts, collect_texts, escape_message
from runner.node_classes import load_pack_without_models


def test_every_text_of_a_node_is_collected_in_the_form_of_comfyuis_own_files(painters: Path) -> None:
    texts = collect_texts(load_pack_without_models(painters)["LOC_Paint"])
    assert texts == {
        "display_name": "Paint {'|'} Draw",
        "description": "Paints.",
        "inputs": {
            "brush": {"name": "brush", "tooltip": "Which one."},
            "brush_size": {"name": "size", "tooltip": "thin: In pixels.\nwide: In {'{'}cm{'}'}."},
            "brush_ink": {"name": "ink", "tooltip": "Ink."},
            "layers": {"name": "layers"},
            "layers_layer0": {"name": "layer0", "tooltip": "One layer."},
            "layers_layer1": {"name": "layer1", "tooltip": "One layer."},
            "level": {"name": "Level of ink"},
        },
        "outputs": {"0": {"name": "image", "tooltip": "The picture."}, "1": {"name": "Where"}},
    }


def test_special_characters_of_messages_and_dots_of_ids_are_escaped(painters: Path) -> None:
    assert escape_message("a {b} @c | $d, 50 %") == "a {'{'}b{'}'} {'@'}c {'|'} {'$'}d, 50 %"
    nodes: dict[str, Any] = {"pack.Paint": load_pack_without_models(painters)["LOC_Paint"]}
    assert list(collect_node_texts(nodes)) == ["pack_Paint"]
