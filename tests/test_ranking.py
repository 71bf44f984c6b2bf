"""Losses of ranked lists."""

import tracemalloc
from itertools import permutations
from typing import Any

import exact.ranking
import numpy as np
import pytest
import sklearn.metrics
from cases import as_exact
from mpmath import mp, mpf

import portable_losses as pl
from portable_losses import special
from portable_losses._backends.numpy import namespace

RANDOM = np.random.default_rng(11)
SCORES = RANDOM.normal(0, 2, (20, 6))
GRADES = RANDOM.integers(0, 4, (20, 6)).astype(float)
LOSSES = (
    pl.listnet_loss,
    pl.listmle_loss,
    pl.ranknet_loss,
    pl.lambdarank_loss,
    pl.approx_ndcg_loss,
)
each = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
of_grades = pytest.mark.parametrize(
    "loss",
    [pl.listnet_loss, pl.lambdarank_loss, pl.approx_ndcg_loss],
    ids=lambda loss: loss.__name__,
)
INF = np.inf


def close(backend: Any, actual: Any, desired: Any, dtype: str, ulps: int = 32) -> None:
    eps = ulps * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(backend.to_numpy(actual), desired, rtol=eps, atol=eps)


def orders(loss: Any, backend: Any, *arrays: Any, **options: Any) -> tuple[Any, ...]:
    """Return the value, the gradient and the second derivative of each list."""
    value, gradient = backend.call(loss.value_and_grad, *arrays, reduction="none", **options)
    return (
        value,
        gradient,
        backend.call(loss.grad_and_hess, *arrays, reduction="none", **options)[1],
    )


# Lists


@each
def test_lists_can_be_filled_up(backend, dtype, loss):
    """Padding with scores of -inf and relevances of 0 changes nothing and has no gradient."""
    short = orders(loss, backend, *(backend.asarray(x, dtype) for x in (SCORES, GRADES)))
    scores, grades = (
        np.pad(x, ((0, 0), (0, 3)), constant_values=fill)
        for x, fill in ((SCORES, -INF), (GRADES, 0.0))
    )
    filled = orders(loss, backend, backend.asarray(scores, dtype), backend.asarray(grades, dtype))
    for order, (one, other) in enumerate(zip(short, filled, strict=True)):
        found = backend.to_numpy(other)
        if order:
            np.testing.assert_array_equal(found[:, 6:], 0.0)
            found = found[:, :6]
        np.testing.assert_allclose(
            found, backend.to_numpy(one), rtol=32 * float(np.finfo(dtype).eps), atol=1e-6
        )


@each
def test_a_list_of_one(backend, dtype, loss):
    for part in orders(
        loss,
        backend,
        backend.asarray([[3.0], [-2.0]], dtype),
        backend.asarray([[0.0], [0.0]], dtype),
    ):
        np.testing.assert_array_equal(np.ravel(backend.to_numpy(part)), [0.0, 0.0])
    value, *rest = orders(
        loss, backend, backend.asarray([[3.0]], dtype), backend.asarray([[1.0]], dtype)
    )
    assert backend.to_numpy(value)[0] == (-1 if loss is pl.approx_ndcg_loss else 0)
    assert all(backend.to_numpy(part)[0, 0] == 0 for part in rest)


@of_grades
def test_a_list_without_a_relevant_item(backend, dtype, loss):
    arrays = backend.asarray(SCORES, dtype), backend.asarray(np.zeros_like(SCORES), dtype)
    for part in orders(loss, backend, *arrays):
        np.testing.assert_array_equal(backend.to_numpy(part), 0.0)


@each
def test_only_differences_of_scores_count(backend, dtype, loss):
    scores = np.round(SCORES * 8) / 8
    first = orders(loss, backend, backend.asarray(scores, dtype), backend.asarray(GRADES, dtype))
    moved = orders(
        loss, backend, backend.asarray(scores + 2.0**10, dtype), backend.asarray(GRADES, dtype)
    )
    for one, other in zip(first, moved, strict=True):
        close(backend, other, backend.to_numpy(one), dtype)


@pytest.mark.parametrize("item_axis", [0, 1, -1])
@each
def test_the_item_axis_may_be_anywhere(backend, dtype, loss, item_axis):
    scores, grades = (x.reshape(4, 5, 6).astype(dtype) for x in (SCORES, GRADES))
    expected = (
        *loss.value_and_grad(scores, grades, reduction="none"),
        loss.grad_and_hess(scores, grades, reduction="none")[1],
    )
    moved = [backend.asarray(np.moveaxis(x, -1, item_axis)) for x in (scores, grades)]
    value, *rest = orders(loss, backend, *moved, item_axis=item_axis)
    close(backend, value, expected[0], dtype)
    for one, other in zip(rest, expected[1:], strict=True):
        close(backend, one, np.moveaxis(other, -1, item_axis), dtype)


@each
def test_a_target_that_is_nan(backend, dtype, loss):
    """Its list is NaN, and no other."""
    target = GRADES.astype(dtype)
    target[3, 2] = np.nan
    value = backend.call(
        loss, backend.asarray(SCORES, dtype), backend.asarray(target), reduction="none"
    )
    np.testing.assert_array_equal(np.isnan(backend.to_numpy(value)), np.arange(20) == 3)


@of_grades
def test_relevances_are_not_negative(loss):
    with pytest.raises(
        ValueError, match=r"target must hold relevances from 0 upwards, but target\[0, 1\] is -1.0"
    ):
        loss(SCORES, np.where(np.arange(6) == 1, -1.0, GRADES))


@each
@pytest.mark.parametrize("items", [17, 130])
def test_long_lists_and_many(backend, dtype, loss, items):
    """The pairs of each list are formed in pieces, in blocks of lists: no sum may miss one."""
    random = np.random.default_rng(items)
    scores, grades = (
        random.normal(0, 2, (3, items)).astype(dtype),
        random.integers(0, 4, (3, items)).astype(dtype),
    )
    value, gradient, second = orders(
        loss, backend, backend.asarray(scores), backend.asarray(grades)
    )
    reference = getattr(exact.ranking, loss.__name__)
    temperature = (mpf(1),) if loss is pl.approx_ndcg_loss else ()
    for i in range(1 if items > 100 else 3):
        expected = reference(*map(as_exact, (scores[i], grades[i])), *temperature)
        rights = [
            float(expected[0]),
            *([float(getattr(x, "exact", x)) for x in part] for part in expected[1:]),
        ]
        for found, right in zip((value, gradient, second), rights, strict=True):
            np.testing.assert_allclose(
                backend.to_numpy(found)[i],
                right,
                rtol=1e-12 if dtype == "float64" else 1e-4,
                atol=np.max(np.abs(right)) * 1e-6,
            )


@pytest.mark.parametrize(
    "loss",
    [pl.ranknet_loss, pl.lambdarank_loss, pl.approx_ndcg_loss],
    ids=lambda loss: loss.__name__,
)
@pytest.mark.parametrize("together", [1, 50, 10**6])
def test_pieces_of_any_size(loss, together, monkeypatch):
    expected = orders_of_numpy(loss)
    monkeypatch.setattr(namespace, "_TOGETHER", together)
    for one, other in zip(orders_of_numpy(loss), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)


def orders_of_numpy(loss: Any) -> tuple[Any, ...]:
    return *loss.value_and_grad(SCORES, GRADES), loss.grad_and_hess(SCORES, GRADES)[1]


@each
def test_memory_does_not_grow_with_the_number_of_lists(loss):
    """All pairs of these lists would take 80 MB, and there are several arrays of them at a time."""
    scores, grades = RANDOM.normal(0, 1, (1000, 100)), np.zeros((1000, 100))
    grades[:, 0] = 1.0
    loss.value_and_grad(scores[:2], grades[:2])
    tracemalloc.start()
    try:
        loss.value_and_grad(scores, grades)
        assert tracemalloc.get_traced_memory()[1] < 2e7
    finally:
        tracemalloc.stop()


# Ties


@pytest.mark.parametrize(
    "loss", [pl.listnet_loss, pl.ranknet_loss, pl.approx_ndcg_loss], ids=lambda loss: loss.__name__
)
def test_the_order_of_the_list_does_not_matter(backend, dtype, loss):
    """Not even where scores and relevances are equal."""
    scores, grades = (
        np.asarray([[1.0, 0.0, 1.0, 0.0, 1.0]], dtype),
        np.asarray([[2.0, 2.0, 0.0, 1.0, 1.0]], dtype),
    )
    expected = orders(loss, backend, backend.asarray(scores), backend.asarray(grades))
    for order in ([4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
        value, *rest = orders(
            loss, backend, backend.asarray(scores[:, order]), backend.asarray(grades[:, order])
        )
        close(backend, value, backend.to_numpy(expected[0]), dtype)
        for one, other in zip(rest, expected[1:], strict=True):
            close(backend, one, backend.to_numpy(other)[:, order], dtype)


def test_equal_items_have_equal_gradients(backend, dtype):
    scores, grades = [2.0, 1.0, 2.0, 1.0], [1.0, 0.0, 1.0, 0.0]
    for loss in (pl.listnet_loss, pl.ranknet_loss, pl.approx_ndcg_loss):
        gradient = backend.to_numpy(
            backend.call(loss.grad, backend.asarray(scores, dtype), backend.asarray(grades, dtype))
        )
        np.testing.assert_allclose(gradient[2:], gradient[:2], rtol=1e-6)


def test_ranknet_leaves_out_equal_relevances(backend, dtype):
    def value(scores: Any, grades: Any) -> float:
        return float(
            backend.to_numpy(
                pl.ranknet_loss(backend.asarray(scores, dtype), backend.asarray(grades, dtype))
            )
        )

    assert value([3.0, -1.0, 700.0], [1.0, 1.0, 1.0]) == 0
    assert value([0.0, 0.0], [1.0, 0.0]) == pytest.approx(np.log(2))
    assert value([5.0, 5.0, 5.0], [1.0, 0.0, 0.0]) == pytest.approx(2 * np.log(2))


def test_listmle_takes_equal_relevances_in_the_order_of_the_list(backend, dtype):
    """Nothing else distinguishes them: the loss is that of relevances that fall along the list."""
    scores = backend.asarray(SCORES, dtype)
    tied = np.asarray([1.0, 0.0, 1.0, 0.0, 2.0, 1.0])
    strict = np.asarray([4.0, 1.0, 3.0, 0.0, 5.0, 2.0])
    ties, without = (
        backend.asarray(np.broadcast_to(x, SCORES.shape), dtype) for x in (tied, strict)
    )
    found, expected = (
        orders(pl.listmle_loss, backend, scores, relevances) for relevances in (ties, without)
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(one), backend.to_numpy(other))
    value = [pl.listmle_loss(x, [1.0, 1.0]) for x in ([1.0, 0.0], [0.0, 1.0])]
    assert value[1] - value[0] == pytest.approx(1.0)


def test_lambdarank_takes_equal_scores_in_the_order_of_the_list(backend, dtype):
    """It does not stop where all scores are equal: each pair has its worth in that order."""
    grades = np.asarray([0.0, 2.0, 1.0, 2.0])
    value, gradient, _ = orders(
        pl.lambdarank_loss, backend, *(backend.asarray([x], dtype) for x in (np.zeros(4), grades))
    )
    gains, discounts = 2**grades - 1, 1 / np.log2(np.arange(2, 6))
    ideal = np.sum(np.sort(gains)[::-1] * discounts)
    worth = np.abs(gains[:, None] - gains) * np.abs(discounts[:, None] - discounts) / ideal
    close(backend, value, [np.log(2) * worth.sum() / 2], dtype)
    close(backend, gradient, [0.5 * np.sum(np.sign(gains[:, None] - gains) * worth, axis=0)], dtype)
    apart = backend.call(
        pl.lambdarank_loss.grad,
        *(backend.asarray(x, dtype) for x in (-1e-6 * np.arange(4), grades)),
    )
    np.testing.assert_allclose(backend.to_numpy(apart), backend.to_numpy(gradient)[0], rtol=1e-5)


def test_approx_ndcg_shares_the_ranks_of_equal_scores(backend, dtype):
    """As temperature goes to 0: two items that share the ranks 1 and 2 are both at 1.5."""
    arrays = backend.asarray([1.0, 1.0, 0.0], dtype), backend.asarray([1.0, 0.0, 0.0], dtype)
    value = backend.call(pl.approx_ndcg_loss, *arrays, temperature=1e-6)
    close(backend, value, -1 / np.log2(2.5), dtype)


# Properties


def test_listnet_is_the_cross_entropy_of_probabilities(backend, dtype):
    probabilities = special.softmax(GRADES)
    arrays = backend.asarray(SCORES, dtype), backend.asarray(probabilities, dtype)
    expected = orders(pl.cross_entropy, backend, *arrays)
    for one, other in zip(orders(pl.listnet_loss, backend, *arrays), expected, strict=True):
        close(backend, one, backend.to_numpy(other), dtype)


def test_listmle_is_a_likelihood():
    """Over all orders of a list it sums to 1."""
    scores = np.asarray([0.3, -1.0, 2.0, 0.0])
    total = sum(
        np.exp(-pl.listmle_loss(scores, -np.argsort(order).astype(float)))
        for order in permutations(range(4))
    )
    assert total == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("items", [2, 3, 5, 8, 9])
def test_listmle_item_by_item(items):
    """Each draw is a cross-entropy of the remaining items."""
    random = np.random.default_rng(items)
    scores, order = random.normal(0, 3, items), random.permutation(items)
    relevance = np.empty(items)
    relevance[order] = -np.arange(items)
    left = scores[order]
    expected = sum(pl.cross_entropy(left[i:], 0) for i in range(items))
    gradient = np.zeros(items)
    for i in range(items):
        gradient[i:] += pl.cross_entropy.grad(left[i:], 0)
    assert pl.listmle_loss(scores, relevance) == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(
        pl.listmle_loss.grad(scores, relevance)[order], gradient, rtol=1e-12, atol=1e-15
    )


def test_ranknet_of_two_items_is_the_logistic_loss(backend, dtype):
    left, right = SCORES[:, 0].astype(dtype), SCORES[:, 1].astype(dtype)
    better = (GRADES[:, 0] > GRADES[:, 1]).astype(dtype)
    arrays = (
        backend.asarray(SCORES[:, :2], dtype),
        backend.asarray(np.stack((better, 1 - better), axis=-1)),
    )
    expected = pl.binary_cross_entropy_with_logits(left - right, better, reduction="none")
    close(backend, backend.call(pl.ranknet_loss, *arrays, reduction="none"), expected, dtype)


def test_approx_ndcg_comes_close_to_the_ndcg(backend, dtype):
    expected = [
        -sklearn.metrics.ndcg_score([2**y - 1], [s]) for s, y in zip(SCORES, GRADES, strict=True)
    ]
    arrays = backend.asarray(SCORES, dtype), backend.asarray(GRADES, dtype)
    found = backend.to_numpy(
        backend.call(pl.approx_ndcg_loss, *arrays, temperature=1e-5, reduction="none")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    best = backend.call(
        pl.approx_ndcg_loss, arrays[1] * 100.0, arrays[1], temperature=0.1, reduction="none"
    )
    assert np.all(backend.to_numpy(best) < -0.8)


def test_lambdarank_follows_the_ndcg():
    """A pair has the weight of its exchange, independent of other items."""
    scores, grades = SCORES[0], np.asarray([3.0, 0.0, 1.0, 2.0, 0.0, 1.0])
    ranks = np.argsort(np.argsort(-scores))

    def ndcg(ranks: Any) -> float:
        return float(sklearn.metrics.ndcg_score([2**grades - 1], [-ranks.astype(float)]))

    expected = 0.0
    for i in range(6):
        for j in range(6):
            if grades[i] > grades[j]:
                changed = ranks.copy()
                changed[[i, j]] = ranks[[j, i]]
                expected += abs(ndcg(changed) - ndcg(ranks)) * np.logaddexp(
                    0, scores[j] - scores[i]
                )
    assert pl.lambdarank_loss(scores, grades) == pytest.approx(expected, rel=1e-12)


# Extremes


def test_infinite_losses(backend, dtype):
    """A relevant item with probability 0 costs inf, with a finite gradient."""
    arrays = backend.asarray([[-INF, 0.0, 1.0]], dtype), backend.asarray([[1.0, 0.0, 0.0]], dtype)
    for loss in (pl.listnet_loss, pl.listmle_loss, pl.ranknet_loss, pl.lambdarank_loss):
        value, gradient = backend.call(loss.value_and_grad, *arrays)
        assert backend.to_numpy(value) == INF
        assert np.all(np.isfinite(backend.to_numpy(gradient)))
        assert backend.to_numpy(gradient)[0, 0] < 0
    assert np.isfinite(backend.to_numpy(backend.call(pl.approx_ndcg_loss, *arrays)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each
def test_no_overflow(loss, dtype):
    largest = float(np.finfo(dtype).max)
    scores = np.asarray([[largest, -largest, 0.0], [-largest, largest, 0.0]], dtype)
    value, gradient = loss.value_and_grad(
        scores, np.asarray([[2.0, 0.0, 1.0]] * 2, dtype), reduction="none"
    )
    if loss is not pl.listnet_loss:  # which has the second item share the first place
        assert value[0] == (pytest.approx(-1.0) if loss is pl.approx_ndcg_loss else 0)
    assert np.all(np.isfinite(gradient))
    assert np.all(
        np.isfinite(loss.grad_and_hess(scores, np.asarray([[2.0, 0.0, 1.0]] * 2, dtype))[1])
    )


@pytest.mark.parametrize(
    "loss", [pl.lambdarank_loss, pl.approx_ndcg_loss], ids=lambda loss: loss.__name__
)
@pytest.mark.parametrize(
    "grades", [[1000.0, 999.0, 0.5, 998.0], [3000.0, 0.0, 10.0, 2999.0], [0.0, 1e-30, 2e-30, 1e-35]]
)
def test_relevances_of_any_size(backend, dtype, loss, grades):
    """Gains may overflow the dtype while their ratios do not; small gains stay accurate."""
    scores = np.asarray([0.5, 1.0, 0.0, 2.0], dtype)
    value, gradient = backend.call(
        loss.value_and_grad, backend.asarray(scores), backend.asarray(grades, dtype)
    )
    with mp.workdps(1200):
        temperature = (mpf(1),) if loss is pl.approx_ndcg_loss else ()
        expected = getattr(exact.ranking, loss.__name__)(
            *map(as_exact, (scores, np.asarray(grades, dtype))), *temperature
        )
    close(backend, value, float(expected[0]), dtype)
    close(backend, gradient, [float(x.exact) for x in expected[1]], dtype)


@pytest.mark.parametrize("temperature", 10.0 ** np.arange(-12, 13, 3))
def test_temperatures(temperature):
    """Scores and temperature scale together: so do the losses, and the gradients inversely."""
    value, gradient = pl.approx_ndcg_loss.value_and_grad(SCORES, GRADES)
    found, slope = pl.approx_ndcg_loss.value_and_grad(
        SCORES * temperature, GRADES, temperature=temperature
    )
    assert found == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(slope * temperature, gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("temperature", [0.0, -1.0, INF])
def test_temperatures_are_positive(temperature):
    with pytest.raises(ValueError, match="temperature"):
        pl.approx_ndcg_loss(SCORES, GRADES, temperature=temperature)


def test_digits_of_neighbouring_ranks():
    """Far down a list the discounts of neighbours nearly agree; their difference stays accurate."""
    items = 400
    for rank in (10, 150, 398):
        # Of all that is wrong the one pair of neighbours costs most: all others are far behind.
        place = np.arange(1, items + 1)
        scores = np.where(place <= rank + 1, 0.0, -1e4) + np.where(place < rank, 1e4, 0.0)
        grades = np.where(place < rank, 2.0, np.where(place == rank + 1, 1.0, 0.0))
        with mp.workdps(30):
            discounts = [mp.log(2) / mp.log(1 + k) for k in range(1, items + 1)]
            ideal = 3 * sum(discounts[: rank - 1]) + discounts[rank - 1]
            expected = (discounts[rank - 1] - discounts[rank]) * mp.log(2) / ideal
            found = mpf(float(pl.lambdarank_loss(scores, grades)))
            assert abs(found / expected - 1) < 1e-15
