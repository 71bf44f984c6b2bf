"""Parameters that are arrays: one number, one for each loss, and their gradients by autodiff."""

from math import inf
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from cases import CASES, Case, as_exact, as_tuple, example
from marks import compiled_too, losses
from mpmath import mp, mpf
from test_every_loss import close

import portable_losses as pl

ROWS = 3
OTHERWISE = {"alpha": 0.25, "softcap": 3.0}
"""Numbers for parameters that are missing by default."""

SPECIAL = {-inf, -2.0, 0.0, 2.0}
"""Where a parameter may have a formula of its own."""


def first_of_each(cases: Any) -> list[Case]:
    """Return the first case of each loss with such a parameter."""
    found = {case.name: case for case in reversed(cases) if signature(case).arrays}
    return list(found.values())


def signature(case: Case) -> Any:
    """Return the signature of the whole loss, shared arrays included."""
    return getattr(pl, case.name).signature


VARIED = first_of_each(CASES)
ELEMENTS = [case for case in VARIED if not case.row and not case.core]
LEARNED = [case for case in VARIED if not signature(case).steps and case.outer is None]


def settings(case: Case) -> dict[str, Any]:
    """Return the parameters that may be arrays, with a number that is no special one."""
    every = [{v for v in x.values() if type(v) is float} for x in case.parameters]
    usual = (x for x, own in zip(case.parameters, every, strict=True) if own and not own & SPECIAL)
    chosen = next(usual, {})
    numbers = {}
    for key in sorted(signature(case).arrays):
        number = chosen.get(key, signature(case).defaults.get(key))
        numbers[key] = number if type(number) is float else OTHERWISE.get(key, 0.5)
    rest = {key: value for key, value in chosen.items() if key not in numbers}
    return {"numbers": numbers, "rest": rest}


def same(backend: Any, found: Any, right: Any, dtype: str) -> None:
    """Compare two arrays of a library."""
    close(backend.to_numpy(found), backend.to_numpy(right), dtype)


@losses(VARIED)
def test_an_array_of_one_number(backend: Any, case: Case) -> None:
    """It is that number, with axes or without, for the value and the gradient."""
    arrays = [backend.asarray(x) for x in case.draw(np.random.default_rng(1), (ROWS,))]
    found = settings(case)
    dtype = backend.dtypes[-1]
    for key, number in found["numbers"].items():
        others = {**found["rest"], **{k: v for k, v in found["numbers"].items() if k != key}}
        right = case.loss.value_and_grad(*arrays, **others, **{key: number})
        sequence = signature(case).parameters[key].sequence
        for given in (number, [number]) if not sequence else (number,):
            array = backend.asarray(np.asarray(given))
            value, gradient = case.loss.value_and_grad(*arrays, **others, **{key: array})
            same(backend, value, right[0], dtype)
            for x, expected in zip(as_tuple(gradient), as_tuple(right[1]), strict=True):
                same(backend, x, expected, dtype)
                assert x.dtype == expected.dtype


@losses(ELEMENTS)
def test_one_number_for_each_column(backend: Any, case: Case) -> None:
    """Each column is as with its own number; so are a whole array, and many blocks of NumPy."""
    shape = (ROWS, 2)
    drawn = case.draw(np.random.default_rng(2), shape)
    found = settings(case)
    dtype = backend.dtypes[-1]
    for key, number in found["numbers"].items():
        others = {**found["rest"], **{k: v for k, v in found["numbers"].items() if k != key}}
        pair = np.asarray([number, 1.25 * number])
        arrays = [backend.asarray(x) for x in drawn]
        for given in (pair, np.broadcast_to(pair, shape).copy()):
            value, gradient = case.loss.value_and_grad(
                *arrays, **others, **{key: backend.asarray(given)}, reduction="none"
            )
            for column in range(2):
                own = [backend.asarray(x[:, column]) for x in drawn]
                right = case.loss.value_and_grad(
                    *own, **others, **{key: float(pair[column])}, reduction="none"
                )
                same(backend, value[:, column], right[0], dtype)
                for x, expected in zip(as_tuple(gradient), as_tuple(right[1]), strict=True):
                    same(backend, x[:, column], expected, dtype)


@compiled_too
@pytest.mark.backends("torch", "jax")
@losses(LEARNED)
def test_the_gradient_of_a_parameter(backend: Any, case: Case) -> None:
    """It is that of the exact loss, by the autodiff of the library."""
    from test_autodiff import gradient

    if backend.name == "torch-compile" and not case.typical:
        return
    drawn = example(case, 0, "float64", (ROWS,)).arrays
    arrays = [backend.asarray(x) for x in drawn]
    found = settings(case)
    for key, number in found["numbers"].items():
        others = {**found["rest"], **{k: v for k, v in found["numbers"].items() if k != key}}

        def loss(t: Any, *given: Any, key: str = key, others: Any = others) -> Any:
            return case.loss(*given, **others, **{key: t})

        def exact(t: Any, key: str = key, others: Any = others) -> Any:
            reference = case.reference({**others, key: 0.0})
            rows = zip(*drawn, strict=True)
            values = (reference(*map(as_exact, row), **{key: t})[0] for row in rows)
            return sum(getattr(value, "exact", value) for value in values) / ROWS

        with mp.workdps(40):
            right = float(mp.diff(exact, mpf(number)))
        (slope,) = gradient(backend, loss, backend.asarray(np.asarray(number)), *arrays)
        assert slope.shape == ()
        tolerance = 1e-4 if backend.dtypes == ("float32",) else 1e-9
        assert abs(float(slope) - right) <= tolerance * (abs(right) + 1e-3), (key, slope, right)


@pytest.mark.backends("jax")
def test_a_schedule_in_a_scan(backend: Any) -> None:
    """A traced parameter compiles once."""
    import jax

    logits, labels = backend.asarray([[2.0, 1.0], [0.5, 1.5]]), backend.asarray([0, 1])
    rates = backend.asarray([0.0, 0.1, 0.5])

    @jax.jit
    def losses(rates: Any) -> Any:
        return jax.lax.scan(
            lambda _, s: (0, pl.cross_entropy(logits, labels, label_smoothing=s)), 0, rates
        )[1]

    right = [float(pl.cross_entropy(logits, labels, label_smoothing=s)) for s in (0.0, 0.1, 0.5)]
    np.testing.assert_allclose(losses(rates), right, rtol=1e-6)


@pytest.mark.backends("jax")
def test_a_schedule_of_a_shape(backend: Any) -> None:
    """The limits are selected by value, so that a traced shape may pass them."""
    import jax

    pred, target = backend.asarray([0.5, 3.0, 100.0]), backend.asarray([0.0, 0.0, 0.0])
    shapes = [2.0, 1.0, 0.0, -2.0, -np.inf]
    value = jax.jit(lambda a: jax.lax.map(lambda s: pl.barron_loss(pred, target, alpha=s), a))
    right = [float(pl.barron_loss(pred, target, alpha=s)) for s in shapes]
    np.testing.assert_allclose(value(backend.asarray(shapes)), right, rtol=1e-6)
    slopes = jax.jit(jax.vmap(jax.grad(lambda s: pl.barron_loss(pred, target, alpha=s))))
    exact = [float(mp.diff(lambda a: _barron(a, (0.5, 3.0, 100.0)), s)) for s in (1.0, 0.0, -2.0)]
    np.testing.assert_allclose(slopes(backend.asarray(shapes))[1:4], exact, rtol=1e-5)


@pytest.mark.backends("torch", "jax")
@pytest.mark.parametrize("number", [1e-3, -1e-8, 1e-12, 1e-15, 1e-30])
def test_gradients_next_to_a_limit(backend: Any, dtype: str, number: float) -> None:
    """Next to 0 the derivative with respect to the parameter is that of a series."""
    from test_autodiff import gradient

    tolerance = 1e-5 if dtype == "float32" else 1e-13
    with mp.workdps(60):
        shape = mpf(float(np.asarray(number, dtype)))
        right = float(mp.diff(lambda a: _barron(a, (2.0, 30.0)), shape, h=mpf(10) ** -40))
    arrays = backend.asarray([2.0, 30.0], dtype), backend.asarray([0.0, 0.0], dtype)
    (slope,) = gradient(
        backend,
        lambda a, *given: pl.barron_loss(*given, alpha=a),
        backend.asarray(number, dtype),
        *arrays,
    )
    np.testing.assert_allclose(float(slope), right, rtol=tolerance)
    if number > 0:
        logits, label = backend.asarray([1.0, 5.0, 2.0], dtype), backend.asarray(0)
        with mp.workdps(60):
            q = mpf(float(np.asarray(number, dtype)))
            nats = mp.log(mp.exp(1) + mp.exp(5) + mp.exp(2)) - 1
            right = float(mp.diff(lambda q: -mp.expm1(-q * nats) / q, q, h=q / 10**20))
        (slope,) = gradient(
            backend,
            lambda q, *given: pl.generalized_cross_entropy(*given, q=q),
            backend.asarray(number, dtype),
            logits,
            label,
        )
        np.testing.assert_allclose(float(slope), right, rtol=tolerance)


def test_limits_of_shapes_in_an_array(backend: Any) -> None:
    """At infinite residuals each shape has its own limit."""
    shapes = backend.asarray([-np.inf, -1e30, -2.0, -1e-3, 0.0, 1e-3, 1.0, 2.0])
    pred, target = backend.asarray(np.full(8, np.inf)), backend.asarray(np.zeros(8))
    found = pl.barron_loss(pred, target, alpha=shapes, reduction="none")
    bounds = [1.0, 1.0, 2.0, 2001.0, np.inf, np.inf, np.inf, np.inf]
    np.testing.assert_allclose(backend.to_numpy(found), bounds, rtol=1e-6)
    slopes = pl.barron_loss.grad(pred, target, alpha=shapes, reduction="none")
    limits = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, np.inf]
    np.testing.assert_allclose(backend.to_numpy(slopes), limits, rtol=1e-6)


@pytest.mark.backends("torch", "jax")
def test_shapes_in_an_array_and_the_gradient_of_a_target(backend: Any) -> None:
    """A limit that is not selected may overflow; autodiff does not see it."""
    from test_autodiff import gradient

    shapes = backend.asarray([1.0, -2.0, 0.5])
    pred, target = (backend.asarray(x) for x in ([30.0] * 3, [0.0] * 3))

    def loss(target: Any, pred: Any, shapes: Any) -> Any:
        return pl.barron_loss(pred, target, alpha=shapes, reduction="sum")

    (found,) = gradient(backend, loss, target, pred, shapes)
    right = pl.barron_loss.grad(pred, target, alpha=shapes, reduction="sum")
    np.testing.assert_allclose(backend.to_numpy(found), -backend.to_numpy(right), rtol=1e-4)


def _barron(alpha: Any, residuals: Any) -> Any:
    """Return the mean of the loss, as the paper states it, or its limit at 0."""
    if alpha == 0:
        return sum(mp.log1p(mpf(r) ** 2 / 2) for r in residuals) / len(residuals)
    width = abs(alpha - 2)
    powers = ((mpf(r) ** 2 / width + 1) ** (alpha / 2) - 1 for r in residuals)
    return width / alpha * sum(powers) / len(residuals)


@pytest.mark.parametrize(
    ("loss", "arrays", "floors"),
    [
        (pl.binary_cross_entropy, ([0.0, 1.0, 0.0, 0.3], [1.0, 1.0, 0.0, 0.25]), (0.0, 0.01)),
        (pl.gaussian_nll_loss, ([1.0, 0.0, 2.0, 1.0], [0.0, 0.0, 0.1, 4.0], [0.0] * 4), (0, 0.5)),
        (pl.mape_loss, ([1.0, 0.0, 3.0, -1.0], [0.0, 0.0, 0.1, -2.0]), (0.0, 0.5)),
        (pl.smape_loss, ([1.0, 0.0, 0.1, -1.0], [0.0, 0.0, -0.1, -2.0]), (0.0, 0.5)),
    ],
)
def test_floors_in_an_array(backend: Any, loss: Any, arrays: Any, floors: Any) -> None:
    """Each column has its own floor, as a number has it: 0 is none."""
    columns = [backend.asarray(np.repeat(np.asarray(x)[:, None], len(floors), 1)) for x in arrays]
    eps = backend.asarray(np.asarray(floors, np.float64))
    found = [
        loss(*columns, eps=eps, reduction="none"),
        *loss.grad_and_hess(*columns, eps=eps, reduction="none"),
    ]
    for i, floor in enumerate(floors):
        own = [np.asarray(x) for x in arrays]
        right = [
            loss(*own, eps=floor, reduction="none"),
            *loss.grad_and_hess(*own, eps=floor, reduction="none"),
        ]
        for part, expected in zip(found, right, strict=True):
            for x, y in zip(as_tuple(part), as_tuple(expected), strict=True):
                np.testing.assert_allclose(backend.to_numpy(x)[:, i], y, rtol=1e-6)


@pytest.mark.backends("jax")
@pytest.mark.parametrize(
    ("loss", "arrays", "key", "numbers"),
    [
        (pl.binary_cross_entropy, ([0.0, 0.3], [1.0, 0.25]), "eps", (0.0, 0.1)),
        (pl.categorical_cross_entropy, ([[0.0, 1.0], [0.3, 0.7]], [0, 1]), "eps", (0.0, 0.1)),
        (pl.triplet_margin_loss, ([[0.0, 1.0]], [[2.0, 3.0]], [[1.0, 1.0]]), "p", (1.0, 2.0, 3.5)),
    ],
)
def test_floors_and_norms_that_are_traced(
    backend: Any, loss: Any, arrays: Any, key: str, numbers: Any
) -> None:
    """One compiled function serves all numbers, with or without a formula of their own."""
    import jax

    given = [backend.asarray(x) for x in arrays]
    traced = jax.jit(lambda number: loss.value_and_grad(*given, **{key: number}))
    for number in numbers:
        value, gradient = traced(number)
        right, slope = loss.value_and_grad(*map(np.asarray, arrays), **{key: number})
        np.testing.assert_allclose(value, right, rtol=1e-6)
        for x, y in zip(as_tuple(gradient), as_tuple(slope), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


def test_several_blocks_of_numpy() -> None:
    """The numbers are cut like the predictions."""
    rng = np.random.default_rng(3)
    pred, delta = rng.normal(size=(400_000, 3)), rng.uniform(0.5, 2.0, (400_000, 3))
    value, gradient = pl.huber_loss.value_and_grad(pred, np.zeros_like(pred), delta=delta)
    size = np.minimum(np.abs(pred), delta)
    np.testing.assert_allclose(value, np.mean(size * (np.abs(pred) - 0.5 * size)), rtol=1e-12)
    np.testing.assert_allclose(gradient, np.sign(pred) * size / pred.size, rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "arrays", "parameters", "parts"),
    [
        (
            pl.huber_loss,
            ([1.0, 2.0], [0.0, 0.0]),
            {"delta": np.asarray([1.0, -1.0])},
            ("delta[1]",),
        ),
        (
            pl.huber_loss,
            ([1.0, 2.0], [0.0, 0.0]),
            {"delta": np.ones(3)},
            ("delta of shape (3,)", "losses of shape (2,)"),
        ),
        (
            pl.cross_entropy,
            ([[1.0, 2.0]], [0]),
            {"label_smoothing": np.ones(2)},
            ("label_smoothing must be one number", "(2,)"),
        ),
        (
            pl.binary_cross_entropy_with_logits,
            ([1.0], [0.0]),
            {"pos_weight": np.asarray([-1.0, 1.0])[:1]},
            ("pos_weight must hold numbers in [0, inf)", "-1.0"),
        ),
        (pl.pinball_loss, ([1.0], [0.0]), {"quantile": np.asarray(1.5)}, ("(0, 1)", "1.5")),
    ],
)
def test_numbers_that_do_not_fit(loss: Any, arrays: Any, parameters: Any, parts: Any) -> None:
    """The message has the parameter, its range and what came."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 # the parts follow
        loss(*arrays, **parameters)
    for part in (loss.__name__, *parts):
        assert part in str(error.value)


def test_an_array_of_another_library() -> None:
    """It belongs to the library of the predictions, except for NumPy's, which joins them."""
    pred = strict.asarray([1.0, 2.0])
    found = pl.huber_loss(pred, 0.0, delta=np.asarray([0.5, 1.0]))
    assert float(found) == (0.5 * 0.75 + 1.0 * 1.5) / 2
    with pytest.raises(TypeError, match=r"delta is an array of array_api_strict"):
        pl.huber_loss(np.asarray([1.0, 2.0]), 0.0, delta=strict.asarray([1.0, 2.0]))


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.asarray(0.5)])
def test_arrays_of_numpy_without_axes_are_numbers(number):
    pred, target = np.asarray([[0.3, 3.0]]), np.asarray([[0.0, 1.0]])
    assert pl.barron_loss(pred, target, alpha=number) == pl.barron_loss(pred, target, alpha=0.5)
    assert pl.mape_loss(pred, target, eps=number) == pl.mape_loss(pred, target, eps=0.5)


def test_integers_and_truths_without_axes():
    pred, target = np.asarray([[0.3, 3.0]]), np.asarray([[0.0, 1.0]])
    assert pl.mse_loss(pred, target, axis=np.asarray(1)).shape == (1,)
    full = pl.poisson_nll_loss(pred, target, full=np.asarray(True))
    assert full == pl.poisson_nll_loss(pred, target, full=True)
    swapped = pl.cross_entropy(pred.T, np.asarray([1]), class_axis=np.asarray(0))
    assert swapped == pl.cross_entropy(pred, np.asarray([1]))


@pytest.mark.parametrize("numbers", [[1.0, 3.0], (1.0, 3.0)])
def test_a_list_of_numbers(backend: Any, numbers: Any) -> None:
    """A list is an array of the library of the predictions, as a list of weights is."""
    pred = backend.asarray([[0.5, -1.0], [2.0, 0.25]])
    target = backend.asarray([[1.0, 0.0], [0.0, 1.0]])
    array = backend.asarray(np.asarray([1.0, 3.0]))
    found = pl.binary_cross_entropy_with_logits(pred, target, pos_weight=numbers)
    right = pl.binary_cross_entropy_with_logits(pred, target, pos_weight=array)
    same(backend, found, right, backend.dtypes[-1])


def test_a_column_of_a_table() -> None:
    """Columns of tables become arrays, as for weights."""

    class Column:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.asarray([0.5, 1.0], dtype=dtype)

    found = pl.huber_loss([1.0, 2.0], [0.0, 0.0], delta=Column())
    assert float(found) == (0.5 * 0.75 + 1.0 * 1.5) / 2
