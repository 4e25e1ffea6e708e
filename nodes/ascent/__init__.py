"""The node that runs the loop."""
