"""One case for each way to call a loss: inputs from its domains, parameters, and a reference that is not our formula.

A reference is a scalar function in mpmath, evaluated at 50 digits in the textbook's form; what it is differentiated by is
mpmath's own numerical differentiation. For losses of a row it takes the row.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

import portable_losses

DIGITS = 50
ROWS, CLASSES = 6, 4


@dataclass(frozen=True, eq=False)
class Case:
    """A way to call a loss."""

    name: str
    """The public name of the loss."""
    kind: str
    """What distinguishes this case from others of the loss."""
    draw: Callable[[np.random.Generator, tuple[int, ...]], tuple[np.ndarray, ...]]
    """Inputs in float64 (labels in int64) for a loop shape, away from kinks."""
    reference: Callable[..., Any]
    """The loss of one element, or of one row, in mpmath."""
    parameters: tuple[Mapping[str, Any], ...] = ({},)
    row: bool = False

    @property
    def loss(self) -> Any:
        """The loss, looked up by name so that nothing patched is missed."""
        return getattr(portable_losses, self.name)

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}" if self.kind else self.name


def real(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw real numbers of all sizes."""
    return rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 2, shape)


def _pair(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return real(rng, shape), real(rng, shape)


def _probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return rng.uniform(0.01, 0.99, shape), rng.uniform(0, 1, shape).round(rng.integers(0, 2))


def _logits(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return real(rng, shape), rng.uniform(0, 1, shape).round(rng.integers(0, 2))


def _labels(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return real(rng, (*shape, CLASSES)), rng.integers(0, CLASSES, shape)


def _distributions(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return real(rng, (*shape, CLASSES)), rng.dirichlet(np.ones(CLASSES), shape)


def _huber(pred: Any, target: Any, delta: float = 1.0) -> Any:
    residual = abs(pred - target)
    delta = mpmath.mpf(delta)
    return residual**2 / 2 if residual <= delta else delta * residual - delta**2 / 2


def _binary(pred: Any, target: Any, eps: float = 1e-15) -> Any:
    return -target * mpmath.log(max(pred, eps)) - (1 - target) * mpmath.log(max(1 - pred, eps))


def _binary_logits(pred: Any, target: Any, pos_weight: float = 1.0) -> Any:
    yes = 1 / (1 + mpmath.exp(-pred))
    return -pos_weight * target * mpmath.log(yes) - (1 - target) * mpmath.log(1 - yes)


def _cross_entropy(logits: Any, target: Any, label_smoothing: float = 0.0) -> Any:
    classes = len(logits)
    if not hasattr(target, "__len__"):
        target = [mpmath.mpf(k == int(target)) for k in range(classes)]
    smoothing = mpmath.mpf(label_smoothing)
    target = [(1 - smoothing) * y + smoothing / classes for y in target]
    total = mpmath.fsum(mpmath.exp(z) for z in logits)
    return -mpmath.fsum(y * mpmath.log(mpmath.exp(z) / total) for y, z in zip(target, logits, strict=True))


CASES = (
    Case("mse_loss", "", _pair, lambda pred, target: (pred - target) ** 2),
    Case("l1_loss", "", _pair, lambda pred, target: abs(pred - target)),
    Case("huber_loss", "", _pair, _huber, ({}, {"delta": 0.3})),
    Case("binary_cross_entropy", "", _probabilities, _binary, ({}, {"eps": 0.0}, {"eps": 1e-3})),
    Case("binary_cross_entropy_with_logits", "", _logits, _binary_logits, ({}, {"pos_weight": 2.5})),
    Case("cross_entropy", "labels", _labels, _cross_entropy, ({}, {"label_smoothing": 0.1}), row=True),
    Case("cross_entropy", "probabilities", _distributions, _cross_entropy, ({}, {"label_smoothing": 0.1}), row=True),
)

EACH = [(case, index) for case in CASES for index in range(len(case.parameters))]
IDS = [f"{case}-{index}" for case, index in EACH]


@dataclass(frozen=True)
class Example:
    """The inputs of a case, and what is right for them."""

    case: Case
    arrays: tuple[np.ndarray, ...]
    """In the dtype of the test; labels stay integers."""
    parameters: Mapping[str, Any]
    value: np.ndarray
    derivative: np.ndarray
    second: np.ndarray


@functools.cache
def example(case: Case, index: int, dtype: str, shape: tuple[int, ...] = (ROWS,)) -> Example:
    """Draw the inputs of a case and evaluate its reference on them, as they are in `dtype`."""
    rng = np.random.default_rng([ord(letter) for letter in str(case)])
    arrays = tuple(x if x.dtype.kind == "i" else x.astype(dtype) for x in case.draw(rng, shape))
    parameters = case.parameters[index]
    value = np.empty(shape)
    derivative = np.empty(arrays[0].shape)
    second = np.empty(arrays[0].shape)
    with mpmath.workdps(DIGITS):
        for place in np.ndindex(shape):
            pred, target = (_exact(x[place]) for x in arrays)
            value[place] = case.reference(pred, target, **parameters)
            if not case.row:
                derivative[place] = mpmath.diff(lambda p, t=target: case.reference(p, t, **parameters), pred)
                second[place] = mpmath.diff(lambda p, t=target: case.reference(p, t, **parameters), pred, 2)
                continue
            for k in range(len(pred)):

                def along(z: Any, pred: Any = pred, target: Any = target, k: int = k) -> Any:
                    return case.reference([*pred[:k], z, *pred[k + 1 :]], target, **parameters)

                derivative[*place, k] = mpmath.diff(along, pred[k])
                second[*place, k] = mpmath.diff(along, pred[k], 2)
    return Example(case, arrays, parameters, value, derivative, second)


def _exact(values: Any) -> Any:
    if np.ndim(values):
        return [mpmath.mpf(float(v)) for v in values]
    return mpmath.mpf(float(values))
