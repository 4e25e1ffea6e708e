"""Write the public API of the nodes into tests/nodes/api.json: make api [ARGS=--break]

If the API differs from the file in a way that breaks workflow files, each difference is printed and nothing is written.
With --break the file is written even so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from repository import REPOSITORY

FROZEN = Path("tests/nodes/api.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="make_api", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--break",
        action="store_true",
        dest="broken",
        help="write the file even if workflow files break",
    )
    given = parser.parse_args(arguments)
    # These import PyTorch, which --help does not need.
    from generators.node_api import describe_pack, find_breaks
    from runner.node_classes import load_pack_without_models

    new_api = describe_pack(load_pack_without_models(REPOSITORY))
    path = REPOSITORY / FROZEN
    found = find_breaks(json.loads(path.read_text(encoding="utf-8")), new_api) if path.is_file() else []
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    if found and not given.broken:
        return 1
    path.write_text(json.dumps(new_api, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
