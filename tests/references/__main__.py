"""Compute the exact results of all families, or of some: ``python tests/references robust``."""

import sys
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent)

import numpy as np  # noqa: E402
from cases import SWEEPS  # noqa: E402

from references import exactly, family, path, points, save  # noqa: E402

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def main() -> None:
    modules = {family(sweep).__name__: family(sweep) for sweep in SWEEPS}
    for name, module in modules.items():
        if sys.argv[1:] and name.rpartition(".")[2] not in sys.argv[1:]:
            continue
        found = {}
        for sweep in SWEEPS:
            if family(sweep) is module:
                start = time.perf_counter()
                for dtype in DTYPES:
                    batches = points(sweep, dtype)
                    found[f"{sweep.name}, {dtype}"] = [exactly(sweep, x, dtype) for x in batches]
                print(f"{sweep.name}: {time.perf_counter() - start:.1f} s", flush=True)
        save(module, found)
        print(f"{path(module).name}: {path(module).stat().st_size // 1024} KiB", flush=True)


if __name__ == "__main__":
    main()
