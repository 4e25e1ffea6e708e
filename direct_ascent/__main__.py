"""The command `direct-ascent` as `python -m direct_ascent`."""

import sys

from direct_ascent.command import main

sys.exit(main())
