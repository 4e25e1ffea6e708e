"""Nodes that inspect what an ascent has made: the image, the stack and the history."""
