"""Reads untrusted YAML files: a small file cannot cause endless work, for instance by references that multiply."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import yaml

from sweeper.errors import SweepError

MAX_BYTES = 2**20
"""The largest size of a file: a list of a hundred thousand numbers of five digits takes two thirds of it."""

MAX_NODES = 2_000_000
"""The most values in a file; one that the file repeats by reference counts each time."""

MAX_DIGITS = 40
"""The longest number: more digits than any widget takes."""


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        known: set[Any] = set()
        for written, _ in node.value:
            key = self.construct_object(written, deep=True)
            # What cannot be hashed is refused below, by the loader itself.
            if isinstance(key, Hashable) and key in known:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is there twice", written.start_mark)
            known |= {key} if isinstance(key, Hashable) else set()
        return cast(dict[Any, Any], super().construct_mapping(node, deep))


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds.

    Args:
        path: the file.

    Raises:
        SweepError: it cannot be read, is no YAML, is too large or too deep, expands by references to far more than its
            size, or contains numbers or texts that no input can take.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SweepError(f"{path} is larger than a grid can be; write ranges, such as {{from: 0, to: 99}}")
        loader = _Loader(content.decode("utf-8"))
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            _count_nodes(root, {})
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except OSError as error:
        raise SweepError(f"cannot read {path}: {error.strerror}") from error
    except RecursionError as error:
        raise SweepError(f"{path} is nested too deeply for a grid") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise SweepError(f"{path} is no YAML: {' '.join(str(error).split())[:500]}") from error


def _count_nodes(node: yaml.Node, known: dict[int, int]) -> int:
    """Return the number of values in a YAML node, with references expanded; ValueError if no grid can contain it.

    Args:
        node: the node.
        known: the counts of nodes, by the `id` of the node; 0 while a node is being counted, so that a node that
            contains itself is noticed.
    """
    if id(node) in known:
        if not known[id(node)]:
            raise ValueError("a value contains itself")
        return known[id(node)]
    known[id(node)] = 0
    if isinstance(node, yaml.ScalarNode):
        if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and len(node.value) > MAX_DIGITS:
            raise ValueError(f"a number of {len(node.value)} digits ({node.value[:20]}…); write a shorter one")
        # Half of a surrogate pair is no text that a file could hold.
        node.value.encode("utf-8")
        count = 1
    else:
        inside = [part for each in node.value for part in (each if isinstance(each, tuple) else (each,))]
        count = 1 + sum(_count_nodes(part, known) for part in inside)
    if count > MAX_NODES:
        raise ValueError(f"its references stand for more than {MAX_NODES:,} values; write them out, or a range")
    known[id(node)] = count
    return count
