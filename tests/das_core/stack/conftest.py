"""The stack that the tests of stack files save, and that those of their content describe."""

from dataclasses import replace

import pytest

from das_core.ascent.sgd import SGD
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.windows import Windows
from toys import VIEWS, climb


@pytest.fixture(scope="module")
def small() -> ImageStack:
    """A small stack with everything that one can hold."""
    spec = StackSpec(16, 16, 2, levels=(1, 4, 20), method="layers")
    narrow = replace(VIEWS, windows=Windows(2))
    return climb(ImageStack.noise(spec), steps=2, optimizer=SGD(1.0, 0.9), augmentation=narrow).stack
