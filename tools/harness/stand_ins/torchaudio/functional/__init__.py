"""Empty: ComfyUI calls its functions when sound is processed, which no test does."""
