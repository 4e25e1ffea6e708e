"""Nodes that load models, a node that lists their layers, and a node that picks a class of ImageNet."""
