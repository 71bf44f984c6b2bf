"""The array libraries that are installed, and how each evaluates a function."""

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import array_api_compat
import numpy as np

from ..typing import Array

OPTIONAL = {
    "array_api_strict": "array_api_strict",
    "cupy": "cupy",
    "dask": "dask.array",
    "jax": "jax.numpy",
    "torch": "torch",
}
"""The module that holds the arrays of each library."""

_UNOPTIMISED = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}
"""XLA would otherwise compile four times as long (jax 0.10), for a function that runs once."""


def at_once(function: Callable[..., Any], arrays: Sequence[Array]) -> Any:
    """Call a function."""
    return function(*arrays)


def compiled(function: Callable[..., Any], arrays: Sequence[Array]) -> Any:
    """Compile a function with JAX and call it: to compile each operation takes longer."""
    lowered = sys.modules["jax"].jit(function).lower(*arrays)
    try:
        quick = lowered.compile(compiler_options=_UNOPTIMISED)
    except RuntimeError:  # a release of XLA that has other options
        quick = lowered.compile()
    return quick(*arrays)


@dataclass(frozen=True)
class Library:
    """An array library on one of its devices."""

    name: str
    version: str = ""
    asarray: Callable[[Any], Array] = np.asarray
    as_numpy: Callable[[Array], Any] = np.asarray
    device: str = "cpu"
    dtype: str = "float64"
    """Its dtype for NumPy's float64."""
    evaluate: Callable[[Callable[..., Any], Sequence[Array]], Any] = at_once
    problem: str = ""
    """Why it cannot be used here, if so."""

    @property
    def title(self) -> str:
        """The name, with the dtype if that is not float64."""
        return self.name if self.dtype == "float64" else f"{self.name} {self.dtype}"


def libraries() -> Iterator[Library]:
    """Find the libraries: NumPy, and those of the others that are installed."""
    yield Library("numpy", np.__version__)
    for name, module in OPTIONAL.items():
        try:
            xp = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != name:
                yield Library(name, problem=f"cannot be imported: {error}")
            continue
        except Exception as error:  # noqa: BLE001 # a broken installation may raise anything
            yield Library(name, problem=f"cannot be imported: {brief(error)}")
            continue
        version = str(sys.modules[name].__version__)
        library = Library(
            name,
            version,
            asarray=xp.asarray,
            as_numpy=xp.asnumpy if name == "cupy" else np.asarray,
            evaluate=compiled if name == "jax" else at_once,
        )
        yield _on_device(library)
        if name == "torch" and xp.cuda.is_available():
            on_gpu = partial(xp.asarray, device="cuda")
            yield _on_device(Library("torch-cuda", version, on_gpu, lambda x: x.cpu().numpy()))


def _on_device(library: Library) -> Library:
    """Make an array to find device and dtype. A library for GPUs fails without a GPU."""
    try:
        array = library.asarray(np.zeros(1))
    except Exception as error:  # noqa: BLE001 # each library has its own errors for this
        return replace(library, problem=f"no device ({brief(error)})")
    device, dtype = str(array_api_compat.device(array)), str(array.dtype).rpartition(".")[2]
    return replace(library, device=device, dtype=dtype)


def brief(error: Exception) -> str:
    """Return the kind of an error, and the first line of its message."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
