"""What a full disk, a folder without rights and a name too long are called, and what is said to do."""

import errno
import os

from cases import each_case
from runner.storage_errors import explain_storage_error


@each_case(
    ("number", "says"),
    [
        (errno.ENOSPC, "out/a.png: No space left on device; free some space there, or choose another folder"),
        (errno.EROFS, "out/a.png: Read-only file system; make it readable and writable, or choose another folder"),
        (errno.EACCES, "out/a.png: Permission denied; make it readable and writable"),
        (errno.ENAMETOOLONG, "out/a.png: File name too long; use a shorter filename_prefix"),
        (errno.EIO, "out/a.png: Input/output error"),
    ],
)
def test_the_file_the_reason_and_the_next_step_are_named(number: int, says: str) -> None:
    assert explain_storage_error(OSError(number, os.strerror(number), "out/a.png")).startswith(says)


def test_an_error_without_a_file_says_what_it_knows() -> None:
    assert explain_storage_error(OSError("odd")) == "odd"
