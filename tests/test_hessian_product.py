"""Products of the Hessian with a vector, beside differences of the exact gradient in mpmath."""

import pickle
import tracemalloc
from typing import Annotated, Any

import array_api_strict as strict
import numpy as np
import pytest
from cases import CASES, Case, as_tuple
from marks import KINDS, compiled_too, losses, once_a_library
from mpmath import mp, mpf
from test_second_order import batches, directions, references

import portable_losses as pl
from portable_losses.typing import Array, Domain, Namespace, Real

Shared = Annotated[Array, Domain("factors", shared=True)]

ASKED = [case for case in CASES if case.outer is None and not case.shared]
ROWWISE = [case for case in KINDS if case.outer is None and not case.shared]


def vector_of(along: Any, case: Case) -> Any:
    """Return the vector as it is passed: a tuple if the loss has several predictions."""
    return along[0] if case.predicted == 1 else tuple(along)


def knows(backend: Any, case: Case) -> bool:
    """Return whether a library can have the product: registered, or by its autodiff."""
    return backend.base in ("torch", "jax") or case.loss.formulas.knows_product()


@compiled_too
@losses(ASKED, ROWWISE)
def test_the_product_is_that_of_the_exact_loss(
    backend: Any, dtype: str, case: Case, index: int
) -> None:
    """At random points, and where the formula changes but the gradient does not."""
    parameters = case.parameters[index]
    for batch, points in enumerate(batches(case, index)):
        if batch and (index > 1 or dtype != "float64"):
            continue  # other parameters, or rounding, have other special points
        drawn = [x if x.dtype.kind == "i" else x.astype(dtype) for x in points]
        arrays = [backend.asarray(x) for x in drawn]
        along = [backend.asarray(x.astype(dtype)) for x in directions(points[: case.predicted])]
        number = len(arrays)

        def product(*given: Any, number: int = number) -> Any:
            vector = vector_of(given[number:], case)
            return case.loss.hessian_product(*given[:number], vector, reduction="sum", **parameters)

        if not knows(backend, case):
            with pytest.raises(NotImplementedError, match="second_derivative_along"):
                product(*arrays, *along)
            return
        found = as_tuple(backend.call(product, *arrays, *along))
        assert [x.dtype for x in found] == [x.dtype for x in arrays[: case.predicted]]
        found = [backend.to_numpy(x) for x in found]
        assert [x.shape for x in found] == [x.shape for x in drawn[: case.predicted]]
        relative = 1e-9 if dtype == "float64" else 1e-3
        for i, wanted in enumerate(references(case, index, batch)):
            if wanted is not None:
                actual = np.concatenate([np.ravel(part[i]) for part in found])
                limit = relative * max(1.0, float(np.max(np.abs(wanted[0]))))
                np.testing.assert_allclose(actual, wanted[0], rtol=relative, atol=limit)


@losses([case for case in ROWWISE if case.loss.formulas.knows_product()])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_weights_masks_and_axes(backend: Any, dtype: str, case: Case, reduction: str) -> None:
    """They act as on the gradient: each row has its share in the result."""
    rng, shape = np.random.default_rng(8), (4, 3)
    drawn = [x if x.dtype.kind == "i" else x.astype(dtype) for x in case.draw(rng, shape)]
    along = [rng.normal(size=x.shape).astype(dtype) for x in drawn[: case.predicted]]
    weights, where = rng.uniform(0.5, 2.0, shape).astype(dtype), rng.uniform(size=shape) < 0.7
    where[0, 0] = False
    own = as_tuple(
        case.loss.hessian_product(*drawn, vector=vector_of(along, case), reduction="sum")
    )
    drawn[0][0, 0, ...] = np.nan  # which is left out
    arrays, vector = [backend.asarray(x) for x in drawn], [backend.asarray(x) for x in along]
    found = case.loss.hessian_product(
        *arrays,
        vector_of(vector, case),
        weights=backend.asarray(weights),
        where=backend.asarray(where),
        axis=1,
        reduction=reduction,
    )
    share = np.where(where, weights, 0.0)
    if reduction == "mean":
        share = share / share.sum(axis=1, keepdims=True)
    for x, part in zip(as_tuple(found), own, strict=True):
        actual = backend.to_numpy(x)
        right = share[case.inner] * part
        np.testing.assert_allclose(actual, right, rtol=1e-5, atol=2e-6)
        assert not np.any(actual[~where])


@once_a_library
def test_options_of_classes(backend: Any) -> None:
    """Class weights, an ignored label and another class axis."""
    rng = np.random.default_rng(9)
    logits, vector = rng.normal(size=(2, 5, 3))
    labels = np.asarray([0, 1, 2, 1, 1])
    weights = np.asarray([1.0, 0.5, 3.0])
    share = np.where(labels == 1, 0.0, weights[labels])
    prob = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    product = prob * (vector - (prob * vector).sum(axis=1, keepdims=True))
    right = product * (share / share.sum())[:, None]
    found = pl.cross_entropy.hessian_product(
        backend.asarray(logits.T),
        backend.asarray(labels),
        backend.asarray(vector.T),
        class_axis=0,
        ignore_index=1,
        class_weights=backend.asarray(weights),
    )
    np.testing.assert_allclose(backend.to_numpy(found), right.T, rtol=1e-4, atol=1e-6)


def test_entries_that_a_mask_leaves_out() -> None:
    """They have no part in the row, whatever the vector holds there."""
    scores, gain = np.asarray([[0.5, -1.0, 9.0]]), np.asarray([[1.0, 0.0, 2.0]])
    mask, vector = np.asarray([[True, True, False]]), np.asarray([[1.0, 0.5, np.inf]])
    found = pl.listnet_loss.hessian_product(scores, gain, vector, where=mask)
    right = pl.listnet_loss.hessian_product(scores[:, :2], gain[:, :2], vector[:, :2])
    np.testing.assert_allclose(found, np.append(right, [[0.0]], axis=1), rtol=1e-14)


SOFTMAX: dict[str, Any] = {
    "cross_entropy": lambda p, s: s,
    "softmax_focal_loss": lambda p, s: (1 - p) ** 2 * s,
    "generalized_cross_entropy": lambda p, s: (1 - p ** mpf(0.7)) / mpf(0.7),
    "poly_cross_entropy": lambda p, s: s + (1 - p),
}


@pytest.mark.parametrize("name", SOFTMAX)
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("soft", [False, True])
def test_a_dominating_class_keeps_its_digits(name: str, label: int, soft: bool) -> None:
    """A plain p * (v - sum(p * v)) loses them all where one logit is larger by 40."""
    logits, vector = [40.0, 0.5, -1.0], [0.75, -0.5, 2.0]

    def gradient(*point: Any) -> list[Any]:
        def value(*z: Any) -> Any:
            prob = mp.exp(z[label]) / sum(map(mp.exp, z))
            return SOFTMAX[name](prob, -mp.log(prob))

        return [mp.diff(value, point, tuple(int(j == i) for j in range(3))) for i in range(3)]

    with mp.workdps(120):
        step = mpf(10) ** -20
        ends = (
            gradient(*(mpf(z) + sign * step * mpf(v) for z, v in zip(logits, vector, strict=True)))
            for sign in (1, -1)
        )
        right = [float((a - b) / (2 * step)) for a, b in zip(*ends, strict=True)]
    target = [float(k == label) for k in range(3)] if soft else label
    found = getattr(pl, name).hessian_product(logits, target, vector)
    np.testing.assert_allclose(found, right, rtol=1e-13)


@losses([case for case in ROWWISE if case.loss.formulas.knows_product()])
def test_the_matrix_is_symmetric_with_the_known_diagonal(backend: Any, case: Case) -> None:
    """One product for each unit vector gives the Hessian of a small batch."""
    drawn = case.draw(np.random.default_rng(10), (2,))
    arrays = [backend.asarray(x) for x in drawn]
    sizes = [x.size for x in drawn[: case.predicted]]
    columns = []
    for unit in np.eye(sum(sizes)):
        parts = np.split(unit, np.cumsum(sizes)[:-1])
        vector = [backend.asarray(x.reshape(y.shape)) for x, y in zip(parts, drawn, strict=False)]
        found = as_tuple(case.loss.hessian_product(*arrays, vector_of(vector, case)))
        columns.append(np.concatenate([np.ravel(backend.to_numpy(x)) for x in found]))
    matrix = np.stack(columns)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-5, atol=1e-6)
    second = as_tuple(case.loss.grad_and_hess(*arrays)[1])
    diagonal = np.concatenate([np.ravel(backend.to_numpy(x)) for x in second])
    np.testing.assert_allclose(np.diag(matrix), diagonal, rtol=1e-5, atol=1e-6)


@once_a_library
def test_one_scale_for_all_losses(backend: Any) -> None:
    """Its product is a sum over the losses, and the vector has its shape."""
    mean, target = np.asarray([0.5, 1.0, -2.0]), np.asarray([0.0, 2.0, 1.0])
    vector = np.asarray([1.0, -0.5, 0.25])
    residual, variance, move = mean - target, 2.0, 0.5
    arrays = [backend.asarray(x) for x in (mean, np.asarray([variance]), target)]
    vectors = backend.asarray(vector), backend.asarray(np.asarray([move]))
    found = pl.gaussian_nll_loss.hessian_product(*arrays, vectors, reduction="sum")
    cross = -residual / variance**2
    by_variance = (residual**2 / variance - 0.5) / variance**2
    right = vector / variance + cross * move, [np.sum(cross * vector + by_variance * move)]
    for x, y in zip(found, right, strict=True):
        np.testing.assert_allclose(backend.to_numpy(x), y, rtol=1e-5)


@pytest.mark.backends("torch", "jax")
@once_a_library
def test_one_number_for_all_losses_by_autodiff(backend: Any) -> None:
    """Each loss has its own derivative by the number: they are added up once."""

    @pl.loss(predicted=2)
    def scaled(xp: Namespace, pred: Real, factor: Shared, target: Real, /) -> Array:
        return (factor * pred - target) ** 2

    pred, target, vector = np.asarray([[1.0, 2.0, 3.0], [0.5, 1.0, 0.0], [1.0, 0.0, -1.0]])
    factor, move = 1.5, 0.25
    residual = factor * pred - target
    arrays = [backend.asarray(x) for x in (pred, np.asarray([factor]), target)]
    gradient = scaled.grad(*arrays, reduction="sum")
    np.testing.assert_allclose(backend.to_numpy(gradient[1]), [2 * residual @ pred], rtol=1e-5)
    vectors = backend.asarray(vector), backend.asarray(np.asarray([move]))
    found = scaled.hessian_product(*arrays, vectors, reduction="sum")
    cross = 2 * (residual + factor * pred)
    right = 2 * factor**2 * vector + cross * move, [cross @ vector + 2 * pred @ pred * move]
    for x, y in zip(found, right, strict=True):
        np.testing.assert_allclose(backend.to_numpy(x), y, rtol=1e-5)


@pytest.mark.backends("torch", "jax")
def test_predictions_that_rows_share(backend: Any) -> None:
    """The product for the weights of a vocabulary adds up over the rows, also without a bias."""
    if "float64" not in backend.dtypes:
        return
    rng = np.random.default_rng(11)
    hidden, weight, bias = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), rng.normal(size=5)
    labels = rng.integers(0, 5, 4)
    for given in ([hidden, weight, bias], [hidden, weight]):
        along = [rng.normal(size=x.shape) for x in given]

        def gradient(step: float, given: Any = given, along: Any = along) -> Any:
            moved = [x + step * v for x, v in zip(given, along, strict=True)]
            return pl.linear_cross_entropy.grad(*moved[:2], labels, *moved[2:])

        arrays, vector = [backend.asarray(x) for x in given], tuple(map(backend.asarray, along))
        found = pl.linear_cross_entropy.hessian_product(
            *arrays[:2], backend.asarray(labels), *arrays[2:], vector
        )
        for x, up, down in zip(found, gradient(1e-5), gradient(-1e-5), strict=True):
            np.testing.assert_allclose(backend.to_numpy(x), (up - down) / 2e-5, atol=1e-8)


def test_blocks_of_numpy() -> None:
    """Large arrays are evaluated in blocks: what is needed beside the result does not grow."""
    rng = np.random.default_rng(12)
    logits, vector = rng.normal(size=(2, 400_000, 10))
    labels = rng.integers(0, 10, 400_000)
    weights = rng.uniform(0.5, 2.0, 400_000)

    def product(rows: slice, reduction: str) -> Any:
        return pl.cross_entropy.hessian_product(
            logits[rows], labels[rows], vector[rows], weights=weights[rows], reduction=reduction
        )

    few = slice(777, 787)
    whole = product(slice(None), "mean")
    np.testing.assert_allclose(whole[few], product(few, "sum") / weights.sum(), rtol=1e-12)
    beside = []
    for rows in (200_000, 400_000):
        tracemalloc.start()
        result = product(slice(rows), "mean")
        beside.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        tracemalloc.stop()
    assert beside[1] < beside[0] + 2**20


def test_sums_and_bound_losses() -> None:
    """A sum adds up the products of its parts, each with its factor and what is bound."""
    pred, target, vector = np.asarray([[0.2, 4.0, -1.0], [0.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
    mixed = 0.5 * pl.mse_loss + 2.0 * pl.huber_loss.bind(delta=3.5)
    found = mixed.hessian_product(pred, target, vector)
    right = vector / 3 * (0.5 * 2 + 2.0 * (np.abs(pred - target) < 3.5))
    np.testing.assert_allclose(found, right)
    bound = pl.mse_loss.bind(reduction="sum")
    np.testing.assert_allclose(bound.hessian_product(pred, target, vector), 2 * vector)


def test_numbers_and_lists() -> None:
    """A constant prediction has one product, that of the sum of the second derivatives."""
    assert float(pl.mse_loss.hessian_product(1.0, [0.0, 2.0], 0.5)) == 1.0
    found = pl.mse_loss.hessian_product([1.0, 2.0], [0.0, 0.0], [3, -1], reduction="sum")
    np.testing.assert_array_equal(found, [6.0, -2.0])


def test_one_pass_for_value_gradient_and_curvature(backend: Any, dtype: str) -> None:
    """All three are those of the single methods, with weights and a mask."""
    rng = np.random.default_rng(13)
    for name in ("huber_loss", "gaussian_nll_loss", "cross_entropy"):
        loss = getattr(pl, name)
        case = next(case for case in CASES if case.name == name)
        drawn = [x if x.dtype.kind == "i" else x.astype(dtype) for x in case.draw(rng, (6,))]
        arrays = [backend.asarray(x) for x in drawn]
        options = {"weights": backend.asarray(rng.uniform(0.5, 2.0, 6).astype(dtype))}
        options |= {"where": backend.asarray(np.arange(6) != 2)}
        value, gradient, second = loss.value_grad_and_hess(*arrays, **options)
        expected = [loss(*arrays, **options), *loss.grad_and_hess(*arrays, **options)]
        for x, y in zip((value, gradient, second), expected, strict=True):
            for a, b in zip(as_tuple(x), as_tuple(y), strict=True):
                np.testing.assert_allclose(
                    backend.to_numpy(a), backend.to_numpy(b), rtol=8 * np.finfo(dtype).eps
                )


@pl.loss("(class),(class)->()")
def distance(xp: Namespace, axis: int, pred: Real, target: Real, /) -> Array:
    return xp.sqrt(xp.sum((pred - target) ** 2, axis=axis))


@distance.second_derivative_along
def _(xp: Namespace, axis: int, pred: Real, target: Real, vector: Array, /) -> Array:
    residual = pred - target
    norm = xp.sqrt(xp.sum(residual**2, axis=axis, keepdims=True))
    unit = residual / norm
    return (vector - unit * xp.sum(unit * vector, axis=axis, keepdims=True)) / norm


@pl.loss("(class),(class)->()", diagonal=True)
def cubes(xp: Namespace, axis: int, pred: Real, target: Real, /) -> Array:
    return xp.sum((pred - target) ** 3, axis=axis)


@cubes.second_derivative
def _(xp: Namespace, axis: int, pred: Real, target: Real, /) -> Array:
    return 6 * (pred - target)


def test_a_loss_of_ones_own() -> None:
    """The product is registered, or follows from a second derivative that is diagonal."""
    pred, target, vector = np.asarray([[3.0, 4.0]]), np.zeros((1, 2)), np.asarray([[1.0, 0.0]])
    np.testing.assert_allclose(distance.hessian_product(pred, target, vector), [[0.128, -0.096]])
    np.testing.assert_allclose(cubes.hessian_product(pred, target, vector), [[18.0, 0.0]])


def test_a_loss_of_ones_own_is_pickled_whole() -> None:
    """Also one that has no name that another process could import."""

    def made() -> Any:
        @pl.loss("(class),(class)->()", diagonal=True)
        def squares(xp: Namespace, axis: int, pred: Real, target: Real, /) -> Array:
            return xp.sum((pred - target) ** 2, axis=axis)

        return squares

    loss = made()
    rebuild, parts = loss.__reduce__()
    assert rebuild(*parts).signature.diagonal
    rebuild, parts = pickle.loads(pickle.dumps(distance)), distance.formulas.along
    assert rebuild.formulas.along is parts


# Bad calls.

PRED, TARGET = np.asarray([1.0, 2.0]), np.zeros(2)


def test_a_vector_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"huber_loss: vector .*\(2,\).*\(3,\)"):
        pl.huber_loss.hessian_product(PRED, TARGET, np.ones(3))
    with pytest.raises(ValueError, match=r"vector .*shape of logits, \(1, 2\).*\(2,\)"):
        pl.cross_entropy.hessian_product([[1.0, 2.0]], [0], np.ones(2))
    with pytest.raises(ValueError, match=r"vector\[1\] .*shape of variance, \(1,\).*\(2,\)"):
        pl.gaussian_nll_loss.hessian_product(PRED, [2.0], TARGET, (PRED, PRED))


def test_a_vector_that_is_missing_or_no_tuple() -> None:
    with pytest.raises(TypeError, match=r"\(pred, target, vector\), got 2"):
        pl.huber_loss.hessian_product(PRED, TARGET)
    with pytest.raises(TypeError, match=r"vector must be a tuple of 2 arrays.*mean, variance"):
        pl.gaussian_nll_loss.hessian_product(PRED, PRED, TARGET, PRED)


def test_a_vector_of_another_library() -> None:
    with pytest.raises(TypeError, match="vector"):
        pl.huber_loss.hessian_product(PRED, TARGET, strict.asarray([1.0, 2.0]))


def test_no_product() -> None:
    with pytest.raises(
        NotImplementedError, match="dice_loss has no registered second_derivative_a"
    ):
        pl.dice_loss.hessian_product(PRED / 4, TARGET, PRED)
    with pytest.raises(NotImplementedError, match=r"rmse_loss .*mse_loss"):
        pl.rmse_loss.hessian_product(PRED, TARGET, PRED)
