"""Direct Ascent Synthesis in PyTorch: makes images with models that were only trained to judge images.

A judge is a frozen model, such as a classifier or a CLIP. An objective computes a score from the output of a judge,
such as the logit of a class or the similarity to a text, or from the pixels of the picture. A stack (`ImageStack`) is a
set of images at many resolutions that sum to one picture. In each step, an ascent shows views (resized windows) of this
picture to the judges and moves the stack along the gradient of the scores. Start at `Ascent`.

Example:
    >>> from das_core import Ascent, ImageStack, StackSpec, class_objective, load_starter
    >>> jellyfish = class_objective(load_starter(), "jellyfish")
    >>> stack = ImageStack.gray(StackSpec(width=64, height=64, margin=16))
    >>> result = Ascent(stack, [jellyfish], steps=2).run()
    >>> tuple(result.image.shape)  # A picture (batch, channels, height, width), 0..1.
    (1, 3, 64, 64)
"""

from typing import TYPE_CHECKING

from .ascent import (
    ATTACK,
    BEST,
    DREAM,
    FEATURE,
    PICTURE,
    SGD,
    SKETCH,
    STYLE,
    Adam,
    Ascent,
    AscentError,
    Choose,
    Denoising,
    Focus,
    GoOn,
    Guidance,
    NormalizedAscent,
    Optimizer,
    Place,
    Protect,
    Recipe,
    Record,
    Result,
    SteepestAscent,
    Step,
    Weigh,
    Within,
    read_acts,
    split_acts,
    write_acts,
)
from .common.lazy import import_on_demand
from .denoisers import Denoiser, TotalVariation
from .looks import LOOKS, Cells, Glass, Ink, Look, LowPoly, Paint
from .models.classifier import Classifier
from .models.clip import CLIP
from .models.dictionary import Dictionary
from .models.embedder import Embedder
from .models.judge import Judge
from .models.layers.activations import Activations
from .models.layers.layer import find_layers
from .models.layers.pooled_layer import pool_layer
from .models.sources.preferences import PreferenceHead, load_preference
from .objectives.change import in_region, over_frames, over_keyframes, over_steps, share_views
from .objectives.classes import class_objective
from .objectives.content import caricature_objective, content_objective
from .objectives.diversity import diversity_objective
from .objectives.embedding import embedding_objective, image_objective, text_objective
from .objectives.feature import feature_objective
from .objectives.latent import latent_objective
from .objectives.objective import Objective
from .objectives.per_image import one_per_image
from .objectives.preference import preference_objective
from .objectives.priors import prior
from .objectives.style import style_objective
from .objectives.term import Term
from .stack import (
    ImageStack,
    Parametrization,
    StackSpec,
    Time,
    Zoom,
    as_film,
    as_zoom,
    decompose,
    draw_svg,
    edit_stack,
    load_stack,
    render_film,
    render_stack,
    render_zoom,
    save_stack,
    scale_changes,
)
from .views import Augmentation, Distance, Draws, Flip, Grayscale, Noise, Transform, Windows

if TYPE_CHECKING:
    from .models.sources.dictionaries import load_dictionary
    from .models.sources.files import load
    from .models.sources.open_clip_models import load_open_clip
    from .models.sources.starters import SECOND_OPINION, STARTER, load_starter, load_starter_clip, load_starters
    from .models.sources.timm_models import load_timm
    from .models.sources.torchvision_models import load_torchvision
    from .report.camera import move_camera
    from .report.description import describe
    from .report.film import save_film
    from .report.history import plot_history
    from .report.level_sheet import render_level_sheets
    from .report.objective_scores import score_images
    from .report.shots import Shot
    from .report.verdict import classify, compare_with_texts
    from .teaching.agreement import measure_agreement
    from .teaching.teach import load_taught, teach
else:
    # Imported at first use, because they need packages that take seconds to load.
    __getattr__ = import_on_demand(
        __name__,
        {
            ".models.sources.dictionaries": ["load_dictionary"],
            ".models.sources.files": ["load"],
            ".models.sources.open_clip_models": ["load_open_clip"],
            ".models.sources.starters": [
                "SECOND_OPINION",
                "STARTER",
                "load_starter",
                "load_starter_clip",
                "load_starters",
            ],
            ".models.sources.timm_models": ["load_timm"],
            ".models.sources.torchvision_models": ["load_torchvision"],
            ".report.camera": ["move_camera"],
            ".report.description": ["describe"],
            ".report.film": ["save_film"],
            ".report.history": ["plot_history"],
            ".report.level_sheet": ["render_level_sheets"],
            ".report.objective_scores": ["score_images"],
            ".report.shots": ["Shot"],
            ".report.verdict": ["classify", "compare_with_texts"],
            ".teaching.agreement": ["measure_agreement"],
            ".teaching.teach": ["load_taught", "teach"],
        },
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__version__ = "1.0.0"

# fmt: off
__all__ = [
    "ATTACK", "BEST", "CLIP", "DREAM", "FEATURE", "LOOKS", "PICTURE", "SECOND_OPINION", "SGD", "SKETCH", "STARTER",
    "STYLE", "Activations", "Adam", "Ascent", "AscentError", "Augmentation", "Cells", "Choose", "Classifier",
    "Denoiser", "Denoising", "Dictionary", "Distance", "Draws", "Embedder", "Flip", "Focus", "Glass",
    "GoOn", "Grayscale", "Guidance", "ImageStack", "Ink", "Judge", "Look", "LowPoly", "Noise", "NormalizedAscent",
    "Objective", "Optimizer", "Paint", "Parametrization", "Place", "PreferenceHead", "Protect", "Recipe", "Record",
    "Result", "Shot", "StackSpec", "SteepestAscent", "Step", "Term", "Time", "TotalVariation", "Transform", "Weigh",
    "Windows", "Within", "Zoom", "as_film", "as_zoom", "caricature_objective", "class_objective", "classify",
    "compare_with_texts", "content_objective", "decompose", "describe", "diversity_objective", "draw_svg", "edit_stack",
    "embedding_objective", "feature_objective", "find_layers", "image_objective", "in_region", "latent_objective",
    "load", "load_dictionary", "load_open_clip", "load_preference", "load_stack", "load_starter", "load_starter_clip",
    "load_starters", "load_taught", "load_timm", "load_torchvision", "measure_agreement",
    "move_camera", "one_per_image", "over_frames", "over_keyframes", "over_steps", "plot_history", "pool_layer",
    "preference_objective", "prior", "read_acts", "render_film", "render_level_sheets", "render_stack", "render_zoom",
    "save_film", "save_stack", "scale_changes", "score_images", "share_views", "split_acts", "style_objective", "teach",
    "text_objective", "write_acts",
]
