"""Acts, by which a person steers an ascent that runs, their text, and what an ascent goes on with."""

from .act_text import read_acts, split_acts, write_acts
from .acts import Choose, GoOn, Place, Protect, Weigh

__all__ = ["Choose", "GoOn", "Place", "Protect", "Weigh", "read_acts", "split_acts", "write_acts"]
