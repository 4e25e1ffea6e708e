"""Runs many cells, each a call of a function, here or on Ray, and keeps the result of each in a folder."""
