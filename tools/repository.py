"""The path of the repository on the disk, from which the tools import `das_core`."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]  # folder of the repository, which is also the folder of the node pack

if str(REPOSITORY) not in sys.path:
    sys.path.append(str(REPOSITORY))
