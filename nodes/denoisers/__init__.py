"""Nodes that make a denoiser of a model of ComfyUI."""
