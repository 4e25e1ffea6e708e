"""A model that counts its calls, reports them, and can break."""

from collections.abc import Callable

from torch import Tensor

from loaded_pack import Toy


class Watched(Toy):
    """Counts its calls and passes the number of each to `tell`; from call `broken` on it answers NaN."""

    def __init__(self, tell: Callable[[int], None] = lambda call: None, broken: int = 1000) -> None:
        super().__init__()
        self.tell, self.broken, self.calls = tell, broken, 0

    def forward(self, views: Tensor) -> Tensor:
        # Calls on the meta device are not counted: with them the pack only estimates memory.
        if views.is_meta:
            return super().forward(views)
        self.calls += 1
        self.tell(self.calls)
        return super().forward(views) * (float("nan") if self.calls >= self.broken else 1.0)
