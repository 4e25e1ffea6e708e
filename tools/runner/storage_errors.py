"""Messages for errors in reading or writing files: which file, the reason, and often what to do."""

from __future__ import annotations

import errno

_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}


def explain_storage_error(error: OSError) -> str:
    """Return the message for an OSError: the file and the reason, and for frequent errors what to do."""
    reason = error.strerror or str(error)
    what = f"{error.filename}: {reason}" if error.filename else reason
    if error.errno in _SPACE:
        return f"{what}; free some space there, or choose another folder with --output"
    if error.errno in _RIGHTS:
        return f"{what}; make it readable and writable, or choose another folder with --output, --input or --models"
    if error.errno == errno.ENAMETOOLONG:
        return f"{what}; use a shorter filename_prefix"
    return what
