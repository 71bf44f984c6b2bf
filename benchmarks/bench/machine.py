"""On what is measured: the processor, the versions, and how AVX-512 is taken from the libraries."""

import datetime as dt
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from numpy._core import _multiarray_umath as umath

PACKAGES = ("portable-losses", "numpy", "torch", "jax", "jaxlib", "optax")

NATIVE, NO_AVX512 = "the processor as it is", "AVX-512 disabled"


def avx512() -> list[str]:
    """Return the features of AVX-512 that NumPy chooses kernels by, as this version names them."""
    dispatched = umath.__cpu_dispatch__
    return [name for name in dispatched if name == "X86_V4" or name.startswith("AVX512")]


def modes() -> dict[str, dict[str, str]]:
    """Return the environment of the libraries for each way to run the processor."""
    found: dict[str, dict[str, str]] = {NATIVE: {}}
    if any(umath.__cpu_features__.get(name) for name in avx512()):
        found[NO_AVX512] = {
            "NPY_DISABLE_CPU_FEATURES": " ".join(avx512()),
            "ATEN_CPU_CAPABILITY": "avx2",
            "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa=AVX2".strip(),
        }
    return found


def one_thread() -> dict[str, str]:
    """Return the environment of one thread for each library, which all allocate alike.

    XLA asks for NPROC, and logs much. The thresholds of glibc (mallopt(3)) otherwise depend on what
    was freed before: page faults then multiply the times of arrays of some MiB, or do not.
    """
    return {
        "NPROC": "1",
        "OMP_NUM_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MALLOC_MMAP_THRESHOLD_": str(2**25),
        "MALLOC_TRIM_THRESHOLD_": str(2**29),
    }


def features() -> list[str]:
    """Return by which features of the processor NumPy chooses its kernels here."""
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]


def versions() -> list[str]:
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Return the name of the processor, as the system tells it."""
    try:
        found = re.search(
            r"^model name\s*:\s*(.+)$",
            Path("/proc/cpuinfo").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def load() -> str:
    """Return how much other programs had to do in the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def today() -> dt.date:
    return dt.datetime.now(tz=dt.UTC).date()
