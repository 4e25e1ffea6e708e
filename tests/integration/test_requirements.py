"""What is installed for the pack fits beside what other packs hold, so that an installation moves nothing."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]

# Versions that packs of 2025 hold.
HELD = {
    "transformers": "4.57.6",
    "huggingface-hub": "0.36.0",
    "tokenizers": "0.22.1",
    "numpy": "1.26.4",
    "pillow": "11.0.0",
}


def find_all(requirements: list[Requirement]) -> Iterator[Requirement]:
    """Yield the requirements, and all that these require in turn."""
    seen = set()
    while requirements:
        one = requirements.pop()
        if one in seen or not (one.marker is None or one.marker.evaluate({"extra": ""})):
            continue
        seen.add(one)
        yield one
        try:
            requirements += [Requirement(text) for text in requires(one.name) or ()]
        except PackageNotFoundError:  # It is not for this machine.
            assert one.marker is not None, one


def test_an_installation_moves_no_package_that_others_hold() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = list(find_all([Requirement(line) for line in lines if line and not line.startswith("#")]))
    names = {canonicalize_name(one.name) for one in needed}
    assert {"timm", "open-clip-torch", "huggingface-hub"} <= names
    # ComfyUI brings transformers; a package that requires it could ask for a newer one at any time.
    assert not names & {"transformers", "sentence-transformers", "tokenizers", "diffusers", "accelerate"}
    for one in needed:
        held = HELD.get(canonicalize_name(one.name))
        assert held is None or one.specifier.contains(held), one
