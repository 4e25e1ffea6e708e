"""Empty: ComfyUI calls functions of torchaudio.functional only to process sound, which no test does."""
