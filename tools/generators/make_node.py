"""Write the files of a new node: make node ID=DAS_Thing FOLDER=objectives

The node works: it hands on what it gets. Its texts begin with TODO. What is left to do by hand is printed.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from generators.node_skeleton import SOCKETS, Skeleton
from repository import REPOSITORY


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="make_node", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("id", help="the id of the node, such as DAS_SoftEdges")
    parser.add_argument("folder", choices=SOCKETS, help="the folder of nodes/, named like that of das_core")
    parser.add_argument("--pack", type=Path, default=REPOSITORY, metavar="FOLDER", help="the node pack")
    given = parser.parse_args(arguments)
    if not re.fullmatch(r"DAS_[A-Z][A-Za-z0-9]+", given.id):
        parser.error(f"the id '{given.id}' is not DAS_ and a name in CamelCase, such as DAS_SoftEdges")
    skeleton = Skeleton(given.id, given.folder)
    taken = [path for path in skeleton.files() if (given.pack / path).exists()]
    if taken:
        print(f"{taken[0]} exists; choose another id", file=sys.stderr)
        return 1
    # Everything is read before anything is written: what is no pack is left as it was.
    texts = skeleton.files()
    texts |= {path: extend((given.pack / path).read_text("utf-8")) for path, extend in skeleton.changes().items()}
    for path, text in texts.items():
        (given.pack / path).parent.mkdir(parents=True, exist_ok=True)
        (given.pack / path).write_text(text, encoding="utf-8")
    print(*skeleton.files(), *skeleton.changes(), sep="\n")
    print(skeleton.list_rest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
