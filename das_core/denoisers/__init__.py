"""Image denoisers, which remove fine ripple from pixels and keep surfaces and edges."""

from .base import Denoiser, ask_denoiser
from .bilateral import Bilateral
from .cosine_shrinkage import CosineShrinkage
from .network import NetworkDenoiser
from .non_local_means import NonLocalMeans
from .total_variation import TotalVariation

__all__ = [
    "Bilateral",
    "CosineShrinkage",
    "Denoiser",
    "NetworkDenoiser",
    "NonLocalMeans",
    "TotalVariation",
    "ask_denoiser",
]
