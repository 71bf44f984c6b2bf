"""Tweedie deviances whose powers are an array: one for each loss, traced or learned."""

from functools import partial

import exact.deviance
import numpy as np
import pytest
from mpmath import mp, mpf
from test_autodiff import gradient

import portable_losses as pl


@pytest.mark.parametrize("log_input", [False, True])
def test_powers_in_an_array(backend, dtype, log_input):
    """Each column is as with its own number, on NumPy: negative means, targets of 0 and below."""
    powers = np.asarray([0.0, -0.5, 1.0, 1.5, 2.0, 3.0])
    pred = np.asarray([[-2.0, 0.5, 2.0, 0.5, 4.0, 0.1], [1.5, 3.0, 1.0, 2.0, 0.5, 1.5]])
    target = np.asarray([[1.0, -1.0, 0.0, 0.0, 3.0, 2.0], [-2.0, 3.0, 2.0, 4.0, 0.25, 2.0]])
    x, y, p = (backend.asarray(x, dtype) for x in (pred, target, powers))
    loss = pl.tweedie_deviance_loss.bind(reduction="none", log_input=log_input)
    found = [loss(x, y, power=p), *loss.grad_and_hess(x, y, power=p)]
    for column, power in enumerate(powers.tolist()):
        own = [np.asarray(each[:, column], dtype) for each in (pred, target)]
        right = [loss(*own, power=power), *loss.grad_and_hess(*own, power=power)]
        for part, expected in zip(found, right, strict=True):
            np.testing.assert_allclose(
                backend.to_numpy(part[:, column]),
                expected,
                rtol=64 * np.finfo(dtype).eps,
            )


@pytest.mark.parametrize(
    ("powers", "pred", "target", "parts"),
    [
        ([1.5, 2.5], [1.0, 2.0], [0.0, 0.0], ("target", "positive", "power is 2.5", "target[1]")),
        ([1.5, 2.0], [1.0, 2.0], [0.0, 0.0], ("target", "positive", "power is 2,", "target[1]")),
        ([1.0, 0.0], [1.0, 2.0], [-1.0, -1.0], ("target", "from 0", "power is 1,", "target[0]")),
        ([1.5, -1.0], [1.0, 0.0], [1.0, -1.0], ("pred", "positive", "power is -1,", "pred[1]")),
        ([0.0, 1.5], [-1.0, -1.0], [1.0, 1.0], ("pred", "positive", "power is 1.5", "pred[1]")),
        ([1.5, 0.5], [1.0, 1.0], [1.0, 1.0], ("power", "outside (0, 1)", "power[1] is 0.5")),
        ([1.5, np.inf], [1.0, 1.0], [1.0, 1.0], ("power", "(-inf, inf)", "power[1] is inf")),
    ],
)
def test_each_element_has_the_domain_of_its_own_power(powers, pred, target, parts):
    arrays = [np.asarray(x) for x in (pred, target)]
    with pytest.raises(ValueError, match="tweedie_deviance_loss: ") as error:
        pl.tweedie_deviance_loss(*arrays, power=np.asarray(powers))
    for part in parts:
        assert part.replace(",", "") in str(error.value).replace(",", "")


def test_powers_in_an_array_and_elements_that_are_left_out():
    """A mask leaves out what is outside its own domain; many blocks are checked alike."""
    pred, target = np.full((300_000, 2), 2.0), np.full((300_000, 2), 2.0)
    target[-1, 1] = 0.0
    powers, mask = np.asarray([1.5, 3.0]), np.ones((300_000, 2), bool)
    with pytest.raises(ValueError, match=r"where power is 3, but target\[299999, 1\] is 0"):
        pl.tweedie_deviance_loss(pred, target, power=powers)
    mask[-1, 1] = False
    assert pl.tweedie_deviance_loss(pred, target, power=powers, where=mask) == 0
    with pl.validation(False):
        assert not np.isfinite(pl.tweedie_deviance_loss(pred, target, power=powers))


def test_powers_in_an_array_of_a_sum():
    """The domain is that of all parts, for each element by its own numbers."""
    mixed = pl.tweedie_deviance_loss + pl.tweedie_deviance_loss
    pred, target = np.asarray([-2.0, 1.0]), np.asarray([1.0, 0.0])
    found = mixed(pred, target, power_1=np.asarray([0.0, 1.5]), power_2=np.asarray([0.0, 1.0]))
    assert found == (9 + 9 + 4 + 2) / 2
    with pytest.raises(ValueError, match=r"where power_1 is 0 and power_2 is 1, but pred\[0\] is"):
        mixed(pred, target, power_1=np.asarray([0.0, 1.5]), power_2=np.asarray([1.0, 1.0]))


@pytest.mark.backends("torch", "jax")
@pytest.mark.parametrize("power", [1 + 1e-8, 1 + 1e-4, 1.0, 1.3, 2 - 1e-8, 2.0, 2 + 1e-4, 3.0])
@pytest.mark.parametrize("log_input", [False, True])
def test_the_gradient_of_a_power(backend, dtype, power, log_input):
    """Also where the textbook divides by 0; for targets of 0 and next to the mean as well."""
    power = float(np.asarray(power, dtype))
    means, targets = [0.5, 2.0, 3.0, 5.0, 1.0], [1.0, 0.0 if power < 2 else 9.0, 3.0, 5.5, 20.0]
    pred, target = np.log(means) if log_input else np.asarray(means), np.asarray(targets)
    x, y, p = (backend.asarray(x, dtype) for x in (pred, target, np.asarray(power)))
    (found,) = gradient(
        backend,
        lambda p, *given: pl.tweedie_deviance_loss(
            *given, power=p, log_input=log_input, reduction="sum"
        ),
        p,
        x,
        y,
    )
    with mp.workdps(80):

        def exact_sum(p):
            pairs = zip(backend.to_numpy(x).tolist(), backend.to_numpy(y).tolist(), strict=True)
            return sum(
                exact.deviance.tweedie_deviance_loss(mpf(m), mpf(t), p, log_input)[0]
                for m, t in pairs
            )

        own = mpf(float(backend.to_numpy(p)))
        right = (exact_sum(own + mpf(10) ** -20) - exact_sum(own - mpf(10) ** -20)) / (
            2 * mpf(10) ** -20
        )
    np.testing.assert_allclose(
        float(found), float(right), rtol=1e-4 if dtype == "float32" else 1e-12
    )


@pytest.mark.backends("jax")
def test_a_schedule_of_powers(backend):
    """A traced power may be any, as a number may."""
    import jax

    pred, target = backend.asarray([0.5, 2.0, 3.0]), backend.asarray([1.0, 2.5, 4.0])
    powers = [0.0, 1.0, 1.2, 1.5, 2.0, 3.0, -1.0]
    for options in ({}, {"log_input": True}):
        loss = partial(pl.tweedie_deviance_loss, pred, target, **options)
        found = jax.jit(lambda p, loss=loss: jax.lax.map(lambda q: loss(power=q), p))(
            backend.asarray(powers)
        )
        np.testing.assert_allclose(found, [float(loss(power=p)) for p in powers], rtol=1e-5)
