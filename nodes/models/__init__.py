"""Nodes that load models, and one that lists their layers."""
