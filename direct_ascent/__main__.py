"""The command `direct-ascent` as `python -m direct_ascent`."""

import sys

from das_core.atlas.command import main

sys.exit(main())
