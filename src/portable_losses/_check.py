"""The self-check: every loss on every array library found, against NumPy, and NumPy against plain Python.

Nothing here is a table of losses. They are the public ones, and their inputs are drawn from the
domains in their signatures, so that a loss joins as soon as it is public.
"""

import importlib
import math
import platform
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeAlias

import array_api_compat
import numpy as np

from . import neural_network
from ._loss import Loss
from .typing import Array, Domain

_OPTIONAL = {
    "array_api_strict": "array_api_strict",
    "cupy": "cupy",
    "dask": "dask.array",
    "jax": "jax.numpy",
    "torch": "torch",
}
"""The module that holds the arrays of each library."""

_LOOP = (2, 3)
_SHORTEST_CORE = 3
_GRID = 2**16
"""Inputs are fractions of so many parts: they are the same numbers in float32, and hardly ever at a kink."""

_ROUNDING = 64
"""How many times the eps of its dtype a result may be off."""

_STEP = 2.0**-17
_SLOPE_ERROR = 1e-6
"""What a difference over two steps leaves of a derivative's digits."""


def check() -> bool:
    """Compute every loss on every array library found here, and print what agrees.

    Printed are the worked examples of the lesson, the libraries with their versions and devices,
    and a table of the losses: value and gradient of each on each library are compared with those of
    NumPy, and those of NumPy with the formula evaluated number by number in plain Python and with
    its finite differences. It is what a bug report should contain; ``python -m portable_losses``
    prints the same.

    Returns
    -------
    bool
        True if all agree. A library that cannot be used here (one for GPUs without a GPU) is named,
        and counts as neither.

    See Also
    --------
    portable_losses.neural_network : The functions of the lesson.

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.check()
    portable_losses ...
    All agree.
    True
    """
    disagreements: list[str] = []
    for line in _report(disagreements):
        # It prints, because what it says is for a person, and row by row, because some libraries
        # take their time.
        print(line, flush=True)  # noqa: T201
    return not disagreements


def _report(disagreements: list[str]) -> Iterator[str]:
    # here, because it is a quarter of the time that importing the package takes
    from importlib.metadata import version

    yield f"portable_losses {version('portable_losses')}, Python {platform.python_version()}, {platform.platform()}"
    yield ""
    yield from _worked_examples()
    libraries = [*_libraries()]
    yield "Array libraries found here:"
    wide, wider = (
        max(map(len, column))
        for column in zip(*((x.name, x.version) for x in libraries), strict=True)
    )
    for library in libraries:
        yield f"  {library.name:{wide}}  {library.version:{wider}}  {library.problem or library.device}"
    yield ""
    yield "Loss and gradient, NumPy's compared with plain Python, the others' with NumPy's:"
    usable = [library for library in libraries if not library.problem]
    rows = [*_rows()]
    first = max(len(row.label) for row in rows)
    columns = [f"{library.name:7}" for library in usable]
    yield "  ".join([" " * first, *columns]).rstrip()
    for row in rows:
        marks = []
        for library, column, difference in zip(
            usable, columns, _differences(row, usable), strict=True
        ):
            marks.append(f"{'DIFFERS' if difference else 'ok':{len(column)}}")
            disagreements += (
                [f"  {row.label} on {library.name}: {difference}"] if difference else []
            )
        yield "  ".join([f"{row.label:{first}}", *marks]).rstrip()
    yield ""
    yield from ["What differs:", *disagreements] if disagreements else ["All agree."]


def _worked_examples() -> Iterator[str]:
    """Compute the two examples of the lesson."""
    predicted = neural_network.matrix_multiply([[1.0], [2.0], [3.0], [4.0]], [[2.0]]) + 1.0
    loss = neural_network.mse_loss(predicted, [[3.0], [5.0], [7.0], [9.0]])
    yield "Mean squared error, y = 2x + 1:"
    yield f"  predicted      {predicted[:, 0]}"
    yield "  observed       [3. 5. 7. 9.]"
    yield f"  mse_loss       {loss}"
    probability = neural_network.sigmoid([[2.0], [-1.0], [3.0], [-2.0]])
    loss = neural_network.binary_cross_entropy(probability, [[1.0], [0.0], [1.0], [0.0]])
    yield "Binary cross-entropy:"
    yield "  logits         [ 2. -1.  3. -2.]"
    yield f"  probabilities  {probability[:, 0]}"
    yield "  labels         [1. 0. 1. 0.]"
    yield f"  loss           {loss}"
    yield ""


# Libraries


@dataclass(frozen=True)
class _Library:
    """An array library on one of its devices."""

    name: str
    version: str = ""
    asarray: Callable[[Any], Array] = np.asarray
    device: str = "cpu"
    problem: str = ""
    """Why it cannot be used here, if so."""


def _libraries() -> Iterator[_Library]:
    """Find the libraries: NumPy, and what of the others can be imported."""
    yield _Library("numpy", np.__version__)
    for name, module in _OPTIONAL.items():
        try:
            xp = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != name:
                yield _Library(name, problem=f"cannot be imported: {error}")
            continue
        except Exception as error:  # noqa: BLE001 # a broken installation may raise anything
            yield _Library(name, problem=f"cannot be imported: {_brief(error)}")
            continue
        version = str(sys.modules[name].__version__)
        yield _on_device(name, version, xp.asarray)
        if name == "torch" and xp.cuda.is_available():
            yield _on_device("torch-cuda", version, partial(xp.asarray, device="cuda"))


def _on_device(name: str, version: str, asarray: Callable[[Any], Array]) -> _Library:
    """Make an array, which CuPy without a GPU cannot."""
    try:
        array = asarray(np.zeros(1))
    except Exception as error:  # noqa: BLE001 # each library has its own errors for this
        return _Library(name, version, problem=f"no device ({_brief(error)})")
    dtype = str(array.dtype).rpartition(".")[2]
    device = str(array_api_compat.device(array))
    return _Library(name, version, asarray, device if dtype == "float64" else f"{device}, {dtype}")


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


# Losses

Results: TypeAlias = tuple[Any, tuple[Array, ...]]
"""A loss, and its gradient with respect to each prediction."""


@dataclass(frozen=True)
class _Row:
    """A loss, one of the ways to call it, and inputs for that."""

    label: str
    loss: Loss[...]
    axis: tuple[Any, ...]
    """The position of the core axes, for a formula that is handed it."""
    inputs: Sequence[Array]
    parameters: dict[str, float]

    def on(self, library: _Library) -> Results:
        """Return loss and gradients on an array library."""
        value, gradient = self.loss.value_and_grad(
            *map(library.asarray, self.inputs), **self.parameters
        )
        return value, gradient if isinstance(gradient, tuple) else (gradient,)

    def in_plain_python(self) -> Results:
        """Return loss and gradients by the formula alone, number by number, without this library's way of the data.

        The gradients are differences, to which the registered derivative contributes nothing.
        """
        gradients = []
        for i in self.loss.signature.predicted:
            gradient = np.zeros(self.inputs[i].shape)
            for index in np.ndindex(gradient.shape):
                above, below = (
                    self._plain_loss(_moved(self.inputs, i, index, step))
                    for step in (_STEP, -_STEP)
                )
                gradient[index] = (above - below) / (2 * _STEP)
            gradients.append(gradient)
        return self._plain_loss(self.inputs), tuple(gradients)

    def _plain_loss(self, inputs: Sequence[Array]) -> float:
        numbers = [x if x.dtype.kind == "i" else x.astype(object) for x in inputs]
        parameters = {**self.loss.signature.defaults, **self.parameters}
        losses = self.loss.formula(_plain_python(), *self.axis, *numbers, **parameters)
        mean = math.fsum(losses.flat) / losses.size
        return (
            mean
            if self.loss.finishing is None
            else float(self.loss.finishing(np, np.asarray(mean))[0])
        )


def _moved(inputs: Sequence[Array], i: int, index: tuple[int, ...], step: float) -> list[Array]:
    moved = [*inputs]
    moved[i] = inputs[i].copy()
    moved[i][index] += step
    return moved


def _rows() -> Iterator[_Row]:
    """Draw inputs for each way to call each public loss."""
    import portable_losses as package  # which imports this module

    for name in package.__all__:
        loss = getattr(package, name)
        if not isinstance(loss, Loss):
            continue
        signature = loss.signature
        generator = random.Random(name)
        for cores, domains in zip(signature.ways, signature.domains, strict=True):
            sizes: dict[str, int] = {}
            for core in (core for of_argument in cores for core in of_argument):
                sizes.setdefault(core, _SHORTEST_CORE + len(sizes))
            vectors = bool(signature.core) and not any(cores)
            loop = (math.prod(_LOOP),) if vectors else _LOOP
            shapes = [
                (*(() if i in signature.common else loop), *(sizes[core] for core in of_argument))
                for i, of_argument in enumerate(cores)
            ]
            layout = ",".join(f"({','.join(of_argument)})" for of_argument in cores)
            positions = tuple(range(-len(cores[0]), 0))
            yield _Row(
                label=f"{name} {layout}" if len(signature.ways) > 1 else name,
                loss=loss,
                axis=positions
                if len(positions) == 1
                else (positions,)
                if positions
                else (None,) * vectors,
                inputs=[
                    _lengths(domain, shape, sizes, cores[0])
                    if domain.counted
                    else _drawn(domain, shape, generator)
                    for domain, shape in zip(domains, shapes, strict=True)
                ],
                parameters={
                    parameter.name: _between(parameter.constraints, generator)
                    for parameter in signature.parameters.values()
                    if parameter.name not in signature.defaults
                },
            )


def _lengths(
    domain: Domain, shape: tuple[int, ...], sizes: dict[str, int], predicted: tuple[str, ...]
) -> Array:
    """Return all of what is predicted, and one entry of everything else, which fits into it."""
    return np.full(shape, sizes[domain.counted] if domain.counted in predicted else 1)


def _drawn(domain: Domain, shape: tuple[int, ...], generator: random.Random) -> Array:
    values = np.empty(shape, np.int64 if domain.labels else np.float64)
    for index in np.ndindex(shape):
        if domain.labels:
            values[index] = generator.randrange(domain.excluded is not None, _SHORTEST_CORE)
        elif domain.members:
            values[index] = generator.choice(domain.members)
        else:
            number = _between(tuple(domain.interval or ()), generator)
            values[index] = round(number) if domain.whole else number
    return values


def _between(constraints: tuple[Any, ...], generator: random.Random) -> float:
    """Draw a number from the inside of an interval, not so near to its ends that a step leaves it."""
    parts = [
        part
        for constraint in constraints
        for part in (constraint if hasattr(constraint, "__iter__") else (constraint,))
    ]
    low = max(
        (getattr(part, end) for part in parts for end in ("gt", "ge") if hasattr(part, end)),
        default=-math.inf,
    )
    high = min(
        (getattr(part, end) for part in parts for end in ("lt", "le") if hasattr(part, end)),
        default=math.inf,
    )
    if low == -math.inf:
        low = high - 8.0 if high < math.inf else -4.0
    high = min(high, low + 8.0)
    return float(low + (high - low) * generator.randrange(_GRID // 8, _GRID - _GRID // 8) / _GRID)


# Comparison


# array-api-strict and Dask stand on NumPy, which warns of what a formula does not select
@np.errstate(all="ignore")
def _differences(row: _Row, libraries: Sequence[_Library]) -> list[str]:
    """Return for each library how it differs: the first from plain Python, the others from the first."""
    differences = []
    reference, slope_error = None, _SLOPE_ERROR
    for library in libraries:
        try:
            found = row.on(library)
            differences.append(
                _difference(library, found, reference or row.in_plain_python(), slope_error)
            )
        except Exception as error:  # noqa: BLE001 # it is reported, and the rest of the table is worth having
            differences.append(_brief(error))
            continue
        if reference is None:
            reference, slope_error = found, 0.0
    return differences


def _difference(library: _Library, found: Results, reference: Results, slope_error: float) -> str:
    """Return how results differ; nothing where they do not."""
    value, right = found[0], float(reference[0])
    rounding = _ROUNDING * float(array_api_compat.array_namespace(value).finfo(value.dtype).eps)
    if not abs(float(value) - right) <= rounding * max(1.0, abs(right)):
        return f"the loss is {float(value)!r}, not {right!r}"
    for gradient, expected in zip(found[1], reference[1], strict=True):
        xp = array_api_compat.array_namespace(gradient)
        off = float(xp.max(xp.abs(gradient - library.asarray(expected))))
        if not off <= max(rounding, slope_error) * max(1.0, float(np.max(np.abs(expected)))):
            return f"the gradient is off by {off!r}"
    return ""


def _plain_python() -> Any:
    """Return a namespace that computes with Python's own numbers and the functions of `math`.

    NumPy serves it as a container: arithmetic on its arrays of objects is that of the objects.
    """
    own = {
        name: _one_by_one(name)
        for name in dir(math)
        if isinstance(getattr(np, name, None), np.ufunc)
    }
    del own["remainder"]  # that of `math` is another function, with another sign
    # the numbers are Python's floats
    return SimpleNamespace(**(vars(np) | own | {"finfo": lambda _: np.finfo(np.float64)}))


def _one_by_one(name: str) -> Callable[..., Array]:
    function = getattr(math, name)

    def guarded(*numbers: Any) -> Any:
        try:
            return function(*numbers)
        except (OverflowError, ValueError):
            return math.nan  # a formula may compute what it then does not select

    each = np.frompyfunc(guarded, getattr(np, name).nin, 1)
    return (lambda x: each(x).astype(bool)) if name in ("isfinite", "isinf", "isnan") else each
