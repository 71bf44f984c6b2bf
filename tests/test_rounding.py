"""Values that only rounding led out of their domain: each counts as the bound, on every library."""

from typing import Any

import numpy as np
import pytest
from arguments import LOSSES, arguments, methods, parts, required, ways
from test_every_loss import close

import portable_losses as pl

Loss = pl.Loss[...]
ENDS = [
    (loss, way, i, bound, sign)
    for loss, way in ways(LOSSES)
    for i, domain in enumerate(required(loss).domains[way])
    for bound, sign in zip(domain.ends, (-1, 1), strict=True)
    if bound is not None
]
"""Each loss and way with each of its arguments, and each bound that belongs to its domain."""


def at_and_beyond(
    loss: Loss, way: int, i: int, bound: float, beyond: float, dtype: str
) -> tuple[list[Any], list[Any]]:
    """Return the same arguments with one number at a bound, or beyond."""
    given = [x.astype(dtype) if x.dtype.kind == "f" else x for x in arguments(loss, way)]
    at = [x.copy() for x in given]
    at[i][(0,) * at[i].ndim] = bound
    outside = [x.copy() for x in at]
    outside[i][(0,) * at[i].ndim] = beyond
    return at, outside


@pytest.mark.parametrize(("loss", "way", "i", "bound", "sign"), ENDS)
@pytest.mark.parametrize("eps", [1, 48])
def test_rounding_leads_to_the_bound(
    backend: Any, dtype: str, loss: Loss, way: int, i: int, bound: float, sign: int, eps: int
) -> None:
    """Values and derivatives are those at the bound; nothing is NaN that is not there.

    Where values are not checked, and nothing is NaN beside the bound, they may be those beside it.
    """
    beyond = bound + sign * eps * float(np.finfo(dtype).eps)
    at, outside = at_and_beyond(loss, way, i, bound, beyond, dtype)
    exact = backend.base == "numpy" or loss.signature.domains[way][i].sharp
    chosen = methods(loss) if backend.thorough else methods(loss)[1:2]
    for method in chosen:
        function = getattr(loss, method)
        right = parts(function(*(backend.asarray(x) for x in at)))
        found = parts(function(*(backend.asarray(x) for x in outside)))
        for x, expected in zip(found, right, strict=True):
            x, expected = backend.to_numpy(x), backend.to_numpy(expected)
            if exact:
                close(x, expected, dtype)
            else:
                np.testing.assert_allclose(
                    x,
                    expected,
                    rtol=np.finfo(dtype).eps ** 0.6,
                    atol=1e-3 * eps * np.finfo(dtype).eps ** 0.5,
                )


@pytest.mark.parametrize(("loss", "way", "i", "bound", "sign"), ENDS)
def test_more_than_rounding(loss: Loss, way: int, i: int, bound: float, sign: int) -> None:
    """The message says how far outside the value is."""
    beyond = bound + sign * 1e-12
    _, outside = at_and_beyond(loss, way, i, bound, beyond, "float64")
    name = loss.signature.arguments[i]
    with pytest.raises(ValueError, match=rf"{name}.* 1e-12 outside is more than rounding"):
        loss(*outside)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_blocks(dtype: str) -> None:
    """Only the strays of a block are moved, and the arrays stay as they are."""
    rng = np.random.default_rng(1)
    pred = rng.uniform(0.0, 1.0, 500_000).astype(dtype)
    target = np.round(pred)
    outside = pred.copy()
    outside[[0, 300_000]] = 1 + 2 * np.finfo(dtype).eps
    before = outside.copy()
    pred[[0, 300_000]] = 1.0
    assert pl.binary_cross_entropy(outside, target) == pl.binary_cross_entropy(pred, target)
    np.testing.assert_array_equal(outside, before)
    with pl.validation(False):
        assert pl.binary_cross_entropy(outside, target) == pl.binary_cross_entropy(pred, target)


def test_a_known_exporter() -> None:
    """Its float32 probabilities reach 1.0000054."""
    pred = np.asarray([1.0000054, 0.5], np.float32)
    assert pl.binary_cross_entropy(pred, [1.0, 1.0]) == np.float32(np.log(2) / 2)


def test_half_precision() -> None:
    """One step of float16 beyond 1 is rounding, two are not."""
    step = np.finfo(np.float16).eps
    pred = np.asarray([1 + step, 0.5], np.float16)
    assert pred[0] > 1
    assert pl.binary_cross_entropy(pred, [1.0, 1.0]) == np.float16(np.log(2) / 2)
    assert pl.hellinger_loss(pred[None], [[1.0, 0.0]]) == np.float16(np.sqrt(0.25))
    pred[0] += step
    with pytest.raises(ValueError, match=r"pred\[0\] is 1.00195.*outside is more than rounding"):
        pl.binary_cross_entropy(pred, [1.0, 1.0])


@pytest.mark.backends("torch", "jax")
def test_half_precision_elsewhere(backend: Any) -> None:
    """A number that is one step outside is the bound, not NaN."""
    step = np.finfo(np.float16).eps
    given = [np.asarray([[1.0, -step]], np.float16), np.asarray([[1.0, 0.0]], np.float16)]
    assert float(pl.hellinger_loss(*map(backend.asarray, given))) == 0


def test_weights() -> None:
    """A negative weight that differs from 0 by rounding is one."""
    losses = np.asarray([1.0, 2.0])
    for weights in ([-2.8e-17, 1.0], [np.float32(-1e-7), np.float32(1.0)]):
        value = pl.mse_loss(losses, 0.0, weights=np.asarray(weights))
        np.testing.assert_allclose(value, 4.0, rtol=1e-6)
    assert np.isnan(pl.mse_loss(losses, 0.0, weights=0.0))
    logits = np.asarray([[1.0, 2.0]])
    pl.cross_entropy(logits, [0], class_weights=np.asarray([1.0, -1e-17]))
    with pytest.raises(ValueError, match=r"weights\[0\] is -0.001: 0.001 outside is more"):
        pl.mse_loss(losses, 0.0, weights=[-0.001, 1.0])


@pytest.mark.backends("torch", "jax")
def test_the_ends_have_a_derivative(backend: Any) -> None:
    """It is 1 inside and at the ends, so that autodiff of a derivative is right there."""
    from test_autodiff import gradient

    from portable_losses._backends import backend_of

    x = backend.asarray([0.0, 0.5, 1.0, -1.0, 2.0])
    xp: Any = getattr(backend_of(x), "xp", None)
    (slope,) = gradient(backend, lambda x: xp.sum(xp.to_ends(x, 0.0, 1.0, 1e-6)), x)
    np.testing.assert_array_equal(backend.to_numpy(slope), 1.0)


@pytest.mark.backends("torch", "jax")
def test_floored_logarithms_have_a_finite_derivative(backend: Any) -> None:
    """It is 0 at the floor, also where the logarithm itself is infinite."""
    from test_autodiff import gradient

    from portable_losses._backends import backend_of

    x = backend.asarray([0.0, 0.25, 0.75, 1.0])
    xp: Any = getattr(backend_of(x), "xp", None)
    (rising,) = gradient(backend, lambda x: xp.sum(xp.floored_log(x, -30.0)), x)
    (falling,) = gradient(backend, lambda x: xp.sum(xp.floored_log1m(x, -30.0)), x)
    assert np.isfinite(backend.to_numpy(rising)).all()
    np.testing.assert_allclose(backend.to_numpy(falling)[:3], [-1.0, -4 / 3, -4.0], rtol=1e-6)
    assert np.isfinite(backend.to_numpy(falling)).all()
