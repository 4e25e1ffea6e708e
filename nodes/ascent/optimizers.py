"""The input of Optimize that chooses its optimizer."""

from typing import Any

from comfy_api.latest import io

from ...das_core.ascent.adam import Adam
from ...das_core.ascent.normalized_ascent import STEEPEST_TILT, NormalizedAscent
from ...das_core.ascent.optimizers import Optimizer
from ...das_core.ascent.sgd import SGD
from ..schema import make_options, read_choice, tip

_OPTIMIZERS: dict[str, type[Optimizer]] = {"ascent": NormalizedAscent, "sgd": SGD, "adam": Adam}


def optimizer_input() -> Any:
    """Return the input that chooses an optimizer and its settings; `read_optimizer` reads its value."""
    return io.DynamicCombo.Input(
        "optimizer",
        options=make_options(
            tuple(_OPTIMIZERS),
            ascent=[
                tip(
                    io.Float.Input("step_size", default=NormalizedAscent.step_size, min=0.0001, max=10.0, step=0.005),
                    "How far the picture moves a step. 0.02: pale. 0.13: good for 60 steps; for fewer steps take "
                    "more, without a denoiser less. Above 0.3: harsh, burnt colours.",
                ),
                tip(
                    io.Float.Input(
                        "coarse_to_fine", default=NormalizedAscent.coarse_to_fine, min=0.0, max=1.0, step=0.05
                    ),
                    "Share of the steps that build the picture from large shapes to small. 0: all at once, many "
                    "fragments. 0.6: one clean object. 1: soft.",
                ),
                tip(
                    io.Float.Input("tilt", default=NormalizedAscent.tilt, min=0.0, max=STEEPEST_TILT, step=0.05),
                    "How much less fine detail moves than large shapes; it eases toward the end. 0: as the levels "
                    "have it, engraved lines. 0.4: painted. 2: blurred.",
                ),
            ],
            sgd=[
                tip(
                    io.Float.Input("learning_rate", default=SGD.learning_rate, min=0.0000001, max=1000.0, step=0.0005),
                    "Step per unit of gradient. 0.005 suits the logit of a classifier and 84 levels; too low stays "
                    "grey, too high turns to noise.",
                ),
                tip(
                    io.Float.Input("momentum", default=SGD.momentum, min=0.0, max=0.99, step=0.05),
                    "0: the paper's. 0.9: ten times the effective step, smoother.",
                ),
            ],
            adam=[
                tip(
                    io.Float.Input("learning_rate", default=Adam.learning_rate, min=0.0000001, max=10.0, step=0.0005),
                    "How far every level moves a step. With few levels 0.02 to 0.1; with many much less, "
                    "for they add up.",
                )
            ],
        ),
        tooltip="ascent: steps of equal size, from coarse to fine; the one for pictures. sgd: the paper's "
        "reference. adam: every level by itself, as imstack does; more texture and grain.",
    )


def read_optimizer(choice: dict[str, Any] | None) -> Optimizer:
    """Return the optimizer that is chosen."""
    kind, settings = read_choice("optimizer", choice, tuple(_OPTIMIZERS))
    return _OPTIMIZERS[kind](**settings)
