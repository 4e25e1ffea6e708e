"""Helpers that all other folders use: checks and resizing of images, masks, boxes, curves, seeds, texts and files."""
