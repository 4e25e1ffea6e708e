"""RESULTS.md: what it says of itself, and sections that are written while others stay."""

from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.run import INTRODUCTION, ON_REQUEST, RESULTS, SECTIONS, write_section


def test_the_results_begin_with_what_a_run_writes_and_the_commands_that_make_bench_does_not_run() -> None:
    assert RESULTS.read_text(encoding="utf-8").startswith(f"{INTRODUCTION}\n## Speed\n")
    assert {name for name in SECTIONS if f"`python -m benchmarks.run {name}`" in INTRODUCTION} == ON_REQUEST


def test_a_section_is_replaced_and_all_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RESULTS", tmp_path / "RESULTS.md")
    for name, text in (("text", "first"), ("speed", "fast"), ("image_targets", "blends"), ("text", "second")):
        write_section(name, text)
    written = "\n## Speed\n\nfast\n\n## Text\n\nsecond\n\n## Image targets\n\nblends\n"
    assert (tmp_path / "RESULTS.md").read_text(encoding="utf-8") == INTRODUCTION + written
