"""A section through a loss: value and derivatives along one entry of one prediction."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._engine.signature import Signature
from .._loss import Loss
from ..typing import Array, ClassLogit, Domain, Logit, Probability, Real, Sign

POINTS = 801
"""The number of points of a curve. It is odd, so that 0 is one of them."""

_SIZES = {"class": 3, "sample": 4, "label": 2, "feature": 2, "d": 1}
"""The sizes of core dimensions at the default point; of others 5."""

_WIDTH = 8.0
"""The width of the default span where the domain has no end."""

_GAP = 0.04
"""The distance from an end of the domain, as a share of the span: the loss may be inf there."""


def _domain(annotation: Any) -> Domain:
    """Return the domain of an annotation."""
    found: Domain = annotation.__metadata__[0]
    return found


_WORDS = {
    _domain(Logit): "logit",
    _domain(ClassLogit): "logit",
    _domain(Probability): "probability",
}
"""The names of predictions, by their domains."""


@dataclass(frozen=True)
class Section:
    """The curves of a loss."""

    quantity: str
    """What changes along the section: a residual, a logit, …"""
    x: Array
    curves: tuple[Array, ...]
    """The value, the derivative, and the second derivative, as far as the loss has them."""


def section(
    loss: Loss[...],
    arrays: Mapping[str, Any],
    parameters: Mapping[str, Any],
    vary: str | None,
    span: tuple[float, float] | None,
) -> Section:
    """Evaluate a loss along the first entry of one of its predictions.

    Parameters
    ----------
    loss : Loss
        The loss.
    arrays : mapping of str to array_like
        Arrays of the point that the section goes through, by the names of the arguments. The
        default of a number is 1.
    parameters : mapping of str to object
        Parameters of the loss.
    vary : str, optional
        The prediction that changes; the first by default.
    span : tuple of float, optional
        The ends of the section. The default depends on the domain.

    Returns
    -------
    Section
        The curves.
    """
    signature = loss.signature
    signature = signature.without(signature.optional - set(arrays))
    moving = _moving(signature, vary)
    given = {key: np.asarray(value) for key, value in arrays.items()}
    way = _way(signature, given)
    point = _point(signature, way, given)
    domain = signature.domains_for(way, {**signature.defaults, **parameters})[moving]
    target = point[signature.target]
    of_target = signature.domains[way][signature.target]
    is_residual = not signature.core and domain == of_target == _domain(Real)
    x = np.linspace(*(span or _span(domain)), POINTS)
    point[moving] = np.repeat(np.asarray(point[moving], np.float64)[None], POINTS, axis=0)
    first = (..., *(0,) * (point[moving].ndim - 1))
    point[moving][first] = x + target if is_residual else x
    for i, array in enumerate(point):
        if i != moving and i not in signature.common:
            point[i] = np.repeat(array[None], POINTS, axis=0)
    entry = signature.predicted.index(moving)
    with np.errstate(all="ignore"):
        curves = _curves(loss, point, parameters, entry)
    return Section(
        f"residual: {signature.arguments[moving]} - target"
        if is_residual
        else _quantity(signature, domain, moving, given),
        x,
        tuple(curve if i == 0 else curve[first] for i, curve in enumerate(curves)),
    )


def _curves(
    loss: Loss[...], point: Sequence[Array], parameters: Mapping[str, Any], entry: int
) -> list[Array]:
    """Return the value and the derivatives, as far as the loss has them."""

    def part(gradient: Any) -> Array:
        return gradient[entry] if isinstance(gradient, tuple) else gradient

    curves = [loss(*point, reduction="none", **parameters)]
    try:
        curves.append(part(loss.grad(*point, reduction="none", **parameters)))
        curves.append(part(loss.grad_and_hess(*point, reduction="none", **parameters)[1]))
    except NotImplementedError:
        pass  # it has no further derivative
    return curves


def _moving(signature: Signature, vary: str | None) -> int:
    """Return the position of the prediction that changes."""
    names = [signature.arguments[i] for i in signature.predicted if i not in signature.common]
    if vary is None:
        vary = names[0]
    if vary not in names:
        raise ValueError(
            f"{signature.name}: vary must name a prediction of each row, one of "
            f"{', '.join(names)}, got {vary!r}"
        )
    return signature.arguments.index(vary)


def _way(signature: Signature, given: Mapping[str, Array]) -> int:
    """Return the first way to call the loss that fits the axes of the given arrays."""
    for way, cores in enumerate(signature.ways):
        named = zip(signature.arguments, cores, strict=True)
        if all(given[name].ndim == len(core) for name, core in named if name in given):
            return way
    shapes = ", ".join(f"{name} of shape {array.shape}" for name, array in given.items())
    axes = " or ".join(
        ", ".join(
            f"{name} ({','.join(core)})"
            for name, core in zip(signature.arguments, cores, strict=True)
        )
        for cores in signature.ways
    )
    raise ValueError(f"{signature.name}: a section goes through one point: {axes}; got {shapes}")


def _point(signature: Signature, way: int, given: Mapping[str, Array]) -> list[Array]:
    """Return one number, row or set for each argument, which has the sizes of the given arrays."""
    sizes: dict[str, int] = {}
    for name, cores in zip(signature.arguments, signature.ways[way], strict=True):
        if name in given:
            sizes.update(zip(cores, given[name].shape, strict=True))
    for core in (core for cores in signature.ways[way] for core in cores):
        sizes.setdefault(core, _SIZES.get(core, 5))
    generator = np.random.default_rng(0)
    return [
        given[name]
        if name in given
        else _typical(domain, tuple(sizes[core] for core in cores), sizes, generator)
        for name, cores, domain in zip(
            signature.arguments, signature.ways[way], signature.domains[way], strict=True
        )
    ]


def _typical(
    domain: Domain, shape: tuple[int, ...], sizes: Mapping[str, int], generator: Any
) -> Array:
    """Return a plain example of a domain: for a single number 1, for a label 0."""
    if domain.counted:
        return np.full(shape, sizes[domain.counted])
    if domain.labels:
        first = int(domain.excluded == 0)
        return np.resize(np.arange(first, first + 2), shape) if shape else np.asarray(first)
    if not shape:
        return np.asarray(1.0)
    if domain.members:
        return np.resize(np.asarray(domain.members[::-1], np.float64), shape)
    low, high = _span(domain)
    numbers = generator.uniform(low, high, shape)
    return np.floor(numbers) if domain.whole else np.round(numbers / 2, 1)


def _span(domain: Domain) -> tuple[float, float]:
    """Return the ends of a section within a domain."""
    low = _end(domain, ("ge", "gt"), -math.inf)
    high = _end(domain, ("le", "lt"), math.inf)
    if low == -math.inf:
        return (-_WIDTH / 2, _WIDTH / 2) if high == math.inf else (high - _WIDTH / 2, high)
    width = min(high - low, _WIDTH / 2)
    return low + _GAP * width, low + width - (_GAP * width if high < math.inf else 0.0)


def _end(domain: Domain, names: tuple[str, str], default: float) -> float:
    """Return an end of a domain, whether it belongs to it or not."""
    found = (getattr(domain.interval, name, None) for name in names)
    return next((float(end) for end in found if end is not None), default)


def _quantity(signature: Signature, domain: Domain, moving: int, given: Mapping[str, Array]) -> str:
    """Return what changes along a section, in the words of the field."""
    name = signature.arguments[moving]
    word = _WORDS.get(domain, name)
    if signature.core:
        return f"{word} of the first class" if "class" in signature.core else f"first of {name}"
    if signature.arguments[signature.target] in given:
        return word
    if word == "logit" and signature.domains[0][signature.target] == _domain(Sign):
        return "margin: pred * target"
    return f"{word}, for a target of 1"
