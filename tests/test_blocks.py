"""NumPy in blocks: the memory they need, that they cover everything once, and accurate sums."""

import tracemalloc

import numpy as np
import pytest
from arguments import LOSSES, arguments
from cases import CASES

import portable_losses as pl
from portable_losses._backends.numpy.blocks import blocks

MANY = 300_000
"""More than two blocks in float32 and in float64."""


@pytest.mark.parametrize(
    "loop", [(), (1,), (10,), (7, 3), (3, 1000), (2, 3, 500), (5, 0), (0,), (1, 1, 4000)]
)
@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_blocks_cover_everything_once(loop, size):
    seen = np.zeros(loop, dtype=int)
    for index in blocks(loop, size):
        seen[index] += 1
        assert seen[index].size <= size
    assert np.all(seen == 1)


def layouts(rng: np.random.Generator, dtype: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    pairs = {}
    for name, shape in (
        ("flat", (MANY,)),
        ("matrix", (MANY // 3, 3)),
        ("wide", (2, MANY)),
        ("cube", (10, 3, MANY // 10)),
    ):
        pairs[name] = tuple(rng.standard_normal(shape).astype(dtype) for _ in range(2))
    pairs["fortran"] = tuple(np.asfortranarray(x) for x in pairs["matrix"])
    pairs["mixed"] = (pairs["matrix"][0], pairs["fortran"][1])
    pairs["strided"] = tuple(x[:, ::2] for x in pairs["wide"])
    pairs["reversed"] = tuple(x[::-1] for x in pairs["flat"])
    pairs["transposed"] = tuple(x.T for x in pairs["cube"])
    pairs["broadcast"] = (
        pairs["matrix"][0],
        np.broadcast_to(pairs["matrix"][1][:1], (MANY // 3, 3)),
    )
    return pairs


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", ">f8"])
@pytest.mark.parametrize("layout", layouts(np.random.default_rng(0), "float32"))
def test_every_layout(dtype, layout):
    """Value and gradient over many blocks equal the textbook's, for any memory layout."""
    pred, target = layouts(np.random.default_rng(0), dtype)[layout]
    residual = pred.astype(float) - target.astype(float)
    value, gradient = pl.mse_loss.value_and_grad(pred, target)
    tolerance = 8 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(value, np.mean(residual**2), rtol=tolerance)
    spacing = float(np.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(gradient, 2 * residual / residual.size, rtol=tolerance, atol=spacing)
    total = pl.mse_loss(pred, target, reduction="none").astype(float)
    np.testing.assert_allclose(
        total, residual**2, rtol=tolerance, atol=1e-7 if dtype == "float16" else 0
    )


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("shape", [(MANY // 3, 3), (3, MANY // 3)])
@pytest.mark.parametrize("modifier", ["weights", "where", "column"])
def test_weights_over_many_blocks(axis, shape, modifier):
    rng = np.random.default_rng(1)
    pred = rng.standard_normal(shape)
    weights = {
        "weights": rng.random(shape),
        "where": (rng.random(shape) < 0.5).astype(float),
        "column": np.broadcast_to(rng.random((shape[0], 1)), shape),
    }[modifier]
    given = (
        {"where": weights > 0}
        if modifier == "where"
        else {"weights": weights[:, :1] if modifier == "column" else weights}
    )
    value, gradient = pl.mse_loss.value_and_grad(pred, 0.0, axis=axis, **given)
    with np.errstate(invalid="ignore"):
        expected = np.sum(weights * pred**2, axis=axis) / np.sum(weights, axis=axis)
    total = np.sum(weights, axis=axis, keepdims=True)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(
        gradient, 2 * pred * weights / np.where(total == 0, 1, total), rtol=1e-12
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [2, 4, 100, 101, 4096, 4097])
def test_rows_of_classes_that_are_not_beside_each_other(dtype, classes):
    """Every block layout: labels and probabilities, in the order of images and of Fortran."""
    random = np.random.default_rng(0)
    logits = random.standard_normal((2, 150, classes)).astype(dtype)
    prob = random.dirichlet(np.ones(classes), (2, 150)).astype(dtype)
    for target in (random.integers(0, classes, (2, 150)), prob):
        value, grad = pl.cross_entropy.value_and_grad(logits, target)
        for order, axis in (((0, 2, 1), 1), ((2, 1, 0), 0)):
            turned = [
                np.ascontiguousarray(x.transpose([i for i in order if i < x.ndim]))
                for x in (logits, target)
            ]
            found, slope = pl.cross_entropy.value_and_grad(*turned, class_axis=axis)
            np.testing.assert_allclose(found, value, rtol=1e-6 if dtype == "float32" else 1e-14)
            close = 4 * np.finfo(dtype).eps
            np.testing.assert_allclose(
                slope.transpose(np.argsort(order)),
                grad,
                rtol=close,
                atol=close * np.abs(grad).max(),
            )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "loss", [loss for loss in LOSSES if not loss.signature.core], ids=lambda loss: loss.__name__
)
def test_memory_does_not_grow_with_the_data(loss, dtype):
    """Each worker needs less than 8 MiB beside inputs and gradient, as `temporaries` claims."""
    given = [x.astype(dtype) for x in arguments(loss, 0, (600_000,))]
    loss(*(x[:300_000] for x in given))  # the allocator is set up once in a process
    gradients = sum(given[i].nbytes for i in loss.signature.predicted)
    for function, results in ((loss, 0), (loss.value_and_grad, gradients)):
        tracemalloc.start()
        try:
            function(*given)
            assert tracemalloc.get_traced_memory()[1] < 2**23 + results
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("case", "shape"),
    [
        pytest.param(case, shape, id=f"{case}-{shape[1]}")
        for case in CASES
        for shape in ((120_000, 10), (24, 32_000))
        if case.core == ("class",)
        # which takes time with the square of the classes
        and (case.name != "multilabel_margin_loss" or shape[1] == 10)
        and case.name != "sinkhorn_loss"  # as this does, a hundred times over
    ],
)
def test_memory_of_rows_does_not_grow_with_the_data(case, shape):
    """Under 16 MiB, for few classes and for many; a block has at least one row."""
    rng, (first, second) = np.random.default_rng(3), case.loss.signature.domains[0][:2]
    rows = rng.random(shape, dtype=np.float32)
    pred = np.log(rows) if first.interval and first.interval.le == 0 else rows
    if case.kind == "labels" or second.labels:
        target = rng.integers(0, shape[1], shape[0])
    else:
        target = (rows[:, ::-1] > 0.5).astype(np.float32) if second.members else rows[:, ::-1]
    case.loss(pred[:2], target[:2])
    for function, allowed in ((case.loss, 2**24), (case.loss.value_and_grad, 2**24 + pred.nbytes)):
        tracemalloc.start()
        try:
            function(pred, target)
            assert tracemalloc.get_traced_memory()[1] < allowed
        finally:
            tracemalloc.stop()


def test_float32_is_added_without_losing_digits():
    """The mean of 10^8 equal values is that value; a running float32 sum would stop at 2^24."""
    value = np.float32(0.1)
    assert pl.l1_loss(np.broadcast_to(value, (10**8,)), 0.0) == value


def test_float16_is_added_in_float32():
    many = np.full(70_000, 20.0, dtype=np.float16)
    assert pl.mse_loss(many, np.zeros_like(many)) == 400.0
    assert pl.l1_loss(many, np.zeros_like(many)) == 20.0


def test_a_sum_overflows_no_sooner_than_the_result():
    """Each loss is near the largest float32, and so is their mean, but not their sum."""
    large = np.full(MANY, 3e38, dtype=np.float32)
    assert pl.l1_loss(large, 0.0) == np.float32(3e38)
    assert pl.l1_loss(large, 0.0, reduction="sum") == np.inf


def test_a_weighted_gradient_takes_one_pass():
    """Each block is evaluated once: the sum of the weights is known before."""
    rows = []

    @pl.loss
    def squares(xp, pred, target, /):
        return (pred - target) ** 2

    @squares.derivative
    def _(xp, pred, target, /):
        rows.append(pred.shape[0])
        return 2 * (pred - target)

    pred, weights = np.zeros(10**6), np.full(10**6, 0.5)
    squares.grad(pred, pred, weights=weights)
    assert len(rows) > 1
    assert sum(rows) == 10**6
