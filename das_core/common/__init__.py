"""What all other folders share, and what knows nothing of models, stacks or views: images, masks, seeds, texts."""
