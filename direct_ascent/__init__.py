"""Direct Ascent Synthesis: makes images with models that were only trained to judge images.

A judge is a frozen model, such as a classifier or a CLIP. An objective computes a score from the output of a judge,
such as the logit of a class or the similarity to a text, or from the pixels of the picture. A stack (`ImageStack`) is a
set of images at many resolutions that sum to one picture. In each step, an ascent shows views (resized windows) of this
picture to the judges and moves the stack along the gradient of the scores. `render` does all of it; `Ascent` is the
loop. Parts of an ascent are in `direct_ascent.ascent`, of stacks in `.stack`, of views in `.views`, looks in `.looks`
and what steers an ascent that runs in `.steering`.

    >>> import direct_ascent as da
    >>> picture = da.render(da.load_starter(), "jellyfish", size=64, steps=2, progress=False)
    >>> picture.image.shape
    torch.Size([1, 3, 64, 64])
"""

from typing import TYPE_CHECKING

from das_core import __version__ as __version__
from das_core import ascent as ascent
from das_core import looks as looks
from das_core import stack as stack
from das_core import views as views
from das_core.ascent import (
    ATTACK,
    BEST,
    DREAM,
    FEATURE,
    PICTURE,
    SKETCH,
    STYLE,
    Ascent,
    AscentError,
    Recipe,
    Result,
    Within,
)
from das_core.ascent import steering as steering
from das_core.common.lazy import import_on_demand
from das_core.models.classifier import Classifier
from das_core.models.clip import CLIP
from das_core.models.dictionary import Dictionary
from das_core.models.embedder import Embedder
from das_core.models.judge import Judge
from das_core.models.layers.activations import Activations
from das_core.models.layers.layer import find_layers
from das_core.objectives.change import in_region, over_frames, over_keyframes, over_steps, share_views
from das_core.objectives.classes import classes
from das_core.objectives.diversity import diversity
from das_core.objectives.embedding import embedding, image, text
from das_core.objectives.feature import feature
from das_core.objectives.functions import activations, of_views
from das_core.objectives.latent import latent
from das_core.objectives.objective import Objective
from das_core.objectives.per_image import one_per_image
from das_core.objectives.priors import prior
from das_core.objectives.style import caricature, content, style
from das_core.objectives.term import Term
from das_core.objectives.units import channel, channels, direction, directions, head, heads, latents, layer, neuron
from das_core.stack import ImageStack, StackSpec

if TYPE_CHECKING:
    from das_core.atlas.activation_atlas import activation_atlas
    from das_core.atlas.atlas import atlas
    from das_core.atlas.explain import explain
    from das_core.atlas.saliency import saliency
    from das_core.facade import Film, Rendering, UnsavedError, Zooming, film, read_settings, render, wrap, zoom
    from das_core.models.sources.dictionaries import load_dictionary
    from das_core.models.sources.files import load
    from das_core.models.sources.open_clip_models import load_open_clip
    from das_core.models.sources.starters import SECOND_OPINION, STARTER, load_starter, load_starter_clip, load_starters
    from das_core.models.sources.timm_models import load_timm
    from das_core.models.sources.torchvision_models import load_torchvision
    from das_core.report.camera import move_camera
    from das_core.report.description import describe
    from das_core.report.film import save_film
    from das_core.report.history import plot_history
    from das_core.report.level_sheet import render_level_sheets
    from das_core.report.objective_scores import score_images
    from das_core.report.shots import Shot
    from das_core.report.verdict import classify, compare_with_texts
    from das_core.runs.sweep import sweep
    from das_core.teaching.agreement import measure_agreement
    from das_core.teaching.teach import load_taught, teach
else:
    # Imported at first use, because they need packages that take seconds to load.
    _LATER = {
        "atlas.activation_atlas": "activation_atlas",
        "atlas.atlas": "atlas",
        "atlas.explain": "explain",
        "atlas.saliency": "saliency",
        "facade": "Film Rendering UnsavedError Zooming film read_settings render wrap zoom",
        "models.sources.dictionaries": "load_dictionary",
        "models.sources.files": "load",
        "models.sources.open_clip_models": "load_open_clip",
        "models.sources.starters": "SECOND_OPINION STARTER load_starter load_starter_clip load_starters",
        "models.sources.timm_models": "load_timm",
        "models.sources.torchvision_models": "load_torchvision",
        "report.camera": "move_camera",
        "report.description": "describe",
        "report.film": "save_film",
        "report.history": "plot_history",
        "report.level_sheet": "render_level_sheets",
        "report.objective_scores": "score_images",
        "report.shots": "Shot",
        "report.verdict": "classify compare_with_texts",
        "runs.sweep": "sweep",
        "teaching.agreement": "measure_agreement",
        "teaching.teach": "load_taught teach",
    }
    __getattr__ = import_on_demand(__name__, {f"das_core.{module}": names.split() for module, names in _LATER.items()})

# fmt: off
__all__ = [
    "ATTACK", "BEST", "CLIP", "DREAM", "FEATURE", "PICTURE", "SECOND_OPINION", "SKETCH", "STARTER", "STYLE",
    "Activations", "Ascent", "AscentError", "Classifier", "Dictionary", "Embedder", "Film", "ImageStack", "Judge",
    "Objective", "Recipe", "Rendering", "Result", "Shot", "StackSpec", "Term", "UnsavedError",
    "Within", "Zooming", "activation_atlas", "activations", "atlas", "caricature", "channel", "channels", "classes",
    "classify", "compare_with_texts", "content", "describe", "direction", "directions", "diversity", "embedding",
    "explain", "feature", "film", "find_layers", "head", "heads", "image", "in_region", "latent", "latents",
    "layer", "load", "load_dictionary", "load_open_clip", "load_starter", "load_starter_clip",
    "load_starters", "load_taught", "load_timm", "load_torchvision", "measure_agreement", "move_camera", "neuron",
    "of_views", "one_per_image", "over_frames", "over_keyframes", "over_steps", "plot_history",
    "prior", "read_settings", "render", "render_level_sheets", "saliency", "save_film", "score_images",
    "share_views", "style", "sweep", "teach", "text", "wrap", "zoom",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
