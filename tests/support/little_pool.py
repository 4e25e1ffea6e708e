"""A pool that runs the cells of a sweep in this process, in place of `RayPool`, for tests of the command line."""

from pathlib import Path
from typing import Any

from sweep_grids import HerePool
from sweeper.plan import Plan


class LittlePool(HerePool):
    """A `HerePool` that takes the arguments of `RayPool`."""

    def __init__(self, address: str | None, log: Path, setup: dict[str, Any]) -> None:
        super().__init__(Plan.from_json(setup["plan"]))
