"""The classes that ComfyUI imports by name. It uses them only for models of sound, which no test loads."""


class MelScale:
    """In the place of torchaudio.transforms.MelScale."""


class MelSpectrogram:
    """In the place of torchaudio.transforms.MelSpectrogram."""


class Resample:
    """In the place of torchaudio.transforms.Resample."""


class Spectrogram:
    """In the place of torchaudio.transforms.Spectrogram."""
