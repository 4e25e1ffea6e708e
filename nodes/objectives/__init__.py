"""Nodes that say what is asked for."""
