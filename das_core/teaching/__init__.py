"""Teaches judges to see through noise."""
