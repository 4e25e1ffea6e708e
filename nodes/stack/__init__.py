"""Nodes that make, edit, render, save and load image stacks."""
