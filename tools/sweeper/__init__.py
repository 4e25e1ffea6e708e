"""Sweeps: workflows are run with every combination of some settings, on Ray; tools/sweep.py is the command line.

One combination is called a cell. The process that the user starts is called the driver. It sends cells to the workers,
which are other processes, and collects a row of the table of results for each cell.
"""
