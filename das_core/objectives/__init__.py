"""Objectives: scores that an ascent raises, computed from the answers of judges or from the pixels of the canvas."""
