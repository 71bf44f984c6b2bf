"""Losses of two views of a set, by arithmetic that carries two derivatives along."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mpmath import mp, mpf

from .arithmetic import Difference, Exact, ratio

View = Sequence[Sequence[Any]]


class Taylor(NamedTuple):
    """A number, and its first and second derivative with respect to one of the inputs."""

    value: Exact
    first: Exact
    second: Exact

    def __add__(self, other: Any) -> "Taylor":
        other = as_taylor(other)
        return Taylor(
            self.value + other.value, self.first + other.first, self.second + other.second
        )

    def __mul__(self, other: Any) -> "Taylor":
        other = as_taylor(other)
        second = (
            self.value * other.second + 2 * self.first * other.first + self.second * other.value
        )
        return Taylor(
            self.value * other.value, self.value * other.first + self.first * other.value, second
        )

    def __sub__(self, other: Any) -> "Taylor":
        return self + -1 * as_taylor(other)

    def __pow__(self, power: Exact) -> "Taylor":
        """Return a power, other than 0 or 1, of a positive number."""
        slope, bend = (
            power * self.value ** (power - 1),
            power * (power - 1) * self.value ** (power - 2),
        )
        return Taylor(
            self.value**power, slope * self.first, slope * self.second + bend * self.first**2
        )

    __radd__, __rmul__ = __add__, __mul__  # type: ignore[assignment]


def as_taylor(x: Any) -> Taylor:
    return x if isinstance(x, Taylor) else Taylor(mpf(x), mpf(0), mpf(0))


class Sizes(NamedTuple):
    """Sizes of the positive and negative terms of value and derivatives, per feature and view."""

    value: Exact
    first: tuple[list[Exact], list[Exact]]


def _derivatives(
    loss: Callable[[View, View], Taylor], left: View, right: View, sizes: Sizes
) -> tuple[Any, ...]:
    with mp.extradps(30):
        value = loss(left, right).value
        first, second = [], []
        for k, view in enumerate((left, right)):
            found = [
                [_along(loss, left, right, k, i, j) for j in range(len(view[0]))]
                for i in range(len(view))
            ]
            first.append(
                [
                    [Difference(x.first, sizes.first[k][j]) for j, x in enumerate(row)]
                    for row in found
                ]
            )
            second.append([[x.second for x in row] for row in found])
    return Difference(value, value + sizes.value), tuple(first), tuple(second)


def _along(
    loss: Callable[[View, View], Taylor], left: View, right: View, k: int, i: int, j: int
) -> Taylor:
    views = [[list(row) for row in view] for view in (left, right)]
    views[k][i][j] = Taylor(views[k][i][j], mpf(1), mpf(0))
    return loss(views[0], views[1])


def _centred(view: View) -> list[list[Any]]:
    """Return the features, each a list of its values without their mean."""
    features = [list(map(as_taylor, feature)) for feature in zip(*view, strict=True)]
    means = [sum(feature, as_taylor(0)) * (1 / mpf(len(feature))) for feature in features]
    return [[x - mean for x in feature] for feature, mean in zip(features, means, strict=True)]


def _dot(left: Sequence[Any], right: Sequence[Any]) -> Taylor:
    return sum((x * y for x, y in zip(left, right, strict=True)), as_taylor(0))


def _values(view: View) -> list[list[Exact]]:
    return [[x.value for x in feature] for feature in _centred(view)]


def _with_sizes(left: Sequence[Exact], right: Sequence[Exact]) -> tuple[Exact, Exact]:
    """Return a scalar product, and the sum of the sizes of its terms."""
    products = [x * y for x, y in zip(left, right, strict=True)]
    return sum(products), sum(map(abs, products))


def _barlow_sizes(left: View, right: View, redundancy: Exact) -> Sizes:
    features = [_values(view) for view in (left, right)]
    lengths = [[mp.sqrt(sum(x**2 for x in feature)) for feature in view] for view in features]
    value, first = mpf(0), ([mpf(0)] * len(lengths[0]), [mpf(0)] * len(lengths[1]))
    for i, a in enumerate(features[0]):
        for j, b in enumerate(features[1]):
            length = lengths[0][i] * lengths[1][j]
            if length == 0:
                continue
            correlation, terms = (x / length for x in _with_sizes(a, b))
            gap = abs(1 - correlation)
            value += 2 * (
                gap * mp.sqrt(2 * gap) if i == j else redundancy * abs(correlation) * terms
            )
            pull = 2 * (gap + mp.sqrt(gap) if i == j else redundancy * terms)
            first[0][i] += pull / lengths[0][i]
            first[1][j] += pull / lengths[1][j]
    return Sizes(value, first)


def _vicreg_sizes(
    left: View, right: View, invariance: Exact, variance: Exact, covariance: Exact, eps: Exact
) -> Sizes:
    samples, count = len(left), len(left[0])
    divisor = mpf(max(samples - 1, 1))
    value, first = mpf(0), ([mpf(0)] * count, [mpf(0)] * count)
    for view, sizes in zip((left, right), first, strict=True):
        features = _values(view)
        largest = [max(map(abs, feature)) for feature in features]
        for j, b in enumerate(features):
            apart = max(abs(x[j] - y[j]) for x, y in zip(left, right, strict=True))
            deviation = mp.sqrt(_with_sizes(b, b)[0] / divisor + eps)
            sizes[j] += 2 * invariance / (samples * count) * apart
            sizes[j] += variance / count * ratio(largest[j], divisor * deviation)
            value += variance / count  # from which the deviation is subtracted
            for i, a in enumerate(features):
                if i != j:
                    product, terms = (x / divisor for x in _with_sizes(a, b))
                    value += 2 * covariance / count * abs(product) * terms
                    sizes[j] += 4 * covariance / count * terms * largest[i] / divisor
    return Sizes(value, first)


def barlow_twins_loss(left: View, right: View, redundancy: Exact) -> tuple[Any, ...]:
    def loss(one: View, other: View) -> Taylor:
        features = [_centred(view) for view in (one, other)]
        lengths = [[_dot(feature, feature) for feature in view] for view in features]
        total = as_taylor(0)
        for i, a in enumerate(features[0]):
            for j, b in enumerate(features[1]):
                square = lengths[0][i] * lengths[1][j]
                correlation = _dot(a, b) * square ** mpf(-0.5) if square.value else as_taylor(0)
                off = correlation - (1 if i == j else 0)
                total += (1 if i == j else redundancy) * off * off
        return total

    return _derivatives(loss, left, right, _barlow_sizes(left, right, redundancy))


def vicreg_loss(
    left: View, right: View, invariance: Exact, variance: Exact, covariance: Exact, eps: Exact
) -> tuple[Any, ...]:
    def loss(one: View, other: View) -> Taylor:
        samples, count = len(one), len(one[0])
        apart = [
            as_taylor(x) - y
            for a, b in zip(one, other, strict=True)
            for x, y in zip(a, b, strict=True)
        ]
        total = invariance / (samples * count) * _dot(apart, apart)
        for view in (one, other):
            features = _centred(view)
            for i, a in enumerate(features):
                for j, b in enumerate(features):
                    product = _dot(a, b) * (1 / mpf(max(samples - 1, 1)))
                    if i != j:
                        total += covariance / count * product * product
                    elif product.value + eps < 1 and product.value + eps > 0:
                        total += variance / count * (as_taylor(1) - (product + eps) ** mpf(0.5))
                    elif product.value + eps == 0:
                        total += variance / count
        return total

    return _derivatives(
        loss, left, right, _vicreg_sizes(left, right, invariance, variance, covariance, eps)
    )
