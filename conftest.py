"""One suite for every array library: `pytest --backend torch --backend jax`; NumPy and array-api-strict by default."""

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import array_api_strict
import numpy as np
import pytest

pytest_plugins = ["pytester"]

DEFAULT = ("numpy", "strict", "strict-strictest", "strict-device1", "strict-no_x64", "strict-lazy")
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
    """A context that holds while arrays are made and losses evaluated."""

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

    def asarray(self, values: Any, dtype: str | None = None) -> Any:
        """Make an array of this library on this device."""
        array = np.asarray(values) if dtype is None else np.asarray(values, dtype=dtype)
        if "float64" not in self.dtypes:
            array = array.astype(
                {"int64": "int32", "float64": "float32"}.get(array.dtype.name, array.dtype)
            )
        if self.base == "numpy":
            return array
        if self.base == "dask":
            return self.xp.from_array(array, chunks=-1)
        if self.base == "torch":
            array = array.copy()
        return self.xp.asarray(array, device=self.device)

    def to_numpy(self, array: Any) -> Any:
        """Bring an array to NumPy, whatever it takes."""
        if self.base == "dask":
            return np.asarray(array.compute())
        if self.base == "torch":
            return array.detach().cpu().numpy()
        if self.base == "cupy":
            return array.get()
        if self.base == "strict":
            with _looking():
                return np.asarray(array.to_device(array_api_strict.Device("CPU_DEVICE")))
        return np.asarray(array)

    def call(self, function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
        """Call a function of arrays: compiled, where this backend stands for that."""
        traced = {key: value for key, value in options.items() if hasattr(value, "shape")}
        fixed = {key: value for key, value in options.items() if key not in traced}
        return self.wrap(lambda *a, **o: function(*a, **o, **fixed))(*arrays, **traced)


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
    )
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option --backend."""
    parser.addoption(
        "--backend",
        action="append",
        choices=sorted(BACKENDS),
        help="test with this array library (repeatable), what asks for one; default: numpy and array-api-strict in its variants, "
        "and what asks for none",
    )
    parser.addoption(
        "--typical",
        action="store_true",
        help="of the losses test one of each kind only, and not what is particular to one",
    )


def chosen(config: pytest.Config) -> list[Backend]:
    """Return the backends of this run."""
    return [BACKENDS[name] for name in config.getoption("backend") or DEFAULT]


def pytest_configure(config: pytest.Config) -> None:
    """Fail at once where a backend that was asked for is missing: a skip would look like a pass."""
    config.addinivalue_line("markers", "backends(*names): the only libraries that a test is about")
    config.addinivalue_line(
        "markers", "engine: a test of the engine, which all but numpy run on one loss of each kind"
    )
    config.addinivalue_line(
        "markers",
        "kinds: a test of the engine, which compiled backends run on one loss of each kind",
    )
    config.addinivalue_line(
        "markers",
        "eager: a test that compilation adds nothing to, and which compiled backends leave out",
    )
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
    """Print what is tested: names, versions, devices."""
    lines = []
    for backend in chosen(config):
        library = importlib.import_module(
            backend.library.removeprefix("array_api_compat.").partition(".")[0]
        )
        device = "" if backend.device is None else f" on {backend.device}"
        lines.append(
            f"backend {backend.name}: {library.__name__} {library.__version__}{device}, {'/'.join(backend.dtypes)}"
        )
    return lines


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `backend` once for each, one that asks for `dtype` once for each dtype as well."""
    if "backend" not in metafunc.fixturenames:
        return
    backends = chosen(metafunc.config)
    only = metafunc.definition.get_closest_marker("backends")
    if only:
        backends = [
            backend
            for backend in backends
            if backend.base in only.args or backend.name in only.args
        ]
    if metafunc.definition.get_closest_marker("eager"):
        backends = [backend for backend in backends if not backend.compiled]
    if "dtype" in metafunc.fixturenames:
        pairs = [(backend, dtype) for backend in backends for dtype in backend.dtypes]
        metafunc.parametrize(
            ("backend", "dtype"),
            pairs,
            ids=[f"{b.name}-{d}" for b, d in pairs],
            indirect=["backend"],
        )
    else:
        metafunc.parametrize(
            "backend", backends, ids=[backend.name for backend in backends], indirect=True
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what no backend of this run is left for; pytest would count it as skipped."""

    def meant(item: Any) -> bool:
        if "backend" not in item.fixturenames:
            return not config.getoption("backend")
        given = item.callspec.params
        backend = given["backend"]
        if not isinstance(backend, Backend):
            return False
        if "sweep" in given:  # no flag and no device of a library changes its numbers
            same = backend.name not in (backend.base, "torch-cuda", "jax-jit")
            return not (same or backend.name == "jax" or config.getoption("typical"))
        eager = item.get_closest_marker("eager")
        if backend.name == "jax" and not eager:
            # What runs compiled as well: without that each operation is compiled by itself, in ten
            # times the time.
            return getattr(given.get("case"), "typical", False)
        particular = eager and "case" not in given  # to a loss
        if particular and config.getoption("typical"):
            return False
        if particular and backend.base == "jax" and given.get("dtype", "float32") != "float32":
            return False  # each test compiles by itself: in the dtype that JAX has by default
        if getattr(given.get("case"), "typical", True):
            return True
        if config.getoption("typical") or (
            item.get_closest_marker("engine") and backend.name != "numpy"
        ):
            return False
        if backend.name in ("numpy", "strict", "torch", "torch-cuda", "cupy"):
            return True
        # The others take their time, compile, or differ from one of these in what no setting
        # changes: of a loss that does not stand for its kind one setting, in one dtype, is enough.
        first = given.get("index", 0) == 0 and given.get("reduction", "sum") == "sum"
        dtype = "float32" if backend.compiled or backend.base == "strict" else backend.dtypes[-1]
        compiles = backend.compiled or backend.base == "jax"
        return (
            first
            and given.get("dtype", dtype) == dtype
            and not (compiles and item.get_closest_marker("kinds"))
        )

    config.hook.pytest_deselected(items=[item for item in items if not meant(item)])
    items[:] = [item for item in items if meant(item)]


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
