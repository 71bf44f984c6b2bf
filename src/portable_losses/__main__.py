"""The self-check as a command: ``python -m portable_losses``."""

import sys

from ._check import check

sys.exit(0 if check() else 1)
