"""Nodes that make, edit and keep image stacks."""
