"""Reports on pictures, stacks and ascents: as numbers, as texts and as charts."""

from typing import TYPE_CHECKING

from ..common.lazy import import_on_demand

if TYPE_CHECKING:
    from .camera import move_camera
    from .film import save_film
    from .history import format_history, plot_history, tabulate_history
    from .level_sheet import render_level_sheets
    from .level_variances import measure_level_variances
    from .objective_scores import ObjectiveScores, format_scores, plot_scores, score_images
    from .shots import Shot
    from .spectrum import Spectrum, measure_spectrum
    from .spectrum_chart import plot_spectrum
    from .verdict import Prediction, classify, compare_with_texts, plot_predictions, plot_similarities
else:
    # Imported at first use, because they need packages that take seconds to load.
    __getattr__ = import_on_demand(
        __name__,
        {
            ".camera": ["move_camera"],
            ".film": ["save_film"],
            ".history": ["format_history", "plot_history", "tabulate_history"],
            ".level_sheet": ["render_level_sheets"],
            ".level_variances": ["measure_level_variances"],
            ".objective_scores": ["ObjectiveScores", "format_scores", "plot_scores", "score_images"],
            ".shots": ["Shot"],
            ".spectrum": ["Spectrum", "measure_spectrum"],
            ".spectrum_chart": ["plot_spectrum"],
            ".verdict": ["Prediction", "classify", "compare_with_texts", "plot_predictions", "plot_similarities"],
        },
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# fmt: off
__all__ = [
    "ObjectiveScores", "Prediction", "Shot", "Spectrum", "classify", "compare_with_texts", "format_history",
    "format_scores", "measure_level_variances", "measure_spectrum", "move_camera", "plot_history", "plot_predictions",
    "plot_scores", "plot_similarities", "plot_spectrum", "render_level_sheets", "save_film", "score_images",
    "tabulate_history",
]
