"""Nodes that define the views through which a model sees the picture."""
