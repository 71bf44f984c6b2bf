"""What each library can do with each loss, as the tests find it, into docs/support.json.

``python tests/support.py --backend torch --backend torch-compile`` runs the tests of every loss on
these backends, and replaces what the file says of their library. `nox -s support` does it for all
libraries that need no GPU. The documentation shows the file as a table.
"""

import argparse
import datetime as dt
import importlib
import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[1] / "docs" / "support.json"
TESTS = {
    "test_value": "value",
    "test_derivatives": "gradient",
    "test_many_chunks": "lazy",
}
"""The tests that ask every loss, and what they show."""
MORE = {"torch-compile": "compiled", "jax-jit": "compiled", "strict-lazy": "lazy"}
"""The backends that show more than values and gradients, if all their tests pass."""
MODULES = {"strict": "array_api_strict"}


class Recorder:
    """A plugin of pytest that keeps the outcome of each loss on each backend."""

    def __init__(self, backends: list[str]) -> None:
        names = "|".join(sorted(backends, key=len, reverse=True))
        self.pattern = re.compile(rf"::(\w+)\[(?:\w+-)?({names})-float\d+-(\w+)")
        self.passed: dict[tuple[str, str, str], bool] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note a test that has run: one failure counts more than all successes."""
        found = self.pattern.search(report.nodeid)
        if not found or found[1] not in TESTS or (report.when != "call" and report.passed):
            return
        test, backend, loss = found.groups()
        shown = {TESTS[test], MORE.get(backend, TESTS[test])}
        for what in shown:
            key = (backend.partition("-")[0], loss, what)
            self.passed[key] = report.passed and self.passed.get(key, True)

    def table(self) -> dict[str, dict[str, list[str]]]:
        """Return for each library and loss what it can do."""
        found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for (library, loss, what), passed in sorted(self.passed.items()):
            found[library][loss] += [what] * passed
        return found


def main() -> int:
    """Run the tests, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", action="append", required=True)
    backends = parser.parse_args().backend
    recorder = Recorder(backends)
    folder = Path(__file__).parent
    status = pytest.main(
        [
            *(str(folder / name) for name in ("test_every_loss.py", "test_lazy.py")),
            f"-k={' or '.join(TESTS)}",
            *(f"--backend={backend}" for backend in backends),
            "-q",
            "-nauto",
        ],
        plugins=[recorder],
    )
    written = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    for library, losses in recorder.table().items():
        module = importlib.import_module(MODULES.get(library, library))
        written[library] = {
            "version": module.__version__,
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "losses": losses,
        }
    FILE.write_text(json.dumps(written, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
