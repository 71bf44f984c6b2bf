"""One suite for every array library: `pytest --backend torch --loss huber_loss`.

NumPy and array-api-strict are tested by default. A test that asks for `backend` runs once on each
library of the run, one that asks for `dtype` once in each dtype as well. `tests/marks.py` has the
marks that say more: which losses, which libraries, and whether compiled too. A library that is
slow, or differs from another in little, gets one setting of a loss and one dtype; a loss that
stands for its kind gets all its settings.
"""

import importlib
import inspect
import itertools
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import array_api_strict
import numpy as np
import pytest

pytest_plugins = ["pytester"]

DEFAULT = (
    "numpy",
    "numpy-readonly",
    "strict",
    "strict-strictest",
    "strict-device1",
    "strict-no_x64",
    "strict-lazy",
)
STRICTEST = {"boolean_indexing": False, "data_dependent_shapes": False, "enabled_extensions": ()}
LOOKS = (
    "__bool__",
    "__float__",
    "__int__",
    "__index__",
    "__complex__",
    "__array__",
    "__iter__",
    "__len__",
)


OTHERS: dict[str, Callable[[Any], Any]] = {
    "cubed": lambda x: x.compute(),
    "dpnp": lambda x: x.asnumpy(),
    "mlx": np.asarray,
    "ndonnx": lambda x: x.unwrap_numpy(),
    "sparse": lambda x: x.todense() if hasattr(x, "todense") else x,
}
"""Libraries of `tests/test_others.py` alone, and the conversion of their arrays to NumPy."""


@dataclass(frozen=True)
class Backend:
    """An array library as the tests use it."""

    name: str
    library: str
    device: Any = None
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]] = field(
        default=lambda function: function
    )
    """What turns a function of arrays into a compiled one."""
    session: Callable[[], Any] = field(default=nullcontext)
    """A context that is active while arrays are made and losses evaluated."""

    @property
    def xp(self) -> Any:
        """The namespace of the arrays."""
        return importlib.import_module(self.library)

    @property
    def compiled(self) -> bool:
        """Whether functions are traced and compiled, which takes its time."""
        return self.name in ("torch-compile", "jax-jit")

    @property
    def base(self) -> str:
        """The library: "torch" for "torch-compile"."""
        return self.name.partition("-")[0]

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The real dtypes that this library, on this device, has."""
        if self.base == "jax":
            import jax

            return ("float32", "float64") if jax.config.jax_enable_x64 else ("float32",)
        return ("float32",) if self.name == "strict-no_x64" else ("float32", "float64")

    @property
    def thorough(self) -> bool:
        """Whether every loss has each setting and dtype: where that is fast, and new."""
        return self.name in ("numpy", "strict", "torch", "torch-cuda", "cupy")

    def __str__(self) -> str:
        return self.name

    def asarray(self, values: Any, dtype: str | None = None) -> Any:
        """Make an array of this library on this device."""
        array = np.asarray(values) if dtype is None else np.asarray(values, dtype=dtype)
        if "float64" not in self.dtypes:
            array = array.astype(
                {"int64": "int32", "float64": "float32"}.get(array.dtype.name, array.dtype)
            )
        if self.name == "numpy-readonly":
            array = array.view()
            array.flags.writeable = False
        if self.base == "numpy":
            return array
        if self.base == "sparse":
            return self.xp.COO.from_numpy(array)
        if self.base in OTHERS:
            return self.xp.asarray(array)
        if self.base == "dask":
            return self.xp.from_array(array, chunks=-1)
        if self.base == "torch":
            array = array.copy()
        return self.xp.asarray(array, device=self.device)

    def to_numpy(self, array: Any) -> Any:
        """Convert an array to NumPy, from any device."""
        if self.base == "dask":
            return np.asarray(array.compute())
        if self.base == "torch":
            return array.detach().cpu().numpy()
        if self.base == "cupy":
            return array.get()
        if self.base in OTHERS:
            return np.asarray(OTHERS[self.base](array))
        if self.base == "strict":
            with _looking():
                return np.asarray(array.to_device(array_api_strict.Device("CPU_DEVICE")))
        return np.asarray(array)

    def call(self, function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
        """Call a function of arrays, compiled where this backend is. It must not change them."""
        traced = {key: value for key, value in options.items() if hasattr(value, "shape")}
        fixed = {key: value for key, value in options.items() if key not in traced}
        given = [x for x in (*arrays, *traced.values()) if hasattr(x, "shape")]
        before = [self.to_numpy(x).copy() for x in given] if self.writable else []
        result = self.wrap(lambda *a, **o: function(*a, **o, **fixed))(*arrays, **traced)
        for array, content in zip(given, before, strict=self.writable):
            np.testing.assert_array_equal(self.to_numpy(array), content)
        return result

    @property
    def writable(self) -> bool:
        """Whether a function can modify an array of this library."""
        return self.base in ("numpy", "strict", "torch", "cupy") and not self.compiled


@contextmanager
def _flags(**flags: Any) -> Iterator[None]:
    with array_api_strict.ArrayAPIStrictFlags(**flags):
        yield


_real_looks = {
    name: vars(type(array_api_strict.asarray(0)))[name]
    for name in LOOKS
    if name in vars(type(array_api_strict.asarray(0)))
}


def _refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("the value of a lazy array was looked at")


@contextmanager
def _looking(look: dict[str, Any] | None = None) -> Iterator[None]:
    kind = type(array_api_strict.asarray(0))
    before = {name: vars(kind)[name] for name in _real_looks}
    try:
        for name, function in (look or _real_looks).items():
            setattr(kind, name, function)
        yield
    finally:
        for name, function in before.items():
            setattr(kind, name, function)


def _not_looking() -> Any:
    return _looking(dict.fromkeys(_real_looks, _refuse))


def _torch_compile(function: Callable[..., Any]) -> Callable[..., Any]:
    import torch

    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="eager")


def _jax_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    return jax.jit(function)


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("numpy", "numpy"),
        Backend("numpy-readonly", "numpy"),
        Backend("strict", "array_api_strict", array_api_strict.Device("CPU_DEVICE")),
        Backend(
            "strict-strictest",
            "array_api_strict",
            array_api_strict.Device("CPU_DEVICE"),
            session=lambda: _flags(**STRICTEST),
        ),
        Backend("strict-device1", "array_api_strict", array_api_strict.Device("device1")),
        Backend("strict-no_x64", "array_api_strict", array_api_strict.Device("no_x64")),
        Backend(
            "strict-lazy",
            "array_api_strict",
            array_api_strict.Device("CPU_DEVICE"),
            session=_not_looking,
        ),
        Backend("torch", "array_api_compat.torch"),
        Backend("torch-compile", "array_api_compat.torch", wrap=_torch_compile),
        Backend("torch-cuda", "array_api_compat.torch", "cuda"),
        Backend("jax", "jax.numpy"),
        Backend("jax-jit", "jax.numpy", wrap=_jax_jit),
        Backend("dask", "array_api_compat.dask.array"),
        Backend("cupy", "array_api_compat.cupy"),
        Backend("cubed", "cubed.array_api"),
        Backend("dpnp", "dpnp"),
        Backend("mlx", "mlx.core"),
        Backend("ndonnx", "ndonnx"),
        Backend("sparse", "sparse"),
    )
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option --backend."""
    parser.addoption(
        "--backend",
        action="append",
        choices=sorted(BACKENDS),
        help="run the tests of this array library (repeatable); by default those of NumPy and "
        "array-api-strict, and those of no library",
    )
    parser.addoption(
        "--loss",
        action="append",
        help="run only the tests of this loss (repeatable): those with its name in their id",
    )


def chosen(config: pytest.Config) -> list[Backend]:
    """Return the backends of this run."""
    return [BACKENDS[name] for name in config.getoption("backend") or DEFAULT]


def pytest_configure(config: pytest.Config) -> None:
    """Fail at once where a backend that was asked for is missing: a skip would look like a pass."""
    config.addinivalue_line("markers", "backends(*names): the only libraries that a test is about")
    config.addinivalue_line(
        "markers", "losses(cases, elsewhere): what is tested, on thorough backends and on others"
    )
    config.addinivalue_line("markers", "compiled_too: also under torch.compile and jax.jit")
    config.addinivalue_line(
        "markers", "once_a_library: what no flag, device or compiler changes, in every dtype"
    )
    if any(backend.base == "jax" for backend in chosen(config)):
        # The CPU as eight devices, for tests of arrays in parts; JAX reads it when it is imported.
        os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
    for backend in chosen(config):
        try:
            backend.xp  # noqa: B018
            _check_device(backend)
        except Exception as error:
            raise pytest.UsageError(
                f"--backend {backend.name}: {type(error).__name__}: {error}"
            ) from error


def _check_device(backend: Backend) -> None:
    if backend.name == "torch-cuda":
        import torch

        if not torch.cuda.is_available():
            raise RuntimeError("torch finds no CUDA device here; this backend needs a GPU")
    if backend.name == "cupy":
        import cupy

        try:
            found = cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise RuntimeError(
                f"CuPy finds no GPU here, and this backend needs one ({error})"
            ) from error
        if not found:
            raise RuntimeError("CuPy finds no GPU here, and this backend needs one")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Print the names, versions and devices of the libraries under test."""
    lines = []
    for backend in chosen(config):
        library = importlib.import_module(
            backend.library.removeprefix("array_api_compat.").partition(".")[0]
        )
        device = "" if backend.device is None else f" on {backend.device}"
        lines.append(
            f"backend {backend.name}: {library.__name__} {_version(library)}{device}, "
            f"{'/'.join(backend.dtypes)}"
        )
    return lines


def _version(library: Any) -> str:
    return getattr(library, "__version__", None) or metadata.version(library.__name__)


def pytest_pycollect_makeitem(collector: pytest.Collector, obj: Any) -> list[pytest.Item] | None:
    """Leave out tests of no library if a library is requested."""
    if not collector.config.getoption("backend") or not inspect.isfunction(obj):
        return None
    return None if "backend" in inspect.signature(obj).parameters else []


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each library, in each dtype, and on each of its losses."""
    if "backend" not in metafunc.fixturenames:
        return
    losses = metafunc.definition.get_closest_marker("losses")
    names = [
        name
        for name in ("backend", "dtype", "case", "index")
        if name in metafunc.fixturenames and (losses or name in ("backend", "dtype"))
    ]
    rows = [
        {"backend": backend, "dtype": dtype, "case": case, "index": index}
        for backend in _backends(metafunc)
        for case in (_cases(metafunc, backend, *losses.args) if losses else [None])
        for dtype, index in _settings(metafunc, backend, case, names)
    ]
    metafunc.parametrize(
        names,
        [[row[name] for name in names] for row in rows],
        ids=["-".join(str(row[name]) for name in names) for row in rows],
        indirect=["backend"],
    )


def _backends(metafunc: pytest.Metafunc) -> list[Backend]:
    """Return the backends of this run for a test."""

    def marked(name: str) -> Any:
        return metafunc.definition.get_closest_marker(name)

    def meant(backend: Backend) -> bool:
        only = marked("backends")
        if only and not {backend.base, backend.name}.intersection(only.args):
            return False
        if marked("once_a_library"):
            return backend.thorough or backend.name in ("jax-jit", "dask")
        if not marked("compiled_too"):
            return not backend.compiled
        # Alone, JAX compiles each operation by itself, in ten times the time of jax-jit.
        return backend.name != "jax" or marked("losses")

    return list(filter(meant, chosen(metafunc.config)))


def _cases(
    metafunc: pytest.Metafunc, backend: Backend, cases: Sequence[Any], elsewhere: Sequence[Any]
) -> list[Any]:
    """Return the losses of a test on a backend, among those that the command line selects.

    It does so by `--loss`, and by `-k` where that is made of their names and "or".
    """
    found = cases if backend.thorough else elsewhere
    if backend.name == "jax" and metafunc.definition.get_closest_marker("compiled_too"):
        found = [case for case in found if case.typical]  # the others compiled
    if "index" not in metafunc.fixturenames and (backend.compiled or backend.name == "jax"):
        # What a test shows of the engine it shows without loops, which take seconds to compile.
        # torch.compile traces the engine as well, so it has one loss of each kind.
        traced = backend.name == "torch-compile"
        found = [
            case for case in found if not case.loss.signature.steps and (case.typical or not traced)
        ]
    config = metafunc.config
    names = config.getoption("loss") or config.getoption("keyword").split(" or ")
    if not {case.name for case in cases}.issuperset(names):
        return list(found)
    return [case for case in found if any(name in str(case) for name in names)]


def _settings(
    metafunc: pytest.Metafunc, backend: Backend, case: Any, names: Collection[str]
) -> Iterator[tuple[str, int]]:
    """Return the dtypes, and the settings of a loss, that a test runs in.

    One, where the backend is not thorough; of JAX that which `JAX_ENABLE_X64` says.
    """
    one = slice(-1, None) if backend.base == "jax" else slice(1)
    dtypes = backend.dtypes if "dtype" in names else ("",)
    settings = range(len(case.parameters)) if "index" in names else range(1)
    if not (backend.thorough or metafunc.definition.get_closest_marker("once_a_library")):
        dtypes = dtypes[one]
        settings = settings if case and case.typical else settings[:1]
    return itertools.product(dtypes, settings)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[Any]:
    """Leave out tests without a backend or a loss in this run; pytest would skip them."""
    report: Any = yield
    names = set(collector.config.getoption("loss") or ())

    def meant(item: Any) -> bool:
        given = getattr(item, "callspec", None)
        if given and not isinstance(given.params.get("backend", Backend("", "")), Backend):
            return False
        if not names or isinstance(item, pytest.Collector):
            return True
        return given is not None and not names.isdisjoint(re.split(r"[^a-z0-9_]", given.id))

    report.result = [item for item in report.result if meant(item)]
    return report


def _counts(ids: Iterable[str]) -> list[str]:
    """Return how many tests each library has."""
    pattern = re.compile(rf"\[({'|'.join(sorted(BACKENDS, key=len, reverse=True))})[-\]]")
    found = Counter(match[1] if (match := pattern.search(name)) else "no library" for name in ids)
    return [f"tests of {name}: {number}" for name, number in found.items()]


def pytest_report_collectionfinish(items: Sequence[pytest.Item]) -> list[str]:
    """Print how many tests each library has."""
    return _counts(item.nodeid for item in items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """Print the same once where pytest-xdist collects."""
    if node.gateway.id == "gw0":
        reporter = node.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line("\n" + "\n".join(_counts(ids)))


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """One of the array libraries of this run."""
    chosen_backend: Backend = request.param
    with warnings.catch_warnings():
        if chosen_backend.base in ("strict", "dask"):
            # They stand on NumPy, which warns where another library would not: 0/0, the log of 0.
            warnings.filterwarnings(
                "ignore", "(invalid value|overflow|divide by zero) encountered", RuntimeWarning
            )
        with chosen_backend.session():
            yield chosen_backend


@pytest.fixture
def xp(backend: Backend) -> Any:
    """The namespace of that library."""
    return backend.xp


@pytest.fixture
def device(backend: Backend) -> Any:
    """The device of that library."""
    return backend.device
