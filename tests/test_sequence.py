"""Losses of sequences: alignments, lengths, and sequences that cannot be aligned."""

import itertools
import tracemalloc
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from marks import compiled_too
from test_every_loss import close

import portable_losses as pl

RANDOM = np.random.default_rng(5)
LOG_PROB = pl.special.log_softmax(RANDOM.normal(size=(6, 5, 4)))
LABELS = np.asarray([[1, 2], [1, 1], [3, 1], [2, 2], [1, 3], [3, 3]])
INPUTS, NUMBERS = np.asarray([5, 3, 4, 5, 2, 3]), np.asarray([2, 2, 1, 2, 2, 1])


def ctc(*arrays: Any, **options: Any) -> Any:
    return pl.ctc_loss(*arrays, reduction="none", **options)


def collapsed(path: tuple[int, ...], blank: int) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label != blank]


@pytest.mark.parametrize("blank", [0, 3])
@pytest.mark.parametrize("labels", [[], [1], [2, 1], [1, 1], [2, 1, 2], [1, 1, 1]])
def test_every_alignment_is_counted_once(labels: list[int], blank: int) -> None:
    log_prob = LOG_PROB[0]
    paths = [
        path for path in itertools.product(range(4), repeat=5) if collapsed(path, blank) == labels
    ]
    prob = [float(np.exp(sum(log_prob[t, k] for t, k in enumerate(path)))) for path in paths]
    slope = np.zeros((5, 4))
    for path, p in zip(paths, prob, strict=True):
        slope[range(5), path] -= p / sum(prob)
    value, gradient = pl.ctc_loss.value_and_grad(log_prob, np.asarray(labels, int), blank=blank)
    np.testing.assert_allclose(value, -np.log(sum(prob)), rtol=1e-14)
    np.testing.assert_allclose(gradient, slope, rtol=1e-13, atol=1e-15)


def test_no_loss_of_probabilities_is_below_0(backend: Any, dtype: str) -> None:
    """Rounded probabilities may sum to more than 1; a sum of certain alignments is 1."""
    random = np.random.default_rng(6)
    for times in (1, 2, 5, 12, 34):
        alone = random.normal(0, 10, (40, times, 1))
        label = np.sort(random.uniform(0.3, 0.999, (200, times)), axis=1)
        label[::2, 0] = 1  # certain at first: what follows is all of the alignments
        with np.errstate(divide="ignore"):
            either = np.log(np.stack([1 - label, label], axis=2))
        for log_prob, labels in ((pl.special.log_softmax(alone), 0), (either, 1)):
            arrays = log_prob.astype(dtype), np.ones((len(log_prob), labels), int)
            value = backend.call(ctc, *map(backend.asarray, arrays))
            assert np.all(backend.to_numpy(value) >= 0)


def test_what_does_not_sum_to_1_is_taken_as_it_is() -> None:
    assert pl.ctc_loss(np.full((4, 3), -1e-3), [1, 1]) < -1


@compiled_too
def test_lengths_leave_out_what_is_beyond(backend: Any, dtype: str) -> None:
    """Padding may be NaN, a stray label or the blank; each sequence keeps the loss it has alone."""
    log_prob, labels = LOG_PROB.astype(dtype), LABELS.copy()
    log_prob[np.arange(5) >= INPUTS[:, None]] = np.asarray([np.nan, np.inf, -np.inf, 7.0])
    labels[2, 1:], labels[5, 1:] = -1, 0
    arrays = [backend.asarray(x) for x in (log_prob, labels, INPUTS, NUMBERS)]
    value, gradient = (
        backend.to_numpy(x)
        for x in backend.call(pl.ctc_loss.value_and_grad, *arrays, reduction="none")
    )
    for i, (times, number) in enumerate(zip(INPUTS, NUMBERS, strict=True)):
        alone = pl.ctc_loss.value_and_grad(log_prob[i, :times].astype(float), labels[i, :number])
        np.testing.assert_allclose(value[i], alone[0], rtol=16 * np.finfo(dtype).eps)
        np.testing.assert_allclose(
            gradient[i, :times], alone[1], rtol=64 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps
        )
        assert np.all(gradient[i, times:] == 0)


@pytest.mark.backends("torch", "jax")
def test_autodiff_of_what_is_beyond_is_0(backend: Any, dtype: str) -> None:
    from test_autodiff import gradient

    log_prob = LOG_PROB.astype(dtype)
    log_prob[np.arange(5) >= INPUTS[:, None]] = np.asarray([np.nan, np.inf, -np.inf, 7.0])
    given = [backend.asarray(x) for x in (LABELS, INPUTS, NUMBERS)]
    (found,) = gradient(
        backend, lambda x: pl.ctc_loss(x, *given, reduction="sum"), backend.asarray(log_prob)
    )
    wanted = pl.ctc_loss.grad(
        np.where(np.isfinite(log_prob), log_prob, -1.0), LABELS, INPUTS, NUMBERS, reduction="sum"
    )
    np.testing.assert_allclose(
        backend.to_numpy(found), wanted, rtol=1e-4, atol=8 * np.finfo(dtype).eps
    )


def test_lengths_by_name_and_as_numbers() -> None:
    wanted = ctc(LOG_PROB, LABELS, INPUTS, NUMBERS)
    np.testing.assert_array_equal(
        ctc(LOG_PROB, LABELS, label_lengths=NUMBERS, input_lengths=INPUTS), wanted
    )
    np.testing.assert_array_equal(
        ctc(LOG_PROB, LABELS, input_lengths=4), ctc(LOG_PROB[:, :4], LABELS)
    )
    np.testing.assert_array_equal(
        ctc(LOG_PROB, LABELS, label_lengths=1), ctc(LOG_PROB, LABELS[:, :1])
    )
    np.testing.assert_array_equal(ctc(LOG_PROB, LABELS, 5, 2), ctc(LOG_PROB, LABELS))
    np.testing.assert_array_equal(
        ctc(LOG_PROB, LABELS.astype(np.uint8), INPUTS.astype(np.int32), NUMBERS.astype(bool)).shape,
        6,
    )


def test_axes() -> None:
    wanted, slope = pl.ctc_loss.value_and_grad(LOG_PROB, LABELS, INPUTS, NUMBERS)
    axes = {"time_axis": 0, "class_axis": 2, "label_axis": 0}  # as PyTorch has them
    found, moved = pl.ctc_loss.value_and_grad(
        np.moveaxis(LOG_PROB, 1, 0), LABELS.T, INPUTS, NUMBERS, **axes
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-15)
    np.testing.assert_allclose(np.moveaxis(moved, 0, 1), slope, rtol=1e-15)


@compiled_too
def test_no_labels(backend: Any, dtype: str) -> None:
    """Then each time is a blank; without times the empty alignment is certain."""
    log_prob = backend.asarray(LOG_PROB, dtype)
    blanks = -LOG_PROB[..., 0].sum(axis=-1)
    for labels, lengths in ((LABELS[:, :0], ()), (LABELS, (np.full(6, 5), np.zeros(6, int)))):
        arrays = [backend.asarray(x) for x in (labels, *lengths)]
        value, gradient = backend.call(
            pl.ctc_loss.value_and_grad, log_prob, *arrays, reduction="none"
        )
        np.testing.assert_allclose(backend.to_numpy(value), blanks, rtol=8 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(
            backend.to_numpy(gradient), np.broadcast_to([-1.0, 0, 0, 0], (6, 5, 4))
        )
    nothing = [
        backend.asarray(x) for x in (LABELS, np.zeros(6, int), np.asarray([0, 1, 2, 0, 1, 2]))
    ]
    value = backend.to_numpy(backend.call(pl.ctc_loss, log_prob, *nothing, reduction="none"))
    np.testing.assert_array_equal(value, [0, np.inf, np.inf, 0, np.inf, np.inf])


@compiled_too
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_what_cannot_be_aligned(backend: Any, dtype: str, zero_infinity: bool) -> None:
    """Too few times, no time for a blank between equal labels, an impossible class: no gradient."""
    log_prob = LOG_PROB.astype(dtype)
    log_prob[3, :, 2] = -np.inf
    arrays = [backend.asarray(x) for x in (log_prob, LABELS, np.asarray([1, 2, 2, 5, 2, 3]))]
    value, gradient = backend.call(
        pl.ctc_loss.value_and_grad, *arrays, reduction="none", zero_infinity=zero_infinity
    )
    value, gradient = backend.to_numpy(value), backend.to_numpy(gradient)
    cannot = [True, True, False, True, False, False]
    np.testing.assert_array_equal(value == (0 if zero_infinity else np.inf), cannot)
    np.testing.assert_array_equal(np.all(gradient == 0, axis=(1, 2)), cannot)
    assert np.all(np.isfinite(gradient))


BAD: dict[str, tuple[tuple[Any, ...], str]] = {
    "the blank": ((LOG_PROB, np.where(LABELS == 3, 0, LABELS)), r"labels\[2, 0\] is 0"),
    "no class": ((LOG_PROB, np.where(LABELS == 3, 4, LABELS)), r"labels\[2, 0\] is 4"),
    "padding that counts": (
        (LOG_PROB, np.where(LABELS == 3, -1, LABELS), INPUTS, np.full(6, 1)),
        r"labels\[2, 0\] is -1",
    ),
    "too many times": ((LOG_PROB, LABELS, INPUTS + (INPUTS == 4) * 2), r"input_lengths\[2\] is 6"),
    "fewer times than none": (
        (LOG_PROB, LABELS, INPUTS - (INPUTS == 4) * 5),
        r"input_lengths\[2\] is -1",
    ),
    "too many labels": (
        (LOG_PROB, LABELS, INPUTS, NUMBERS + (INPUTS == 4) * 2),
        r"label_lengths\[2\] is 3",
    ),
    "fewer labels than none": (
        (LOG_PROB, LABELS, INPUTS, NUMBERS - (INPUTS == 4) * 2),
        r"label_lengths\[2\] is -1",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_values(kind: str) -> None:
    """An error on NumPy, NaN elsewhere, in these sequences only."""
    given, words = BAD[kind]
    with pytest.raises(ValueError, match=f"ctc_loss: .*{words}"):
        pl.ctc_loss(*given)
    found = np.asarray(ctc(*(strict.asarray(x) for x in given)))
    bad = [2, 4, 5] if "labels" in words and "lengths" not in words else [2]
    if kind == "padding that counts":
        bad = [2, 5]
    np.testing.assert_array_equal(np.isnan(found), np.isin(np.arange(6), bad))


def test_bad_settings() -> None:
    given: Any = (LOG_PROB, LABELS)
    for blank in (-1, 4):
        with pytest.raises(ValueError, match="ctc_loss: blank must be a class, from 0 to 3"):
            pl.ctc_loss(*given, blank=blank)
    with pytest.raises(TypeError, match="ctc_loss: blank must be a whole number"):
        pl.ctc_loss(*given, blank=0.0)
    assert pl.ctc_loss(*given, blank=np.int8(0)) == pl.ctc_loss(*given)
    with pytest.raises(TypeError, match=r"ctc_loss: input_lengths .* integers"):
        pl.ctc_loss(*given, INPUTS.astype(float))
    with pytest.raises(ValueError, match=r"ctc_loss: .*labels \(5, 2\)|labels has shape \(5, 2\)"):
        pl.ctc_loss(LOG_PROB, LABELS[:5])
    with pytest.raises(ValueError, match=r"log_prob\[0, 0, 0\] is 1.0 \(logits go through"):
        pl.ctc_loss(np.ones((2, 3, 4)), LABELS[:2])


def large(dtype: str) -> tuple[np.ndarray, ...]:
    """Draw 64 sequences of length 500 with 80 classes."""
    rng = np.random.default_rng(8)
    logits = rng.normal(size=(64, 500, 80))
    log_prob = pl.special.log_softmax(logits).astype(dtype)
    return (
        log_prob,
        rng.integers(1, 80, (64, 50)),
        rng.integers(200, 501, 64),
        rng.integers(0, 51, 64),
    )


@pytest.mark.backends("torch")
def test_long_sequences_of_torch(backend: Any, dtype: str) -> None:
    """Compared with float64 results of torch from the same numbers.

    In float32 the derivatives are off by 6e-5, those of torch by 3e-3. Its float64 is off by 4e-12.
    """
    import torch
    from peers.sequence import _torch_ctc

    arrays, tolerance = large(dtype), {"float32": 1e-6, "float64": 1e-12}[dtype]
    value, gradient = pl.ctc_loss.value_and_grad(*arrays, reduction="none")
    leaf, *rest = (torch.asarray(x) for x in arrays)
    leaf = leaf.double().requires_grad_()
    theirs = torch.nn.functional.ctc_loss(leaf.movedim(1, 0), *rest, reduction="none")
    np.testing.assert_allclose(value, theirs.detach().numpy(), rtol=tolerance)
    np.testing.assert_allclose(
        pl.ctc_loss(*arrays, reduction="sum"), theirs.sum().item(), rtol=tolerance
    )
    _torch_ctc(leaf, *rest, blank=0, zero_infinity=False).sum().backward()
    slack = {"float32": 1e-4, "float64": 1e-11}[dtype]
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), rtol=0, atol=slack)


@pytest.mark.backends("jax")
def test_long_sequences_of_optax(backend: Any, dtype: str) -> None:
    """As with torch. Where JAX has 64 bits, optax takes them for float32 as well."""
    import jax
    from peers.sequence import _optax_ctc

    arrays = large(dtype)
    value, gradient = pl.ctc_loss.value_and_grad(*arrays, reduction="none")
    given = [jax.numpy.asarray(x) for x in arrays]

    @jax.jit
    def theirs(log_prob: Any) -> Any:
        found, pull = jax.vjp(
            lambda x: _optax_ctc(x, *given[1:], blank=0, zero_infinity=False), log_prob
        )
        return found, pull(jax.numpy.ones_like(found))[0]

    found, slope = theirs(given[0])
    np.testing.assert_allclose(value, found, rtol={"float32": 3e-6, "float64": 1e-12}[dtype])
    np.testing.assert_allclose(
        gradient, slope, rtol=0, atol={"float32": 1e-4, "float64": 1e-11}[dtype]
    )


def test_memory_is_bounded() -> None:
    """The memory does not grow with the number of sequences; a block has at least one."""
    log_prob = np.broadcast_to(np.float32(-3.0), (600, 200, 40))
    labels = np.broadcast_to(np.arange(1, 31), (600, 30))
    pl.ctc_loss(log_prob[:2], labels[:2])
    peaks = []
    for number in (300, 600):
        tracemalloc.start()
        try:
            pl.ctc_loss.value_and_grad(log_prob[:number], labels[:number])
            peaks.append(tracemalloc.get_traced_memory()[1] - log_prob[:number].size * 4)
        finally:
            tracemalloc.stop()
    assert max(peaks) < 2**27
    np.testing.assert_allclose(peaks[1], peaks[0], rtol=0.25)


# Warping


def warped(pred: np.ndarray, target: np.ndarray) -> float:
    """Return the cost of the best alignment, by the textbook."""
    best: dict[tuple[int, int], float] = {(-1, -1): 0.0}
    for i, x in enumerate(pred):
        for j, y in enumerate(target):
            before = min(
                best.get(place, np.inf) for place in ((i - 1, j - 1), (i - 1, j), (i, j - 1))
            )
            best[i, j] = before + float(np.sum((x - y) ** 2))
    return best[len(pred) - 1, len(target) - 1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (5, 7), (7, 4)])
def test_a_hard_minimum(shape: tuple[int, int]) -> None:
    """Near gamma 0 it is dynamic time warping; else smaller, by at most gamma log(alignments)."""
    pred, target = RANDOM.normal(size=(shape[0], 2)), RANDOM.normal(size=(shape[1], 2))
    best = warped(pred, target)
    for gamma in (1e-300, 1e-12, 1e-6):
        np.testing.assert_allclose(
            pl.soft_dtw_loss(pred, target, gamma=gamma), best, rtol=1e-12, atol=10 * gamma
        )
    number = len([*_alignments(*shape)])
    for gamma in (0.1, 10.0):
        found = pl.soft_dtw_loss(pred, target, gamma=gamma)
        assert best - gamma * np.log(number) - 1e-12 <= found <= best + 1e-12
    np.testing.assert_allclose(
        pl.soft_dtw_loss(pred, target, gamma=1e9) / 1e9, -np.log(number), rtol=1e-6, atol=1e-6
    )


def _alignments(rows: int, columns: int) -> Any:
    if rows == columns == 1:
        yield ()
    for down, right in ((1, 1), (1, 0), (0, 1)):
        if rows > down and columns > right:
            yield from _alignments(rows - down, columns - right)


def test_warping_is_symmetric_and_may_be_negative() -> None:
    pred, target = RANDOM.normal(size=(3, 5, 2)), RANDOM.normal(size=(3, 4, 2))
    np.testing.assert_allclose(
        pl.soft_dtw_loss(pred, target), pl.soft_dtw_loss(target, pred), rtol=1e-14
    )
    assert pl.soft_dtw_loss(pred, pred) < 0
    value, gradient = pl.soft_dtw_loss.value_and_grad(
        pred.mT, target.mT, time_axis=2, target_time_axis=2, d_axis=1
    )
    np.testing.assert_allclose(value, pl.soft_dtw_loss(pred, target), rtol=1e-14)
    np.testing.assert_allclose(gradient.mT, pl.soft_dtw_loss.grad(pred, target), rtol=1e-13)


@compiled_too
def test_infinite_entries(backend: Any, dtype: str) -> None:
    pred = np.zeros((3, 4, 2), dtype)
    pred[1, 2, 0], pred[2, 0, 1] = np.inf, np.nan
    arrays = backend.asarray(pred), backend.asarray(np.ones((3, 5, 2), dtype))
    value, gradient = (
        backend.to_numpy(x)
        for x in backend.call(pl.soft_dtw_loss.value_and_grad, *arrays, reduction="none")
    )
    assert np.isfinite(value[0])
    assert value[1] == np.inf
    assert np.isnan(value[2])
    np.testing.assert_array_equal(
        np.isnan(gradient), np.broadcast_to([[[False]], [[True]], [[True]]], (3, 4, 2))
    )


@compiled_too
def test_padded_series(backend: Any, dtype: str) -> None:
    """Each pair of series has the loss and the gradient that it has alone; padding may be NaN."""
    rng = np.random.default_rng(7)
    series, others = rng.normal(size=(4, 6, 2)), rng.normal(size=(4, 5, 2))
    lengths, other_lengths = np.asarray([6, 3, 1, 4]), np.asarray([5, 5, 2, 1])
    pairs = [
        (series[k, :n], others[k, :m])
        for k, (n, m) in enumerate(zip(lengths, other_lengths, strict=True))
    ]
    alone = [
        pl.soft_dtw_loss.value_and_grad(*(x.astype(dtype).astype(float) for x in pair), gamma=0.5)
        for pair in pairs
    ]
    for k in range(4):
        series[k, lengths[k] :] = np.nan
        others[k, other_lengths[k] :] = np.nan
    arrays = [backend.asarray(x, dtype) for x in (series, others)]
    ends = [backend.asarray(x) for x in (lengths, other_lengths)]
    value, gradient = backend.call(
        pl.soft_dtw_loss.value_and_grad, *arrays, *ends, gamma=0.5, reduction="none"
    )
    close(backend.to_numpy(value), np.asarray([x[0] for x in alone]), dtype, slack=8)
    gradient = backend.to_numpy(gradient)
    for k, n in enumerate(lengths):
        close(gradient[k, :n], alone[k][1], dtype, slack=16)
        assert not gradient[k, n:].any()
    only = backend.call(
        pl.soft_dtw_loss, arrays[0], backend.asarray(others[:, :1], dtype), pred_lengths=ends[0]
    )
    assert np.isfinite(float(backend.to_numpy(only)))


def test_lengths_of_series_that_are_none() -> None:
    """There is no alignment with nothing, and none beyond the end."""
    series, others = np.zeros((2, 3, 1)), np.zeros((2, 4, 1))
    for bad in (0, 4, -1):
        with pytest.raises(ValueError, match=rf"pred_lengths\[1\] is {bad}"):
            pl.soft_dtw_loss(series, others, [3, bad])
    with pytest.raises(ValueError, match=r"target_lengths\[0\] is 5"):
        pl.soft_dtw_loss(series, others, target_lengths=[5, 4])
