"""Nodes that say what came out."""
