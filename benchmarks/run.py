"""Measure and write RESULTS.md: `python -m benchmarks.run [section ...]`.

Without arguments, all sections but those of `ON_REQUEST` are measured: `peers` and `units` need other libraries, and
`judges` measures the models of the machine. A section that is measured replaces its whole text in RESULTS.md, also what
was added there by hand; all other sections keep their text. The benchmarks only report numbers; whether the code is
correct is checked by the tests.
"""

import argparse
import importlib
import platform
import re
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "RESULTS.md"
# The modules whose `report` measures a section, in the order of RESULTS.md
SECTIONS = (
    "speed", "memory", "large", "cost", "ablation", "parametrizations", "classes", "diversity", "engraving", "sizes",
    "pace", "text", "looks", "image_targets", "style", "regions", "attacks", "spectra", "guidance", "films", "morphs",
    "zoom", "peers", "units", "judges",
)  # fmt: skip
ON_REQUEST = {"peers", "units", "judges"}  # sections that are measured only when they are named
INTRODUCTION = """# Results

Each section names the command that measures it and writes its text anew. `make bench` runs all of these commands but
three: `python -m benchmarks.run peers` and `python -m benchmarks.run units` need other libraries, and
`python -m benchmarks.run judges` measures classifiers of your own, in the folders that DAS_JUDGES names. A GPU is
measured by `make bench-gpu`.

Rows are of today's settings, where nothing else stands beside them. What older ones gave, and what was decided by it,
is in NOTES.md.

Sections on pictures of the two starters together (Classes, Text, Pace, Ablation, Diversity, Sizes, Regions, Looks) were
measured with their published weights, before they were taught ([docs/teaching.md](../docs/teaching.md), which says what
that changes).
"""


def describe_machine() -> str:
    """Return a text with the processor, the number of threads, and the versions of Python and torch."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        named = re.search(r"model name\s*: (.*)", information.read_text())
        processor = named[1] if named else processor
    threads = torch.get_num_threads()
    return (
        f"{processor}, {threads} thread{'s' if threads > 1 else ''}, Python {platform.python_version()}, "
        f"torch {torch.__version__.partition('+')[0]}"
    )


def main() -> None:
    """Measure the sections that the command line names; if it names none, all sections but those of `ON_REQUEST`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="what to measure")
    asked = parser.parse_args().sections or [name for name in SECTIONS if name not in ON_REQUEST]
    for name in asked:
        measured = f"Measured on {describe_machine()}, float32, no GPU used, by `python -m benchmarks.run {name}`."
        section = f"{measured}\n\n{importlib.import_module(f'benchmarks.{name}').report().strip()}"
        print(section, flush=True)
        write_section(name, section)


def write_section(name: str, text: str) -> None:
    """Write a section and the introduction into RESULTS.md; they replace the old section `name` and introduction."""
    # The text before the first section is left out: it is the introduction.
    old = re.split(r"^## ([\w ]+)\n", RESULTS.read_text(), flags=re.MULTILINE)[1:] if RESULTS.is_file() else []
    texts = {title.strip(): section.strip() for title, section in zip(old[::2], old[1::2], strict=True)}
    texts[_title(name)] = text
    titles = [_title(section) for section in SECTIONS]
    body = "\n\n".join(f"## {title}\n\n{texts[title]}" for title in titles if title in texts)
    RESULTS.write_text(f"{INTRODUCTION}\n{body}\n")


def _title(section: str) -> str:
    return section.replace("_", " ").capitalize()


if __name__ == "__main__":
    main()
