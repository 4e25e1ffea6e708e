"""The nodes Direct Ascent Optimize and Guide Diffusion, which run ascents, and the inputs of the first."""
