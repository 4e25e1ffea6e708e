"""Image denoisers, which remove fine ripple from pixels and keep surfaces and edges."""

from .base import Denoiser, ask_denoiser
from .total_variation import TotalVariation

__all__ = ["Denoiser", "TotalVariation", "ask_denoiser"]
