"""The nodes of the pack.

The nodes for the code of `das_core/objectives` are in `nodes/objectives`, and so on. Only the folder `bridge` calls
ComfyUI's runtime.
"""

from .ascent.guidance import GuideDiffusion
from .ascent.loop import Optimize
from .looks.catalog import Look
from .models.classifier import LoadClassifier
from .models.clip import CLIPFromComfyUI, LoadCLIP
from .models.layers import ListLayers
from .models.teaching import TeachJudge
from .objectives.change import Ensemble, Region, Schedule
from .objectives.classes import ClassObjective
from .objectives.embedding import ImageObjective, TextObjective
from .objectives.feature import FeatureObjective
from .objectives.keyframes import Keyframes
from .objectives.priors import Prior
from .objectives.style import ContentObjective, StyleObjective
from .report.camera import Camera
from .report.description import Describe
from .report.feature_atlas import FeatureAtlas
from .report.history import PlotHistory
from .report.level_sheet import StackLevels
from .report.objective_scores import ObjectiveScore
from .report.verdict import Classify, Similarity
from .stack.conversion import FilmStack, ZoomStack
from .stack.edit import EditStack
from .stack.file import LoadStack, SaveStack
from .stack.image_stack import ImageStack
from .stack.render import StackToImage
from .stack.vector import StackToSVG
from .views.augmentation import Augmentation

NODES = [
    LoadClassifier,
    LoadCLIP,
    CLIPFromComfyUI,
    TeachJudge,
    ImageStack,
    FilmStack,
    ZoomStack,
    Augmentation,
    ClassObjective,
    TextObjective,
    ImageObjective,
    StyleObjective,
    ContentObjective,
    FeatureObjective,
    Ensemble,
    Region,
    Prior,
    Schedule,
    Keyframes,
    Look,
    Optimize,
    GuideDiffusion,
    StackToImage,
    StackToSVG,
    Camera,
    StackLevels,
    EditStack,
    SaveStack,
    LoadStack,
    Classify,
    Similarity,
    Describe,
    ObjectiveScore,
    PlotHistory,
    ListLayers,
    FeatureAtlas,
]
"""All nodes, in the order in which a workflow uses them."""
