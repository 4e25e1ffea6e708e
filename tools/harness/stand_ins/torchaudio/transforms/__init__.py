"""The classes that ComfyUI imports by name. It makes one when a model of sound is loaded, which no test does."""


class MelScale:
    """In the place of torchaudio.transforms.MelScale."""


class MelSpectrogram:
    """In the place of torchaudio.transforms.MelSpectrogram."""


class Resample:
    """In the place of torchaudio.transforms.Resample."""


class Spectrogram:
    """In the place of torchaudio.transforms.Spectrogram."""
