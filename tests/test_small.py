"""Small calls on NumPy give the same results and the same errors as large ones."""

import numpy as np
import pytest
from arguments import methods, parts
from cases import EACH, IDS

import portable_losses as pl

SIZES = (1, 2, 7, 8, 9, 31, 32, 33, 200)


def general(function, *arrays, **options):
    """Call with a list and an axis."""
    return function(
        arrays[0].tolist() if arrays[0].dtype == np.float64 else arrays[0],
        *arrays[1:],
        axis=0,
        **options,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("case", "index"), [(case, index) for case, index in EACH if case.outer is None], ids=str
)
def test_both_ways_give_the_same(dtype, case, index):
    parameters = case.parameters[index]
    rng = np.random.default_rng(7)
    for size in SIZES:
        arrays = [x if x.dtype.kind == "i" else x.astype(dtype) for x in case.draw(rng, (size,))]
        value, gradient = case.loss.value_and_grad(*arrays, **parameters)
        assert value == case.loss(*arrays, **parameters)
        assert isinstance(value, np.dtype(dtype).type)
        other_value, other_gradient = general(case.loss.value_and_grad, *arrays, **parameters)
        np.testing.assert_allclose(value, other_value, rtol=4 * np.finfo(dtype).eps)
        for found, other in (
            (gradient, case.loss.grad(*arrays, **parameters)),
            (gradient, other_gradient),
            *(
                (
                    getattr(case.loss, method)(*arrays, **parameters),
                    general(getattr(case.loss, method), *arrays, **parameters),
                )
                for method in methods(case.loss)[2:]
            ),
        ):
            for one, same in zip(parts(found), parts(other), strict=True):
                np.testing.assert_array_equal(one, same)
                assert one.dtype == dtype
                assert one.flags.c_contiguous


@pytest.mark.parametrize(("case", "index"), EACH, ids=IDS)
def test_a_list_gives_the_digits_of_an_array(case, index):
    for size in (3, 20, 100):
        drawn = case.draw(np.random.default_rng(8), (size,))
        assert case.loss(*drawn) == case.loss(*(x.tolist() for x in drawn))


def test_one_array_may_be_both_arguments():
    """It is checked like an array."""
    table = np.asarray([[0.25, 0.75], [1.0, 0.0]])
    assert pl.mse_loss(table, table) == 0
    assert pl.cross_entropy(table, table) == pl.cross_entropy(table, table.copy())
    same = table * 3
    with pytest.raises(ValueError, match=r"target\[0, 1\] is 2.25"):
        pl.cross_entropy(same, same)
    with pytest.raises(ValueError, match=r"pred\[0, 1\] is 2.25"):
        pl.binary_cross_entropy(same, same)


def test_the_arguments_are_as_they_were():
    pred, target = np.asarray([0.25, 0.5]), np.asarray([1.0, 0.0])
    _, gradient = pl.binary_cross_entropy.value_and_grad(pred, target)
    gradient[...] = 7
    np.testing.assert_array_equal(pred, [0.25, 0.5])
    np.testing.assert_array_equal(target, [1.0, 0.0])


@pytest.mark.parametrize("axes", [(2, 3), (3, 2, 2)])
def test_more_axes_than_one(axes):
    rng = np.random.default_rng(9)
    pred, target = rng.standard_normal((2, *axes))
    value, gradient = pl.mse_loss.value_and_grad(pred.T, target.T)
    assert value == pytest.approx(np.mean((pred - target) ** 2), rel=1e-14)
    np.testing.assert_allclose(gradient, 2 * (pred - target).T / pred.size, rtol=1e-15)
