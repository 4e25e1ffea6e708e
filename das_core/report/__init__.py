"""Reports on pictures, stacks and ascents: as numbers, as texts and as charts."""

from .history import format_history, plot_history, tabulate_history
from .level_sheet import render_level_sheets
from .objective_scores import ObjectiveScores, format_scores, plot_scores, score_images
from .spectrum import Spectrum, measure_level_variances, measure_spectrum, plot_spectrum
from .verdict import Prediction, classify, compare_with_texts, plot_predictions, plot_similarities

# fmt: off
__all__ = [
    "ObjectiveScores", "Prediction", "Spectrum", "classify", "compare_with_texts", "format_history", "format_scores",
    "measure_level_variances", "measure_spectrum", "plot_history", "plot_predictions", "plot_scores",
    "plot_similarities", "plot_spectrum", "render_level_sheets", "score_images", "tabulate_history",
]
