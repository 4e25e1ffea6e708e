"""Helpers that all other folders use, for images, masks, boxes, curves, seeds, texts and files."""
