"""Takes the place of an installed torchaudio that cannot be imported, so that ComfyUI starts; see `harness.server`."""

from . import functional, transforms

__all__ = ["functional", "transforms"]
