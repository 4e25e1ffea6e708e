"""The classes of torchaudio.transforms that ComfyUI imports. Only audio models use them, and no test loads these."""


class MelScale:
    """Stands in for torchaudio.transforms.MelScale."""


class MelSpectrogram:
    """Stands in for torchaudio.transforms.MelSpectrogram."""


class Resample:
    """Stands in for torchaudio.transforms.Resample."""


class Spectrogram:
    """Stands in for torchaudio.transforms.Spectrogram."""
