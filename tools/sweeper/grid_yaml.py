"""Reads untrusted YAML files; a small file cannot cause endless work by references that expand to huge lists."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import yaml

from sweeper.errors import SweepError

MAX_BYTES = 2**20
"""The largest size of a file in bytes; a list of a hundred thousand numbers of five digits takes two thirds of it."""

MAX_NODES = 2_000_000
"""The most values in a file; a value that the file repeats by reference counts each time."""

MAX_DIGITS = 40
"""The most characters of a number in a YAML file, and the most digits of a whole number in a journal; every number that
a widget takes has fewer."""


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys; PyYAML would silently keep the last value of such a key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        known: set[Any] = set()
        for written, _ in node.value:
            key = self.construct_object(written, deep=True)
            # A key that cannot be hashed is refused by `super().construct_mapping` below.
            if isinstance(key, Hashable) and key in known:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is there twice", written.start_mark)
            known |= {key} if isinstance(key, Hashable) else set()
        return cast(dict[Any, Any], super().construct_mapping(node, deep))


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file; None if the file is empty.

    Args:
        path: the file.

    Raises:
        SweepError: the file cannot be read, is no YAML, is larger than `MAX_BYTES`, or is nested too deeply; it has
            more than `MAX_NODES` values; a mapping has a key twice; a value contains itself; or a number or text is one
            that no input can take.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SweepError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise SweepError(f"{path} is larger than a grid can be; write ranges, such as {{from: 0, to: 99}}")
    try:
        loader = _Loader(content.decode("utf-8"))
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            _count_nodes(root, {})
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except RecursionError as error:
        raise SweepError(f"{path} is nested too deeply for a grid") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise SweepError(f"{path} is no YAML: {' '.join(str(error).split())[:500]}") from error


def _count_nodes(node: yaml.Node, known: dict[int, int]) -> int:
    """Return the number of values in a YAML node, with references expanded.

    Args:
        node: the node.
        known: the counts of nodes, by the `id` of the node. A node has the count 0 while it is being counted, so that a
            node that contains itself is noticed.

    Raises:
        ValueError: the node contains itself, more than `MAX_NODES` values, or a number or text that no input can take.
    """
    if id(node) in known:
        if not known[id(node)]:
            raise ValueError("a value contains itself")
        return known[id(node)]
    known[id(node)] = 0
    if isinstance(node, yaml.ScalarNode):
        if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and len(node.value) > MAX_DIGITS:
            raise ValueError(f"a number of {len(node.value)} digits ({node.value[:20]}…); write a shorter one")
        # Raises UnicodeEncodeError, a ValueError, for half of a surrogate pair, which no text file can contain.
        node.value.encode("utf-8")
        count = 1
    else:
        # The value of a list node is a list of nodes; the value of a mapping node is a list of pairs of nodes.
        inside = [part for each in node.value for part in (each if isinstance(each, tuple) else (each,))]
        count = 1 + sum(_count_nodes(part, known) for part in inside)
    if count > MAX_NODES:
        raise ValueError(f"its references stand for more than {MAX_NODES:,} values; write them out, or a range")
    known[id(node)] = count
    return count
