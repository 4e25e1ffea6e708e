"""The copies of the help pages: written, compared and removed."""

from pathlib import Path

import pytest

from generators import make_help_pages
from repository import REPOSITORY


def make_pack(folder: Path) -> Path:
    docs = folder / make_help_pages.DOCS
    docs.mkdir(parents=True)
    (docs / "DAS_Paint.md").write_text("# Paint\n", encoding="utf-8")
    (docs / "DAS_Draw.md").write_text("# Draw\n", encoding="utf-8")
    return folder


def read(pack: Path, name: str) -> str:
    return (pack / make_help_pages.DOCS / name).read_text(encoding="utf-8")


def test_the_copies_in_the_repository_are_up_to_date() -> None:
    assert make_help_pages.list_differences(REPOSITORY) == [], "run make pages"


def test_every_page_gets_a_copy_and_nothing_is_said_of_those_up_to_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = make_pack(tmp_path)
    assert make_help_pages.main(["--pack", str(pack)]) == 0
    assert read(pack, "DAS_Paint/en.md") == "# Paint\n"
    assert capsys.readouterr().out == "web/docs/DAS_Draw/en.md\nweb/docs/DAS_Paint/en.md\n"
    assert make_help_pages.main(["--pack", str(pack)]) == 0
    assert capsys.readouterr().out == ""


def test_a_changed_page_changes_its_copy_and_a_translation_stays(tmp_path: Path) -> None:
    pack = make_pack(tmp_path)
    make_help_pages.main(["--pack", str(pack)])
    (pack / make_help_pages.DOCS / "DAS_Paint" / "zh.md").write_text("# 绘画\n", encoding="utf-8")
    (pack / make_help_pages.DOCS / "DAS_Paint.md").write_text("# Paint more\n", encoding="utf-8")
    make_help_pages.main(["--pack", str(pack)])
    assert read(pack, "DAS_Paint/en.md") == "# Paint more\n"
    assert read(pack, "DAS_Paint/zh.md") == "# 绘画\n"


def test_a_copy_without_a_page_is_removed(tmp_path: Path) -> None:
    pack = make_pack(tmp_path)
    make_help_pages.main(["--pack", str(pack)])
    (pack / make_help_pages.DOCS / "DAS_Draw.md").unlink()
    make_help_pages.main(["--pack", str(pack)])
    assert [path.parent.name for path in (pack / make_help_pages.DOCS).glob("*/en.md")] == ["DAS_Paint"]


def test_a_check_names_what_is_out_of_date_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = make_pack(tmp_path)
    make_help_pages.main(["--pack", str(pack)])
    capsys.readouterr()
    assert make_help_pages.main(["--check", "--pack", str(pack)]) == 0
    (pack / make_help_pages.DOCS / "DAS_Paint.md").write_text("# Paint more\n", encoding="utf-8")
    assert make_help_pages.main(["--check", "--pack", str(pack)]) == 1
    assert capsys.readouterr().err == "web/docs/DAS_Paint/en.md is out of date: run make pages\n"
    assert read(pack, "DAS_Paint/en.md") == "# Paint\n"
