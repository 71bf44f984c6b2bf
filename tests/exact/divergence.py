"""Losses between two rows."""

from collections.abc import Sequence

from mpmath import mp, mpf

from .arithmetic import Difference, Exact, difference, product, ratio

Row = Sequence[Exact]
Rows = tuple[Exact, list[Exact], list[Exact]]
"""The value, and for each prediction the derivative and the diagonal of the second."""

EXACT_SUMS = 2400
"""This number of bits holds any sum of probabilities without rounding."""


def kl_div(log_pred: Row, target: Row, log_target: bool) -> Rows:
    return (
        sum(_kl_terms(log_pred, target, log_target), mpf(0)),
        [-y for y in _target(target, log_target)],
        [mpf(0)] * len(target),
    )


def kl_div_and_terms(
    log_pred: Row, target: Row, log_target: bool
) -> tuple[Difference, list[Exact], list[Exact]]:
    """Return the value as a difference: of two entropies, or of positive and negative terms."""
    if log_target:
        terms = _kl_terms(log_pred, target, log_target)
        value = difference(
            sum(max(term, 0) for term in terms), sum(max(-term, 0) for term in terms)
        )
    else:
        crossed = sum(product(y, -x) for x, y in zip(log_pred, target, strict=True))
        value = difference(crossed, -sum(y * mp.log(y) for y in target if y))
    return value, *kl_div(log_pred, target, log_target)[1:]


def _target(target: Row, log_target: bool) -> list[Exact]:
    return [mp.exp(y) for y in target] if log_target else list(target)


def _kl_terms(log_pred: Row, target: Row, log_target: bool) -> list[Exact]:
    logs = target if log_target else [mp.log(y) if y else -mp.inf for y in target]
    return [
        product(y, t - x) if y else mpf(0)
        for x, y, t in zip(log_pred, _target(target, log_target), logs, strict=True)
    ]


def generalized_kl_loss(pred: Row, target: Row) -> Rows:
    pairs = list(zip(pred, target, strict=True))
    with mp.extradps(50):  # the terms nearly cancel where the two are nearly the same
        value = sum((_entropy(y, q) - y + q for q, y in pairs), mpf(0))
    return value, [1 - ratio(y, q) for q, y in pairs], [ratio(y, q**2) for q, y in pairs]


def _entropy(x: Exact, y: Exact) -> Exact:
    if x == 0:
        return mpf(0)
    return x * mp.log(x / y) if y else mp.inf


def js_divergence_loss(pred: Row, target: Row, beta: Exact) -> Rows:
    triples = [(q, y, beta * y + (1 - beta) * q) for q, y in zip(pred, target, strict=True)]
    with mp.extradps(50):
        value = beta * sum(_entropy(y, m) for _, y, m in triples) + (1 - beta) * sum(
            _entropy(q, m) for q, _, m in triples
        )
    first, second = [], []
    for q, y, m in triples:
        if y == 0:
            first.append(-(1 - beta) * mp.log1p(-beta))
            second.append(mpf(0))
        else:
            with mp.extradps(50):
                first.append((1 - beta) * mp.log(q / m) if q else -mp.inf)
            second.append(beta * (1 - beta) * ratio(y, q * m))
    return value, first, second


def total_variation_loss(pred: Row, target: Row) -> Rows:
    gaps = [p - y for p, y in zip(pred, target, strict=True)]
    return sum(map(abs, gaps)) / 2, [mp.sign(gap) / 2 for gap in gaps], [mpf(0)] * len(gaps)


def hellinger_loss(pred: Row, target: Row) -> Rows:
    with mp.extradps(50):
        return _hellinger(list(zip(pred, target, strict=True)))


def _hellinger(pairs: list[tuple[Exact, Exact]]) -> Rows:
    gaps = [mp.sqrt(p) - mp.sqrt(y) for p, y in pairs]
    total = sum(gap**2 for gap in gaps)
    distance = mp.sqrt(total / 2)
    if distance == 0:
        return distance, [mpf(0)] * len(gaps), [mpf(0)] * len(gaps)
    first, second = [], []
    for (p, y), gap in zip(pairs, gaps, strict=True):
        if y == 0:
            first.append(1 / (4 * distance))
            second.append(-1 / (16 * distance**3))
        elif p == 0:
            first.append(-mp.inf)
            second.append(mp.inf)
        else:
            # The derivative of a square is gap / sqrt(p), or 1 - sqrt(y / p), and the derivative of
            # that is sqrt(y / p) / (2 p). Either way it is a difference; of the two the one of the
            # smaller terms.
            slope, root, share, scale = (
                gap / mp.sqrt(p),
                mp.sqrt(y / p),
                gap**2 / total,
                8 * p * distance,
            )
            terms = (root, share) if 4 * y < p else ((total - gap**2) / total, slope)
            first.append(slope / (4 * distance))
            second.append(difference(*(term / scale for term in terms)))
    return distance, first, second


def wasserstein_loss(pred: Row, target: Row) -> Rows:
    with mp.extraprec(EXACT_SUMS):
        steps = [sum(pred[: k + 1]) - sum(target[: k + 1]) for k in range(len(pred) - 1)]
        return (
            sum(map(abs, steps), mpf(0)),
            [sum(map(mp.sign, steps[k:]), mpf(0)) for k in range(len(pred))],
            [mpf(0)] * len(pred),
        )
