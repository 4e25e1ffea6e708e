"""A result whose file cannot be written is kept by the error."""

import errno
import os
import pickle
from pathlib import Path

import pytest
import torch

from das_core.ascent.loop import Ascent
from das_core.facade.unsaved import UnsavedError, keep
from das_core.objectives.priors import prior
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec

RESULT = Ascent(ImageStack.noise(StackSpec(16, 16, margin=4)), prior("total_variation"), steps=1).run()


def test_an_error_of_writing_alone_holds_the_result_and_says_so() -> None:
    reason = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        pytest.raises(UnsavedError, match=r"^'x\.gif' could not be written \(No space .*\); the result is kept") as it,
        keep(RESULT, Path("somewhere") / "x.gif"),
    ):
        raise reason
    assert it.value.result is RESULT
    assert it.value.__cause__ is reason
    again = pickle.loads(pickle.dumps(it.value))  # noqa: S301
    assert str(again) == str(it.value)
    assert torch.equal(again.result.image, RESULT.image)
    with pytest.raises(ValueError, match="no film"), keep(RESULT, "x.gif"):
        raise ValueError("no film")
    with keep(RESULT, "x.gif"):
        pass
