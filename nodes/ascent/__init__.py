"""The node that runs an ascent, and the optimizers it offers."""
