"""Measure and write RESULTS.md: `python benchmarks/run.py [section ...]`, all of them by default.

Sections that are not measured keep what they say. Benchmarks print, tests prove.
"""

import argparse
import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import features
import large
import memory
import parts
import photographs
import quality
import speed
import things
import torch
import words

RESULTS = Path(__file__).parent / "RESULTS.md"
SECTIONS: dict[str, Callable[[], str]] = {
    "speed": speed.report,
    "memory": memory.report,
    "large": large.report,
    "quality": quality.report,
    "words": words.report,
    "photographs": photographs.report,
    "features": features.report,
    "parts": parts.report,
    "things": things.report,
}


def machine() -> str:
    """What it was measured on."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        named = re.search(r"model name\s*: (.*)", information.read_text())
        processor = named[1] if named else processor
    return (
        f"{processor}, {torch.get_num_threads()} threads, Python {platform.python_version()}, "
        f"torch {torch.__version__.partition('+')[0]}, float32, no GPU used"
    )


def main() -> None:
    """Measure the sections that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="what to measure")
    asked = parser.parse_args().sections or list(SECTIONS)
    for name in asked:
        text = f"Measured on {machine()}, by `python benchmarks/run.py {name}`.\n\n{SECTIONS[name]().strip()}"
        print(text, flush=True)
        write(name, text)


def write(name: str, text: str) -> None:
    """Put a section into RESULTS.md as soon as it is measured."""
    old = re.split(r"^## (\w+)\n", RESULTS.read_text(), flags=re.MULTILINE)[1:] if RESULTS.is_file() else []
    texts = {name.lower(): text.strip() for name, text in zip(old[::2], old[1::2], strict=True)} | {name: text}
    body = "\n\n".join(f"## {name.capitalize()}\n\n{texts[name]}" for name in SECTIONS if name in texts)
    RESULTS.write_text(f"# Results\n\nWritten by `make bench`.\n\n{body}\n")


if __name__ == "__main__":
    main()
