"""Losses of embeddings."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from mpmath import mp, mpf

from .arithmetic import Difference, Exact

Row = Sequence[Exact]

EXTRA = 60
"""This number of additional digits is enough if 1 - cosine is computed literally."""


# Of two vectors


class Angle(NamedTuple):
    """The cosine of two vectors, and the parts of its derivatives."""

    cosine: Exact
    terms: Exact
    """The sum of the sizes of the products of which the cosine is a sum."""
    units: tuple[list[Exact], list[Exact]]
    lengths: tuple[Exact, Exact]

    def along(self, i: int, k: int) -> tuple[Exact, Exact]:
        """Return the derivatives of the cosine with respect to one entry of one of the two."""
        u, v, length = self.units[i][k], self.units[1 - i][k], self.lengths[i]
        if length == 0:
            return mpf(0), mpf(0)
        across = v - self.cosine * u
        return across / length, -(2 * u * across + self.cosine * (1 - u**2)) / length**2

    def derivatives(self, i: int, sign: int) -> tuple[list[Difference], list[Difference]]:
        """Return the cosine's derivatives with respect to one vector, and the sizes of terms."""
        length, first, second = self.lengths[i], [], []
        for k, (u, v) in enumerate(zip(self.units[i], self.units[1 - i], strict=True)):
            slope, bend = self.along(i, k)
            terms = abs(v) + self.terms * abs(u)
            sizes = (
                (terms / length, (2 * abs(u) * terms + self.terms) / length**2)
                if length
                else (mpf(0), mpf(0))
            )
            first.append(Difference(sign * slope, sizes[0]))
            second.append(Difference(sign * bend, sizes[1]))
        return first, second


def _angle(left: Row, right: Row) -> Angle:
    lengths = [mp.sqrt(sum(x**2 for x in vector)) for vector in (left, right)]
    units = [
        [x / length if length else mpf(0) for x in vector]
        for vector, length in zip((left, right), lengths, strict=True)
    ]
    products = [u * v for u, v in zip(*units, strict=True)]
    return Angle(
        sum(products), sum(map(abs, products)), (units[0], units[1]), (lengths[0], lengths[1])
    )


def cosine_distance_loss(pred: Row, target: Row) -> tuple[Any, ...]:
    with mp.extradps(EXTRA):
        found = _angle(pred, target)
        first, second = found.derivatives(0, -1)
        return _distance_of(found), first, second


def _distance_of(found: Angle) -> Difference:
    """It is half the square of the difference of two directions, which are rounded: by 2**-23."""
    distance = 1 - found.cosine
    return Difference(distance, mp.sqrt(2 * distance) + mpf(2) ** -23)


def cosine_embedding_loss(left: Row, right: Row, target: Exact, margin: Exact) -> tuple[Any, ...]:
    with mp.extradps(EXTRA):
        found = _angle(left, right)
        if target == 1:
            return _distance_of(found), *zip(
                *(found.derivatives(i, -1) for i in range(2)), strict=True
            )
        if found.cosine > margin:
            value = Difference(found.cosine - margin, max(found.terms, abs(margin)))
            return value, *zip(*(found.derivatives(i, 1) for i in range(2)), strict=True)
        nothing = [mpf(0)] * len(left)
        return mpf(0), (nothing, nothing), (nothing, nothing)


def hinge_embedding_loss(pred: Exact, target: Exact, margin: Exact) -> tuple[Exact, Exact, Exact]:
    if target == 1:
        return pred, mpf(1), mpf(0)
    return max(margin - pred, mpf(0)), mpf(-1 if pred < margin else 0), mpf(0)


def margin_ranking_loss(left: Exact, right: Exact, target: Exact, margin: Exact) -> tuple[Any, ...]:
    with mp.extraprec(2400):
        lacking = margin - target * (left - right)
    if lacking <= 0:
        return mpf(0), (mpf(0), mpf(0)), (mpf(0), mpf(0))
    return lacking, (-target, target), (mpf(0), mpf(0))


def contrastive_loss(left: Row, right: Row, target: Exact, margin: Exact) -> tuple[Any, ...]:
    residual = [a - b for a, b in zip(left, right, strict=True)]
    distance = mp.sqrt(sum(r**2 for r in residual))
    nothing = [mpf(0)] * len(residual)
    if target == 1:
        ones = [mpf(1)] * len(residual)
        return distance**2 / 2, (residual, [-r for r in residual]), (ones, ones)
    if distance >= margin:
        return mpf(0), (nothing, nothing), (nothing, nothing)
    lacking = margin - distance
    value = Difference(lacking**2 / 2, lacking * margin)
    if distance == 0:
        return value, (nothing, nothing), (nothing, nothing)
    first = [(lacking * r / distance, margin * abs(r) / distance) for r in residual]
    bend = [
        Difference(
            1 - margin / distance * (1 - (r / distance) ** 2), max(mpf(1), margin / distance)
        )
        for r in residual
    ]
    return (
        value,
        ([Difference(-x, size) for x, size in first], [Difference(x, size) for x, size in first]),
        (bend, bend),
    )


# Of three


class Distance(NamedTuple):
    value: Exact
    slope: list[Exact]
    bend: list[Exact]
    size: list[Exact]
    """The larger of the two terms of which the second derivative is the difference."""


def _distance(left: Row, right: Row, p: Exact) -> Distance:
    residual = [a - b for a, b in zip(left, right, strict=True)]
    value = sum(abs(r) ** p for r in residual) ** (1 / p)
    if value == 0:
        nothing = [mpf(0)] * len(residual)
        return Distance(value, nothing, nothing, nothing)
    slope, bend, size = [], [], []
    for r in residual:
        share = abs(r) / value
        slope.append(mp.sign(r) * share ** (p - 1) if r else mpf(0))
        if share == 0:
            steep = mp.inf if 1 < p < 2 else (1 / value if p == 2 else mpf(0))
        else:
            steep = (p - 1) * share ** (p - 2) / value
        size.append(steep)
        bend.append(steep if mp.isinf(steep) else steep * (1 - share**p))
    return Distance(value, slope, bend, size)


def triplet_margin_loss(
    anchor: Row, positive: Row, negative: Row, margin: Exact, p: Exact, swap: bool
) -> tuple[Any, ...]:
    near, far = _distance(anchor, positive, p), _distance(anchor, negative, p)
    other = _distance(positive, negative, p)
    swapped = swap and other.value < far.value
    far = other if swapped else far
    value = near.value - far.value + margin
    if value <= 0:
        nothing = ([mpf(0)] * len(anchor),) * 3
        return mpf(0), nothing, nothing
    pairs = list(zip(near.slope, far.slope, strict=True))
    both = [Difference(a - b, max(abs(a), abs(b))) for a, b in pairs]
    minus_both = [Difference(-a - b, max(abs(a), abs(b))) for a, b in pairs]
    first = (
        (near.slope, minus_both, far.slope)
        if swapped
        else (both, [-x for x in near.slope], far.slope)
    )
    alone, less = (list(map(Difference, x.bend, x.size)) for x in (near, far))
    minus = [Difference(-x.exact, x.term) for x in less]
    mixed = [
        Difference(a.exact - b.exact, max(a.term, b.term)) for a, b in zip(alone, less, strict=True)
    ]
    second = (alone, mixed, minus) if swapped else (mixed, alone, minus)
    return Difference(value, max(near.value, far.value, margin)), first, second


# Of sets


class Jet(NamedTuple):
    """A number, and its first and second derivative along an entry of a vector."""

    value: Exact
    first: Exact
    second: Exact


Set = Sequence[Row]
Exponents = list[list[Jet]]


def _logsumexp(jets: Sequence[Jet]) -> Jet:
    if len(jets) == 1:
        return jets[0]
    weights = [_exp(jet.value, mp.prec) for jet in jets]
    total = sum(weights)
    moving = [
        (w / total, jet) for w, jet in zip(weights, jets, strict=True) if jet.first or jet.second
    ]
    mean = sum((w * jet.first for w, jet in moving), mpf(0))
    square = sum((w * (jet.second + jet.first**2) for w, jet in moving), mpf(0))
    return Jet(mp.log(total), mean, square - mean**2)


@cache
def _exp(x: Exact, _: int) -> Exact:
    return mp.exp(x)


def _combined(terms: Sequence[tuple[Exact, Jet]]) -> Jet:
    return Jet(*(sum((weight * jet[order] for weight, jet in terms), mpf(0)) for order in range(3)))


def _exponents(
    angles: list[list[Angle]], temperature: Exact, one: bool, moving: tuple[int, int, int] | None
) -> Exponents:
    """Return cosines over the temperature; `moving` selects the entry to differentiate along."""
    grid = [[Jet(found.cosine / temperature, mpf(0), mpf(0)) for found in line] for line in angles]
    if moving:
        k, number, entry = moving
        for side in (0, 1) if one else (k,):
            for other in range(len(angles)):
                if one and other == number:
                    continue
                i, j = (other, number) if side else (number, other)
                slope, bend = angles[i][j].along(side, entry)
                grid[i][j] = Jet(grid[i][j].value, slope / temperature, bend / temperature)
    return grid


def _derivatives(
    loss: Callable[[Exponents], Jet],
    sets: tuple[Set, ...],
    temperature: Exact,
    steepness: Exact = 1,
) -> tuple[Any, ...]:
    """Return value and derivatives of a function of the rounded exponents, up to 1 / temperature.

    `steepness` says by how much the function multiplies that error.
    """
    one = len(sets) == 1
    sharp = max(mpf(1), steepness / temperature)
    with mp.extradps(20):
        angles = [[_angle(a, b) for b in sets[-1]] for a in sets[0]]
        value = loss(_exponents(angles, temperature, one, None)).value
        first: list[Any] = []
        second: list[Any] = []
        for k, vectors in enumerate(sets):
            numbers, entries = range(len(vectors)), range(len(vectors[0]))
            found = {
                (i, j): loss(_exponents(angles, temperature, one, (k, i, j)))
                for i in numbers
                for j in entries
            }
            lengths = [mp.sqrt(sum(x**2 for x in vector)) for vector in vectors]
            # A derivative is a sum of terms of both signs, which are as large as the loss where
            # that is small.
            size = [sharp**2 * min(value, 2) / length if length else mpf(0) for length in lengths]
            first.append(
                [[Difference(found[i, j].first, size[i]) for j in entries] for i in numbers]
            )
            second.append([[found[i, j].second for j in entries] for i in numbers])
    value = Difference(value, min(value, 1) * sharp)  # of a large loss, the exponent
    return (value, first[0], second[0]) if one else (value, tuple(first), tuple(second))


def info_nce_loss(query: Set, key: Set, temperature: Exact) -> tuple[Any, ...]:
    def loss(exponents: Exponents) -> Jet:
        weight = mpf(1) / len(exponents)
        rows = [((weight, _logsumexp(row)), (-weight, row[i])) for i, row in enumerate(exponents)]
        return _combined([*chain.from_iterable(rows)])

    return _derivatives(loss, (query, key), temperature)


def ntxent_loss(embedding: Set, labels: Row, temperature: Exact) -> tuple[Any, ...]:
    def loss(exponents: Exponents) -> Jet:
        count = sum(len(_positives(labels, i)) for i in range(len(labels)))
        terms: list[tuple[Any, Jet]] = []
        for i, row in enumerate(exponents):
            negatives = [jet for jet, label in zip(row, labels, strict=True) if label != labels[i]]
            for p in _positives(labels, i):
                terms += [
                    (mpf(1) / count, _logsumexp([row[p], *negatives])),
                    (-mpf(1) / count, row[p]),
                ]
        return _combined(terms)

    return _derivatives(loss, (embedding,), temperature)


def supcon_loss(embedding: Set, labels: Row, temperature: Exact) -> tuple[Any, ...]:
    def loss(exponents: Exponents) -> Jet:
        anchors = [i for i in range(len(labels)) if _positives(labels, i)]
        terms: list[tuple[Any, Jet]] = []
        for i in anchors:
            row, positives = exponents[i], _positives(labels, i)
            terms.append(
                (mpf(1) / len(anchors), _logsumexp([jet for j, jet in enumerate(row) if j != i]))
            )
            terms += [(-mpf(1) / len(anchors) / len(positives), row[p]) for p in positives]
        return _combined(terms)

    return _derivatives(loss, (embedding,), temperature)


def circle_loss(embedding: Set, labels: Row, margin: Exact, gamma: Exact) -> tuple[Any, ...]:
    def height(cosine: Jet) -> Jet:
        x = cosine.value
        if x <= -margin:
            return Jet(mpf(0), mpf(0), mpf(0))
        bend = 2 * (cosine.first**2 + x * cosine.second)
        return Jet(gamma * (x + margin) * (x - margin), 2 * gamma * x * cosine.first, gamma * bend)

    def gap(cosine: Jet) -> Jet:
        return Jet(1 - cosine.value, -cosine.first, -cosine.second)

    def loss(cosines: Exponents) -> Jet:
        costs = []
        for i, row in enumerate(cosines):
            positives = [height(gap(row[p])) for p in _positives(labels, i)]
            negatives = [
                height(jet) for jet, label in zip(row, labels, strict=True) if label != labels[i]
            ]
            if positives and negatives:
                both = _combined([(mpf(1), _logsumexp(positives)), (mpf(1), _logsumexp(negatives))])
                costs.append(_logsumexp([Jet(mpf(0), mpf(0), mpf(0)), both]))
        return _combined([(mpf(1) / len(costs), cost) for cost in costs])

    return _derivatives(loss, (embedding,), mpf(1), 2 * gamma)


def _positives(labels: Row, i: int) -> list[int]:
    return [j for j, label in enumerate(labels) if j != i and label == labels[i]]
