"""The files of a new node, before anyone has written what the node does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

# What a new node hands on, by the folder of `nodes` in which the node lies: the socket type of `nodes/schema.py`, and
# the code with which a test makes such a value
SOCKETS = {
    "ascent": ("Stack", "pack.stack()"),
    "denoisers": ("Denoiser", 'pack.module("das_core.denoisers").NetworkDenoiser(max, "toy")'),
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
    """The node that TODO."""

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


@dataclass(frozen=True)
class Skeleton:
    """A node that hands on its only link, with TODO in place of its texts."""

    id: str
    folder: str

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.id.removeprefix("DAS_")

    @property
    def title(self) -> str:
        """The name that the page shows."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.name)

    @property
    def module(self) -> str:
        """The name of the module of the node, without its folder."""
        return self.title.replace(" ", "_").lower()

    def files(self) -> dict[str, str]:
        """Return the texts of the new files by their paths in the pack: code, help page and test."""
        socket, value = SOCKETS[self.folder]
        words = {"id": self.id, "name": self.name, "title": self.title, "folder": self.folder, "module": self.module}
        words |= {"socket": socket, "link": socket.lower(), "value": value}
        return {
            f"nodes/{self.folder}/{self.module}.py": _CODE.format(**words),
            f"web/docs/{self.id}.md": _PAGE.format(**words),
            f"tests/nodes/{self.folder}/test_{self.module}.py": _TEST.format(**words),
        }

    def changes(self) -> dict[str, Callable[[str], str]]:
        """Return a function for each file that lists all nodes: it adds this node to the text of the file."""
        return {"nodes/__init__.py": self._list_node, "README.md": self._describe_node}

    def list_rest(self) -> str:
        """Return what is left to do by hand, as lines of text."""
        return f"""Left to do:
- the code, its test, and every TODO (grep -rn TODO nodes web tests README.md)
- a workflow that uses the node, saved by ComfyUI's page in example_workflows, then make examples
- a picture for the help page: web/docs/{self.id}/picture.jpg
- make api, make locales (fill in build/translations.json; ARGS="--merge build/translations.json")"""

    def _list_node(self, text: str) -> str:
        """Return the text of `nodes/__init__.py` with an import of the node, and with the node as the last of NODES."""
        imports = re.findall(r"^from \..*\n", text, re.MULTILINE)
        ours = f"from .{self.folder}.{self.module} import {self.name}\n"
        before = max((line for line in imports if line < ours), default="")
        place = text.index(before) + len(before) if before else text.index(imports[0])
        text = text[:place] + ours + text[place:]
        end = text.index('\n]\n"""All nodes')
        return f"{text[:end]}\n    {self.name},{text[end:]}"

    def _describe_node(self, text: str) -> str:
        """Return the text of the README with a row for the node at the end of the table of nodes."""
        table = text.index("## The nodes")
        end = text.index("\n\n", text.index("|---|---|", table))
        return f"{text[:end]}\n| **{self.title}** | TODO |{text[end:]}"
