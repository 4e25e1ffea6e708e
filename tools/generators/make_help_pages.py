"""Write the help pages at the address that ComfyUI's page asks for first: make pages [ARGS=--check]

The page asks for docs/ID/LANGUAGE.md, then for docs/ID.md. The English texts are docs/ID.md, so that users of a
language without a translation see them; the copies docs/ID/en.md spare all others a request that fails. With --check
nothing is written, and the exit code is 1 if a copy is missing, out of date, or left over.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from repository import REPOSITORY

DOCS = Path("web/docs")
COPY = "en.md"


def list_differences(pack: Path) -> list[Path]:
    """Return the copies in a pack that are missing, out of date, or left over, below the pack."""
    pages = {page.stem: page.read_bytes() for page in (pack / DOCS).glob("*.md")}
    copies = {copy.parent.name: copy.read_bytes() for copy in (pack / DOCS).glob(f"*/{COPY}")}
    return [DOCS / name / COPY for name in sorted(pages.keys() | copies.keys()) if pages.get(name) != copies.get(name)]


def update_copy(pack: Path, copy: Path) -> None:
    """Write one copy anew, or remove it where its page is gone."""
    page = pack / copy.parent.with_suffix(".md")
    if not page.is_file():
        (pack / copy).unlink()
        return
    (pack / copy).parent.mkdir(exist_ok=True)
    (pack / copy).write_bytes(page.read_bytes())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="make_help_pages", description="Write the copies of the help pages.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a copy is out of date")
    parser.add_argument("--pack", type=Path, default=REPOSITORY, metavar="FOLDER", help="the node pack")
    given = parser.parse_args(arguments)
    differences = list_differences(given.pack)
    for copy in differences:
        if given.check:
            print(f"{copy.as_posix()} is out of date: run make pages", file=sys.stderr)
        else:
            update_copy(given.pack, copy)
            print(copy.as_posix())
    return 1 if given.check and differences else 0


if __name__ == "__main__":
    sys.exit(main())
