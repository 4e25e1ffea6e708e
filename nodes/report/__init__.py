"""Nodes that inspect what an ascent has made (the image, the stack, the history), and the node Camera."""
