"""Nodes that say what a picture is made of."""
