"""The description of a stack as it is read from a stack file."""

import json
from typing import Any

from das_core.stack.file_content import describe_stack
from das_core.stack.image_stack import ImageStack


def describe(stack: ImageStack) -> dict[str, Any]:
    """Return the description of a stack after it was written as JSON and read again."""
    description: dict[str, Any] = json.loads(json.dumps(describe_stack(stack)))
    return description
