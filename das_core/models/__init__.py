"""Judges: frozen models that classify or embed images, the labels of their classes, and how to make a judge."""
