"""Nodes that define what an ascent asks for."""
