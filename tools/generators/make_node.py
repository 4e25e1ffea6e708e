"""Write the files of a new node: make node ID=DAS_Thing FOLDER=objectives

The node works: it hands on what it gets. Its texts begin with TODO. What is left to do by hand is printed.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from repository import REPOSITORY

# What a new node hands on, by the folder of `nodes` in which the node lies: the socket type of `nodes/schema.py`, and
# the code with which a test makes such a value
SOCKETS = {
    "ascent": ("Stack", "pack.stack()"),
    "models": ("Classifier", 'pack.run("DAS_LoadClassifier")[0]'),
    "objectives": ("Objective", "pack.objective()"),
    "report": ("History", "pack.optimize(steps=1)[3]"),
    "stack": ("Stack", "pack.stack()"),
    "views": ("Augmentation", 'pack.run("DAS_Augmentation")[0]'),
}
_CODE = '''"""The node {title}."""

from typing import Any

from comfy_api.latest import io

from ..node import Node
from ..schema import {socket}, schema, tip


class {name}(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="{id}",
            display_name="{title}",
            category="Direct Ascent/{folder}",
            description="TODO: what the node is for.",
            aliases="TODO",
            inputs=[
                {socket}.Input("{link}", tooltip="TODO: from which nodes."),
                tip(
                    io.Float.Input("amount", default=0.5, min=0.0, max=1.0, step=0.05),
                    "TODO: 0: what a low value looks like. 1: what a high value looks like.",
                ),
            ],
            outputs=[{socket}.Output("{link}", tooltip="TODO: for which nodes.")],
        )

    @classmethod
    def execute(cls, {link}: Any, amount: float) -> io.NodeOutput:
        return io.NodeOutput({link})
'''

_PAGE = """# {title}

TODO: what the node is for.

![{title}]({id}/picture.jpg)

*TODO: what the picture compares.*

## How to use it

TODO: what is connected to it, and to what it is connected.

## Inputs

| Input | What it does | Default |
|---|---|---|
| `{link}` | TODO | |
| `amount` | TODO: 0: what a low value looks like. 1: what a high value looks like. | 0.5 |

## Outputs

| Output | What it is |
|---|---|
| `{link}` | TODO |

## Try this

- TODO

## When it goes wrong

- TODO
"""

_TEST = '''"""{title}: TODO."""

from loaded_pack import Pack


def test_it_hands_on_what_it_gets(pack: Pack) -> None:
    given = {value}
    assert pack.run("{id}", {link}=given)[0] is given
'''


_REST = """Left to do:
- the code, its test, and every TODO (grep -rn TODO nodes web tests docs)
- a workflow that uses the node, saved by ComfyUI's page in example_workflows, then make examples
- a picture for the help page: web/docs/{id}/picture.jpg
- make api, make locales (fill in build/translations.json; ARGS="--merge build/translations.json")"""


def make_words(node_id: str, folder: str) -> dict[str, str]:
    """Return the words that the templates need for a node in a folder of `SOCKETS`."""
    socket, value = SOCKETS[folder]
    name = node_id.removeprefix("DAS_")
    title = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    module = title.replace(" ", "_").lower().removesuffix("_objective")
    names = {"id": node_id, "name": name, "title": title, "folder": folder, "module": module}
    return names | {"socket": socket, "link": socket.lower(), "value": value}


def make_files(words: dict[str, str]) -> dict[Path, str]:
    """Return the texts of the new files by their paths in the pack: code, help page and test."""
    code, page = Path("nodes", words["folder"], f"{words['module']}.py"), Path("web/docs", f"{words['id']}.md")
    test = Path("tests/nodes", words["folder"], f"test_{words['module']}.py")
    return {path: text.format(**words) for path, text in ((code, _CODE), (page, _PAGE), (test, _TEST))}


def list_node(text: str, words: dict[str, str]) -> str:
    """Return the text of `nodes/__init__.py` with an import of the node, and with the node as the last of NODES."""
    imports = re.findall(r"^from \..*\n", text, re.MULTILINE)
    ours = "from .{folder}.{module} import {name}\n".format(**words)
    before = max((line for line in imports if line < ours), default="")
    place = text.index(before) + len(before) if before else text.index(imports[0])
    text = text[:place] + ours + text[place:]
    end = text.index("\n]", text.index("NODES"))
    return f"{text[:end]}\n    {words['name']},{text[end:]}"


def describe_node(text: str, words: dict[str, str]) -> str:
    """Return the text of docs/nodes.md with a row for the node at the end of the table of nodes."""
    end = text.index("\n\n", text.index("|---|---|"))
    return f"{text[:end]}\n| [**{words['title']}**](../web/docs/{words['id']}.md) | TODO |{text[end:]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="make_node", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("id", help="the id of the node, such as DAS_SoftEdges")
    parser.add_argument("folder", choices=SOCKETS, help="the folder of nodes/, named like that of das_core")
    parser.add_argument("--pack", type=Path, default=REPOSITORY, metavar="FOLDER", help="the node pack")
    given = parser.parse_args(arguments)
    if not re.fullmatch(r"DAS_[A-Z][A-Za-z0-9]+", given.id):
        parser.error(f"the id '{given.id}' is not DAS_ and a name in CamelCase, such as DAS_SoftEdges")
    words = make_words(given.id, given.folder)
    texts = make_files(words)
    if taken := [path for path in texts if (given.pack / path).exists()]:
        print(f"{taken[0]} exists; choose another id", file=sys.stderr)
        return 1
    # Everything is read before anything is written: what is no pack is left as it was.
    for path, extend in ((Path("nodes/__init__.py"), list_node), (Path("docs/nodes.md"), describe_node)):
        texts[path] = extend((given.pack / path).read_text("utf-8"), words)
    for path, text in texts.items():
        (given.pack / path).parent.mkdir(parents=True, exist_ok=True)
        (given.pack / path).write_text(text, encoding="utf-8")
    print(*texts, _REST.format(**words), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
