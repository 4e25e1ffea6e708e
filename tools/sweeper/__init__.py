"""Sweeps: workflows are run with every combination of some settings, on Ray; tools/sweep.py is the command line.

One combination is called a cell.
"""
