"""Nodes that say how a model sees the picture."""
