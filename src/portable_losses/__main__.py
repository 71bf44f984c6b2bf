"""The self-check as a command: ``python -m portable_losses``."""

import argparse
import sys

from ._selfcheck import self_check

_parser = argparse.ArgumentParser(
    prog=f"python -m {__package__}",
    description="Compute every loss on every array library found here, and print what agrees. "
    "The exit status is 0 if all agree, and 1 if not.",
)
_parser.add_argument("--all", action="store_true", help="print a row for each loss")

sys.exit(0 if self_check(all_losses=_parser.parse_args().all) else 1)
