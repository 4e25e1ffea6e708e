"""Sweeps: every combination of settings of workflows as a cell, computed on Ray; tools/sweep.py is the command line."""
