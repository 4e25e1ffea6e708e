"""The nodes Optimize and Guide Diffusion, which run ascents, and the inputs of Optimize."""
