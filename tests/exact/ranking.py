"""Losses of the order of a list."""

from collections.abc import Sequence

from mpmath import mp, mpf

from .arithmetic import Difference, Exact, difference, odds, product

Row = Sequence[Exact]
Rows = tuple[Exact, list[Difference], list[Exact | Difference]]
"""The value, and for each prediction the derivative and the diagonal of the second."""


def listnet_loss(pred: Row, target: Row) -> Rows:
    against, mass = odds(tuple(pred)), sum(target)
    value, first, second = mpf(0), [], []
    for i, (o, y) in enumerate(zip(against, target, strict=True)):
        p, q = 1 / (1 + o), (mpf(1) if o == mp.inf else o / (1 + o))
        value += product(y, mp.log1p(o))
        first.append(difference(p * sum(other for j, other in enumerate(target) if j != i), y * q))
        second.append(mass * p * q)
    return value, first, second


def falling(row: Row) -> list[int]:
    return sorted(range(len(row)), key=lambda i: -row[i])


def listmle_loss(pred: Row, target: Row) -> Rows:
    value, wins, second = mpf(0), [mpf(0)] * len(pred), [mpf(0)] * len(pred)
    loss_of_own = [mpf(0)] * len(pred)
    left = falling(target)
    while left:
        top = max(pred[k] for k in left)
        if top == -mp.inf:
            break  # there is no item left
        weights = {k: mp.exp(pred[k] - top) for k in left}
        total = sum(weights.values())
        for k, weight in weights.items():
            others = sum(other for j, other in weights.items() if j != k)
            second[k] += weight * others / total**2
            if k == left[0]:
                value += mp.log1p(others / weight) if weight else mp.inf
                loss_of_own[k] = others / total
            else:
                wins[k] += weight / total
        left = left[1:]
    return value, [difference(*pair) for pair in zip(wins, loss_of_own, strict=True)], second


def _gap(one: Exact, other: Exact) -> Exact:
    return one - other if one != other else mpf(0)


def _logistic(pred: Row, weights: dict[tuple[int, int], Exact]) -> Rows:
    """Add up weighted pairs: the first item of each should have the larger score."""
    value, up, down, second = mpf(0), *([mpf(0)] * len(pred) for _ in range(3))
    for (i, j), weight in weights.items():
        chance = mp.exp(_gap(pred[j], pred[i]))
        value += weight * mp.log1p(chance)
        wrong = weight / (1 + 1 / chance) if chance else mpf(0)
        both = weight / (chance + 2 + 1 / chance) if chance else mpf(0)
        down[i] += wrong
        up[j] += wrong
        second[i] += both
        second[j] += both
    return value, [difference(*pair) for pair in zip(up, down, strict=True)], second


def _pairs(target: Row) -> list[tuple[int, int]]:
    return [(i, j) for i, one in enumerate(target) for j, other in enumerate(target) if one > other]


def ranknet_loss(pred: Row, target: Row) -> Rows:
    return _logistic(pred, dict.fromkeys(_pairs(target), mpf(1)))


def _discount(rank: Exact) -> Exact:
    return mp.log(2) / mp.log(1 + rank)


def _ideal(target: Row) -> Exact:
    gains = sorted((2**y - 1 for y in target), reverse=True)
    return sum(gain * _discount(mpf(rank)) for rank, gain in enumerate(gains, 1)) or mpf(1)


def lambdarank_loss(pred: Row, target: Row) -> Rows:
    ranks = {k: mpf(rank) for rank, k in enumerate(falling(pred), 1)}
    with mp.extradps(30):
        ideal = _ideal(target)
        weights = {
            (i, j): (2 ** target[i] - 2 ** target[j])
            * abs(_discount(ranks[i]) - _discount(ranks[j]))
            / ideal
            for i, j in _pairs(target)
        }
    return _logistic(pred, weights)


def approx_ndcg_loss(pred: Row, target: Row, temperature: Exact) -> Rows:
    size, ideal = range(len(pred)), _ideal(target)
    with mp.extradps(30):
        gains = [2**y - 1 for y in target]
    gaps = [[_gap(pred[j], pred[i]) / temperature for j in size] for i in size]
    chances = [[1 / (1 + mp.exp(-gap)) for gap in row] for row in gaps]
    slopes = [[1 / (mp.exp(gap) + 2 + mp.exp(-gap)) for gap in row] for row in gaps]
    bends = [
        [-slope * mp.tanh(gap / 2) for slope, gap in zip(*rows, strict=True)]
        for rows in zip(slopes, gaps, strict=True)
    ]
    ranks = [1 + sum(chances[i][j] for j in size if j != i) for i in size]
    logs = [mp.log(1 + rank) for rank in ranks]
    value = sum(gain * mp.log(2) / log for gain, log in zip(gains, logs, strict=True)) / ideal
    once = [
        g * mp.log(2) / ((1 + r) * log**2) for g, r, log in zip(gains, ranks, logs, strict=True)
    ]
    twice = [c * (2 + log) / ((1 + r) * log) for c, r, log in zip(once, ranks, logs, strict=True)]
    first, second = [], []
    for k in size:
        others = [i for i in size if i != k]
        scale = temperature * ideal
        first.append(
            difference(
                *(
                    sum((c * slopes[i][k] for i, c in one), mpf(0)) / scale
                    for one in _both(once, k, others)
                )
            )
        )
        terms = [c * bends[i][k] for i, c in _both(once, k, others)[0]] + [
            -once[k] * bends[i][k] for i in others
        ]
        terms += [-twice[i] * slopes[i][k] ** 2 for i in others]
        terms.append(-twice[k] * sum(slopes[i][k] for i in others) ** 2)
        up, down = (sum((max(sign * term, 0) for term in terms), mpf(0)) for sign in (1, -1))
        second.append(difference(up / scale / temperature, down / scale / temperature))
    return -value, first, second


def _both(
    once: Row, k: int, others: list[int]
) -> tuple[list[tuple[int, Exact]], list[tuple[int, Exact]]]:
    return [(i, once[i]) for i in others], [(i, once[k]) for i in others]
