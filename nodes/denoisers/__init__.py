"""Nodes that make a denoiser from a model of ComfyUI."""
