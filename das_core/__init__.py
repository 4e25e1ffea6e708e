"""Direct Ascent Synthesis in PyTorch: images from models that were only built to judge them."""
