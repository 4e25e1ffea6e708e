"""Runs every combination of settings of a grid (tools/sweep.py), or any other list of cells, on Ray."""
