"""Losses of classes: labels, one-hot rows, class weights, ignored labels, the class axis."""

import itertools
from typing import Any

import numpy as np
import pytest
from marks import compiled_too

import portable_losses as pl

LABEL_DTYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
ROWS, CLASSES = 8, 5


def data(backend: Any, dtype: str) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    logits = rng.standard_normal((ROWS, CLASSES)).astype(dtype) * 3
    labels = rng.integers(0, CLASSES, ROWS)
    return backend.asarray(logits), backend.asarray(labels), logits, labels


def close(backend: Any, actual: Any, desired: Any, dtype: str) -> None:
    np.testing.assert_allclose(
        backend.to_numpy(actual),
        desired,
        rtol=16 * np.finfo(dtype).eps,
        atol=4 * np.finfo(dtype).eps,
    )


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """The textbook's form, in float64."""
    exponentials = np.exp(logits.astype(float))
    return np.log(exponentials / exponentials.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("kind", LABEL_DTYPES)
def test_labels_of_every_integer_dtype(backend, dtype, kind):
    if backend.name == "strict-no_x64" and kind.endswith("64"):
        return  # a device without such integers
    if backend.base == "jax" and kind.endswith("64") and "float64" not in backend.dtypes:
        return  # JAX without x64 makes them 32 bits wide
    logits, _, values, labels = data(backend, dtype)
    expected = -log_probabilities(values)[np.arange(ROWS), labels]
    close(
        backend,
        pl.cross_entropy(logits, backend.asarray(labels, kind), reduction="none"),
        expected,
        dtype,
    )


def test_boolean_labels(backend, dtype):
    logits = np.asarray([[0.5, 1.0], [2.0, -1.0]], dtype=dtype)
    given = [backend.asarray(logits), backend.asarray([True, False])]
    close(
        backend,
        pl.cross_entropy(*given, reduction="none"),
        -log_probabilities(logits)[[0, 1], [1, 0]],
        dtype,
    )


OPTIONS = ("weights", "where", "class_weights", "ignore_index", "label_smoothing")
COMBINATIONS = [c for n in range(len(OPTIONS) + 1) for c in itertools.combinations(OPTIONS, n)]


@pytest.mark.parametrize("used", COMBINATIONS, ids="-".join)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_every_combination_of_options(backend, dtype, used, reduction):
    """They equal the textbook's loss of the rows kept; labels and one-hot rows agree."""
    logits, labels, values, numbers = data(backend, dtype)
    rng = np.random.default_rng(4)
    weights = rng.uniform(0.5, 2.0, ROWS).astype(dtype)
    where = np.asarray([True, True, False, True, True, True, False, True])
    class_weights = rng.uniform(0.5, 2.0, CLASSES).astype(dtype)
    ignored = int(numbers[0])
    smoothing = 0.2 if "label_smoothing" in used else 0.0

    keep = np.ones(ROWS, dtype=bool)
    if "where" in used:
        keep &= where
    if "ignore_index" in used:
        keep &= numbers != ignored
    one_hot = np.eye(CLASSES)[numbers]
    smooth = (1 - smoothing) * one_hot + smoothing / CLASSES
    losses = -np.sum(smooth * log_probabilities(values), axis=-1)[keep]
    counted = np.ones(ROWS)
    if "weights" in used:
        counted = counted * weights
    if "class_weights" in used:
        counted = counted * class_weights[numbers]
    counted = counted[keep]
    expected = np.sum(counted * losses) / (np.sum(counted) if reduction == "mean" else 1)

    given: dict[str, Any] = {"reduction": reduction}
    for name, array in (("weights", weights), ("where", where), ("class_weights", class_weights)):
        if name in used:
            given[name] = backend.asarray(array)
    if smoothing:
        given["label_smoothing"] = smoothing
    rows = dict(given)
    if "ignore_index" in used:
        given["ignore_index"] = ignored
        rows["where"] = backend.asarray(keep)
    close(backend, pl.cross_entropy(logits, labels, **given), expected, dtype)
    close(
        backend, pl.cross_entropy(logits, backend.asarray(one_hot, dtype), **rows), expected, dtype
    )


@compiled_too
def test_ignored_labels_need_be_no_classes(backend, dtype):
    logits, _, values, labels = data(backend, dtype)
    marked = np.where(np.arange(ROWS) % 3 == 0, -100, labels)
    kept = marked != -100
    value, gradient = backend.call(
        pl.cross_entropy.value_and_grad, logits, backend.asarray(marked), ignore_index=-100
    )
    close(backend, value, np.mean(-log_probabilities(values)[kept, labels[kept]]), dtype)
    assert np.all(backend.to_numpy(gradient)[~kept] == 0)


@pytest.mark.parametrize("class_axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("probabilities", [False, True])
def test_the_class_axis_may_be_anywhere(backend, dtype, class_axis, probabilities):
    rng = np.random.default_rng(5)
    logits = rng.standard_normal((2, 3, CLASSES)).astype(dtype)
    labels = rng.integers(0, CLASSES, (2, 3))
    target = rng.dirichlet(np.ones(CLASSES), (2, 3)).astype(dtype) if probabilities else labels
    expected = pl.cross_entropy.value_and_grad(logits, target, reduction="none")
    moved = [backend.asarray(np.moveaxis(logits, -1, class_axis))]
    moved.append(backend.asarray(np.moveaxis(target, -1, class_axis) if probabilities else labels))
    value, gradient = pl.cross_entropy.value_and_grad(
        *moved, class_axis=class_axis, reduction="none"
    )
    close(backend, value, expected[0], dtype)
    close(backend, gradient, np.moveaxis(expected[1], -1, class_axis), dtype)


@compiled_too
@pytest.mark.parametrize("label", [-1, CLASSES, CLASSES + 100])
def test_a_label_that_is_no_class(backend, dtype, label):
    """Its row, and only its row, is NaN where values are not checked; NumPy raises an error."""
    logits, _, values, labels = data(backend, dtype)
    wrong = labels.copy()
    wrong[2] = label
    if backend.base == "numpy":
        with pytest.raises(ValueError, match=rf"target\[2\] is {label} .*ignore_index"):
            pl.cross_entropy(logits, wrong)
        with pl.validation(False):
            value, gradient = pl.cross_entropy.value_and_grad(logits, wrong, reduction="none")
            assert np.isnan(pl.cross_entropy(logits, wrong))
    else:
        value, gradient = backend.call(
            pl.cross_entropy.value_and_grad, logits, backend.asarray(wrong), reduction="none"
        )
    expected = -log_probabilities(values)[np.arange(ROWS), labels]
    expected[2] = np.nan
    close(backend, value, expected, dtype)
    assert np.all(np.isnan(backend.to_numpy(gradient)) == (np.arange(ROWS) == 2)[:, None])


@compiled_too
def test_masked_classes(backend, dtype):
    """A logit of -inf: its class costs nothing while its target is 0, and has no gradient."""
    logits = np.asarray([[0.5, -np.inf, 1.5], [-np.inf, 2.0, -np.inf]], dtype=dtype)
    target = np.asarray([[0.25, 0.0, 0.75], [0.0, 1.0, 0.0]], dtype=dtype)
    kept = log_probabilities(logits[:1, [0, 2]])[0]
    value, gradient = backend.call(
        pl.cross_entropy.value_and_grad,
        backend.asarray(logits),
        backend.asarray(target),
        reduction="none",
    )
    close(backend, value, [-0.25 * kept[0] - 0.75 * kept[1], 0.0], dtype)
    close(
        backend,
        gradient,
        [[np.exp(kept[0]) - 0.25, 0.0, np.exp(kept[1]) - 0.75], [0.0, 0.0, 0.0]],
        dtype,
    )
    impossible = backend.call(
        pl.cross_entropy, backend.asarray(logits[1]), backend.asarray([0.5, 0.5, 0.0], dtype)
    )
    assert backend.to_numpy(impossible) == np.inf


@compiled_too
def test_a_dominant_logit_keeps_its_digits(backend, dtype):
    logits = np.asarray([16.94, 0.0], dtype=dtype)
    exact = np.log1p(np.exp(-float(logits[0])))
    value, gradient = backend.call(
        pl.cross_entropy.value_and_grad, backend.asarray(logits), backend.asarray(0)
    )
    np.testing.assert_allclose(backend.to_numpy(value), exact, rtol=8 * np.finfo(dtype).eps)
    share = 1 / (1 + np.exp(float(logits[0])))
    np.testing.assert_allclose(
        backend.to_numpy(gradient), [-share, share], rtol=8 * np.finfo(dtype).eps
    )


@compiled_too
@pytest.mark.parametrize("classes", [3, 8, 17, 60])
def test_logits_that_are_computed_in_the_same_program(backend, xp, dtype, classes):
    """A compiler may compute logits twice, rounded differently: one may exceed the maximum."""
    rng = np.random.default_rng(classes)
    hidden, weight = (
        rng.standard_normal((50, 5)).astype(dtype),
        rng.standard_normal((5, classes)).astype(dtype),
    )
    labels = rng.integers(0, classes, 50)

    def of_hidden(hidden: Any, weight: Any, labels: Any) -> Any:
        logits = xp.tanh((hidden @ weight) / 0.7) * 3.3
        return pl.cross_entropy.value_and_grad(logits, labels, reduction="none")

    logits = np.tanh((hidden.astype(float) @ weight) / 0.7) * 3.3
    value, gradient = backend.call(of_hidden, *map(backend.asarray, (hidden, weight, labels)))
    log_p = log_probabilities(logits)
    atol = 64 * np.finfo(dtype).eps  # the rounding of the logits
    np.testing.assert_allclose(
        backend.to_numpy(value), -log_p[np.arange(50), labels], rtol=0, atol=atol
    )
    expected = np.exp(log_p) - (np.arange(classes) == labels[:, None])
    np.testing.assert_allclose(backend.to_numpy(gradient), expected, rtol=0, atol=atol)


@compiled_too
def test_offsets_lose_no_digits(backend, dtype):
    value = backend.call(pl.cross_entropy, backend.asarray([1e8, 1e8], dtype), backend.asarray(0))
    np.testing.assert_allclose(backend.to_numpy(value), np.log(2), rtol=2 * np.finfo(dtype).eps)


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("classes", [2, 99, 100, 101, 3000])
def test_both_layouts_of_many_blocks(backend, dtype, classes):
    """Few classes are copied in front, many stay in place; the rows fill more than one block."""
    rng = np.random.default_rng(6)
    rows = 2**19 // 4 * 3 // classes
    logits = rng.standard_normal((rows, classes)).astype(dtype)
    labels = rng.integers(0, classes, rows)
    log_p = log_probabilities(logits)
    value, gradient = pl.cross_entropy.value_and_grad(logits, labels, reduction="sum")
    np.testing.assert_allclose(
        value, -np.sum(log_p[np.arange(rows), labels]), rtol=1e-5 if dtype == "float32" else 1e-12
    )
    expected = np.exp(log_p)
    expected[np.arange(rows), labels] -= 1
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=8 * np.finfo(dtype).eps)


def test_a_bound_of_the_logits(backend, dtype):
    """Far beyond it the derivative is small, not 0; a masked class costs nothing."""
    logits = backend.asarray([[30.0, -40.0, -np.inf], [1e4, 0.0, -np.inf]], dtype)
    value, gradient = backend.call(
        pl.cross_entropy.value_and_grad, logits, 1, softcap=4.0, reduction="none"
    )
    value, gradient = backend.to_numpy(value), backend.to_numpy(gradient)
    np.testing.assert_allclose(value, [8 + np.exp(-8.0), 4 + np.log1p(np.exp(-4.0))], rtol=1e-4)
    slope = 4 * np.exp(-2 * np.asarray([30.0, 40.0]) / 4)
    np.testing.assert_allclose(gradient[0, :2], slope * [1, -1], rtol=1e-3)
    np.testing.assert_array_equal(gradient[:, 2], 0)
    assert gradient[1, 0] == 0  # exp(-5000)


def test_a_temperature_is_a_divisor_of_the_logits(backend, dtype):
    logits = np.asarray([[1.0, 2.0, -1.0], [0.0, 4.0, 8.0]], dtype)
    value, gradient = backend.call(
        pl.cross_entropy.value_and_grad, backend.asarray(logits), 1, temperature=4.0
    )
    wanted, slope = pl.cross_entropy.value_and_grad(logits / 4, 1)
    np.testing.assert_allclose(backend.to_numpy(value), wanted, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(
        backend.to_numpy(gradient), slope / 4, rtol=8 * np.finfo(dtype).eps, atol=1e-9
    )


def test_the_penalty_keeps_logits_from_drifting(backend, dtype):
    """At uniform logits it is the square of what they are off, whatever the target."""
    for target in (1, [0.25, 0.25, 0.5]):
        for shift in (-5.0, 0.0, 5.0):
            logits = np.full(3, shift - np.log(3.0), dtype)
            arrays = (logits, target) if target == 1 else (logits, np.asarray(target, dtype))
            given = [backend.asarray(x) if np.ndim(x) else x for x in arrays]
            value, gradient = backend.call(pl.cross_entropy.value_and_grad, *given, z_loss=0.5)
            plain, slope = pl.cross_entropy.value_and_grad(*arrays)
            eps = 64 * np.finfo(dtype).eps
            more = backend.to_numpy(value) - plain
            np.testing.assert_allclose(more, 0.5 * shift**2, rtol=eps, atol=eps)
            np.testing.assert_allclose(
                backend.to_numpy(gradient) - slope, shift / 3, rtol=eps, atol=eps
            )


@pytest.mark.parametrize(
    ("option", "value"),
    [("softcap", 0.0), ("softcap", -1.0), ("temperature", 0.0), ("z_loss", -1.0), ("z_loss", "1")],
)
def test_options_of_the_logits_out_of_range(option, value):
    for loss, arrays in (
        (pl.cross_entropy, (np.zeros((2, 3)), [0, 1])),
        (pl.linear_cross_entropy, (np.zeros((2, 3)), np.zeros((4, 3)), [0, 1])),
    ):
        with pytest.raises((TypeError, ValueError), match=rf"{loss.__name__}: {option} must be"):
            loss(*arrays, **{option: value})
