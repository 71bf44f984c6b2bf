"""The best constant prediction: mean, median, quantile, log-odds, class shares."""

from collections.abc import Callable, Iterator, Mapping
from math import inf, nan, nextafter
from typing import Any

import numpy as np

from .._loss import Loss
from ..typing import Array
from ._bound import Bound

__all__ = ["optimal_constant"]


def optimal_constant(
    loss: Loss[...], target: Array, /, *, weights: Array | None = None, **parameters: Any
) -> Any:
    r"""Return the constant prediction with the smallest loss.

    It is the score that boosting should start from, and the model that `d2_score` compares with.

    Parameters
    ----------
    loss : Loss
        A loss of elements, or of rows of classes.
    target : array of shape (n,) or (n, k)
        The targets: numbers, labels, or a row for each prediction. A matrix of numbers has a
        constant for each column.
    weights : array of shape (n,), optional
        The weight of each target, not negative.
    **parameters
        The parameters of the loss, such as ``quantile=0.9``; a sequence has a constant for each of
        its numbers.

    Returns
    -------
    float or array
        The constant, in the domain of the predictions: the mean for `mse_loss` and the deviances,
        its logarithm for `poisson_nll_loss`, the median for `l1_loss`, the quantile for
        `pinball_loss`, the log-odds for `binary_cross_entropy_with_logits`. For a loss of rows an
        array of K numbers: the share of each class, or its logarithm for logits. Infinite where no
        number is the best, as for labels that are all 1. NaN where there is no target.

    Raises
    ------
    TypeError
        If the loss has no such parameter, several predictions, or no value for a row.
    ValueError
        If the targets lie outside the domain of the loss, or their shape is no (n,) or (n, k).
    NotImplementedError
        If the best row is not made of class shares, as for `multi_margin_loss`.

    See Also
    --------
    d2_score : The share of the constant's loss that a model saves.

    Notes
    -----
    The constant of a loss of elements is the zero of the sum of the gradients, to the last digits,
    by Chandrupatla's method [1]_ from a bracket around the best of a few quantiles of the targets.
    Where a whole interval is best, as between the two middle values of an even number, it is
    the middle of that interval. A loss that is not convex may have other local minima; the one
    that is found is at least as good as these quantiles.

    References
    ----------
    .. [1] T. R. Chandrupatla, "A New Hybrid Quadratic/Bisection Algorithm for Finding the Zero of a
       Nonlinear Function without Using Derivatives", Advances in Engineering Software 28, 1997.
       :doi:`10.1016/S0965-9978(96)00051-8`

    Examples
    --------
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import optimal_constant
    >>> optimal_constant(pl.mse_loss, [1.0, 2.0, 6.0])
    3.0
    >>> optimal_constant(pl.l1_loss, [1.0, 2.0, 4.0, 60.0])
    3.0
    >>> optimal_constant(pl.binary_cross_entropy_with_logits, [0.0, 1.0, 1.0, 1.0])
    1.0986122886681098
    >>> optimal_constant(pl.categorical_cross_entropy, [0, 1, 1, 2])
    array([0.25, 0.5 , 0.25])
    """
    bound = Bound("optimal_constant", loss, parameters)
    if weights is not None:
        weights = np.asarray(weights, dtype=np.float64)
    return constant_of(bound, np.asarray(target), weights, rows=bool(bound.core))


def constant_of(
    bound: Bound, target: Array, weights: Array | None, *, rows: bool, classes: int = 0
) -> Any:
    """Return the best constant: a row of at least so many classes, or a number for each column."""
    bound.one_prediction()
    if bound.core not in ((), ("class",)) or bound.loss.formulas.finish is not None:
        raise TypeError(
            f"{bound.wrapper}: {bound.name} is no loss of elements or of rows of classes"
        )
    if target.ndim not in (1, 2) or (weights is not None and weights.shape != target.shape[:1]):
        raise ValueError(
            f"{bound.wrapper}: the targets must have shape (n,) or (n, k) and the weights (n,), "
            f"got {target.shape} and {None if weights is None else weights.shape}"
        )
    if rows:
        return _row(bound, target, weights, classes)
    some = bool(target.size) and (weights is None or bool(weights.any()))
    found = [_best(*each) if some else nan for each in _columns(bound, target, weights)]
    return found[0] if target.ndim == 1 and len(found) == 1 else np.asarray(found)


def _columns(
    bound: Bound, target: Array, weights: Array | None
) -> Iterator[tuple[Callable[[float], float], Callable[[float], float], Array, Any]]:
    """Find for each constant the loss and its slope, the targets, and the domain."""
    sequences = [x for x in bound.parameters.values() if isinstance(x, (tuple, list))]
    count = len(sequences[0]) if sequences else 1 if target.ndim == 1 else target.shape[1]
    for j in range(count):
        own = {
            key: value[j] if isinstance(value, (tuple, list)) else value
            for key, value in bound.parameters.items()
        }
        column = np.asarray(target if target.ndim == 1 else target[:, j], dtype=np.float64)
        signature = bound.loss.signature
        way = next(i for i, cores in enumerate(signature.ways) if not any(cores))
        domain = signature.domains_for(way, {**signature.defaults, **own})[0]
        options = {"weights": weights, "reduction": "sum", **own}

        def value(
            constant: float, column: Array = column, options: Mapping[str, Any] = options
        ) -> float:
            return float(bound.loss(np.full_like(column, constant), column, **options))

        def slope(
            constant: float, column: Array = column, options: Mapping[str, Any] = options
        ) -> float:
            gradient = bound.loss.grad(np.full_like(column, constant), column, **options)
            return float(gradient.sum())

        yield value, slope, column, domain


def _best(
    value: Callable[[float], float], slope: Callable[[float], float], column: Array, domain: Any
) -> float:
    """Return the constant of one column."""
    low, high = _ends(domain)
    tried = np.clip([column.mean(), *np.quantile(column, np.linspace(0, 1, 9))], low, high)
    start = float(min(tried, key=value))
    if np.isnan(slope(start)):
        return nan
    left = _first_zero(value, slope, start, low, high)
    if left in (low, -inf) or slope(left) > 0:
        return left
    mirrored = (lambda x: value(-x)), (lambda x: -slope(-x))
    right = -_first_zero(*mirrored, -max(start, left), -high, -low)
    return (left + right) / 2


def _ends(domain: Any) -> tuple[float, float]:
    """Return the smallest and the largest number of a domain, open ends moved inside."""
    interval = domain.interval
    if interval is None:
        return -inf, inf
    low = -inf if interval.ge is None else float(interval.ge)
    high = inf if interval.le is None else float(interval.le)
    if interval.gt is not None:
        low = nextafter(float(interval.gt), inf)
    if interval.lt is not None:
        high = nextafter(float(interval.lt), -inf)
    return low, high


def _first_zero(
    value: Callable[[float], float],
    slope_of: Callable[[float], float],
    start: float,
    low: float,
    high: float,
) -> float:
    """Return about the smallest number from which on a slope is not negative."""
    limit = value(start)
    limit += 1e-9 * abs(limit)

    def slope(x: float) -> float:
        found = slope_of(x)
        if x != start and (found >= 0) == (x < start) and value(x) > limit:
            # Another minimum, behind a hump: the loss is not convex.
            return -inf if x < start else inf
        return found

    a = b = start
    step = max(abs(start), 1.0) / 16
    while slope(a) >= 0:
        if a <= low:
            return low
        a, b, step = max(a - step, low), a, 2 * step
        if a < -1e308:
            return -inf
    step = max(abs(start), 1.0) / 16
    while not slope(b) >= 0:
        if b >= high:
            return high
        a, b, step = b, min(b + step, high), 2 * step
        if b > 1e308:
            return inf
    return _zero_between(slope, a, b)


def _zero_between(slope: Callable[[float], float], a: float, b: float) -> float:
    """Find where a slope is no longer negative, from a where it is to b where it is not."""
    fa, fb = slope(a), slope(b)
    share = 0.5
    while b - a > 2 * np.spacing(max(abs(a), abs(b))):
        x = a + share * (b - a)
        if not a < x < b:
            x = a + (b - a) / 2
        f = slope(x)
        c, fc = (a, fa) if f < 0 else (b, fb)  # the end that is given up
        a, fa, b, fb = (x, f, b, fb) if f < 0 else (a, fa, x, f)
        share = _share(a, fa, b, fb, c, fc)
    return b


def _share(a: float, fa: float, b: float, fb: float, c: float, fc: float) -> float:
    """Return where to look next between a and b, as a share of the way: Chandrupatla's choice."""
    if len({fa, fb, fc}) < 3 or not np.isfinite([fa, fb, fc]).all():
        return 0.5
    # The newest end is x1, the other end of the bracket x2, and the one that is given up x3.
    newest_is_a = c < a
    x1, f1, x2, f2 = (a, fa, b, fb) if newest_is_a else (b, fb, a, fa)
    xi, phi = (x1 - x2) / (c - x2), (f1 - f2) / (fc - f2)
    if not 1 - np.sqrt(1 - xi) < phi < np.sqrt(xi):
        return 0.5
    inverse = f1 / (f2 - f1) * fc / (f2 - fc) + (c - x1) / (x2 - x1) * f1 / (fc - f1) * f2 / (
        fc - f2
    )
    # Past the zero by a little, so that the far end moves as well.
    least = np.spacing(max(abs(a), abs(b))) / (b - a)
    inverse = min(max(inverse + least, least), 1 - least)
    return float(inverse if newest_is_a else 1 - inverse)


def _row(bound: Bound, target: Array, weights: Array | None, classes: int) -> Array:
    """Return the best row of a loss of classes, made of their shares."""
    labels = target.ndim == 1
    if labels:
        kept = target != bound.parameters.get("ignore_index")
        target, weights = target[kept], None if weights is None else weights[kept]
        classes = max(classes, bound.count_classes(target))
    per_class = bound.parameters.get("class_weights")
    given = np.ones(len(target)) if weights is None else weights
    one_hot = np.eye(classes)[target.astype(np.int64)] if labels else np.asarray(target, float)
    if per_class is not None:
        one_hot = one_hot * np.asarray(per_class, dtype=np.float64)
    total = given @ one_hot
    shares = total / total.sum() if total.sum() else np.full(total.shape, nan)
    domain = bound.loss.signature.domains[0][0]
    logarithms = not (domain.interval is not None and domain.interval.ge == 0)
    with np.errstate(divide="ignore"):
        row = np.log(shares) if logarithms else shares
    every = np.broadcast_to(row, one_hot.shape)
    options = {"reduction": "sum", "weights": weights, **bound.parameters}
    gradient = bound.loss.grad(every.copy(), target, **options)
    there = shares > 0
    # On the simplex a minimum has the same slope along each share that is not 0.
    slopes = gradient.sum(axis=0)[there] / (shares[there] if logarithms else 1.0)
    size = np.abs(gradient).sum(axis=0)[there] / (shares[there] if logarithms else 1.0)
    if slopes.size and np.ptp(slopes) > 1e-8 * size.max():
        raise NotImplementedError(
            f"{bound.wrapper}: the best row of {bound.name} with these parameters is not that of "
            "the class shares; minimise it with scipy_objective"
        )
    return row
