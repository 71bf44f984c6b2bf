"""Unusual but valid input: every kind of NumPy array, and everything that NumPy can convert."""

import array
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from arguments import (
    CLASS_WAYS,
    ROWS,
    WAYS,
    arguments,
    labels,
    looped,
    many,
    methods,
    parts,
    required,
)

import portable_losses as pl

Loss = pl.Loss[...]
SMALL, LARGE = (2, 3), (40, 500)


class Subclass(np.ndarray):
    """A subclass that would return its own type."""


class WithArray:
    """An object that NumPy can read, like those of pandas."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.values, dtype)


def spread(values: Any) -> Any:
    """Take every second element of something twice as large."""
    return np.repeat(values, 2, axis=0)[::2]


def read_only(values: Any) -> Any:
    """Make an array that cannot be written to."""
    copy = values.copy()
    copy.flags.writeable = False
    return copy


def misaligned(values: Any) -> Any:
    """Put an array at an odd address."""
    memory = np.empty(values.nbytes + 1, np.uint8)[1:]
    copy = memory.view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "Fortran": np.asfortranarray,
    "spread": spread,
    "spread within a row": lambda x: np.repeat(x, 3, axis=-1)[..., 1::3],
    "reversed": lambda x: x[::-1].copy()[::-1],
    "reversed rows": lambda x: x[..., ::-1].copy()[..., ::-1],
    "transposed": lambda x: x.T.copy().T,
    "read-only": read_only,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "byte-swapped Fortran": lambda x: np.asfortranarray(x.astype(x.dtype.newbyteorder())),
    "misaligned": misaligned,
    "subclass": lambda x: x.view(Subclass),
    "matrix": lambda x: np.matrix(x) if x.ndim == 2 else x,
    "object with __array__": WithArray,
    "buffer": lambda x: memoryview(x.copy()),
    "list": lambda x: x.tolist(),
    "tuple of lists": lambda x: tuple(x.tolist()),
    "list of arrays": list,
}


def assert_same(found: Any, wanted: Any) -> None:
    """Assert that two results are equal up to the order of summation, and of the same kind."""
    for a, b in zip(parts(found), parts(wanted), strict=True):
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        assert a.dtype.isnative
        # Terms that cancel leave a sum that depends on their order.
        scale = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b)))
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=2e-15 * scale)


@lru_cache(maxsize=2)  # the layouts of one loss follow each other
def in_c_order(loss: Loss, way: int, loop: tuple[int, ...]) -> dict[tuple[str, str], Any]:
    """Return the results of arrays in their given memory layout."""
    plain, weights = arguments(loss, way, loop), weights_of(loop)
    return {
        (method, key): getattr(loss, method)(
            *plain, **options | ({"weights": weights} if key == "weights" else {})
        )
        for method in methods(loss)
        for key, options in OPTIONS.items()
    }


def weights_of(loop: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.5, 2.0, loop)


OPTIONS: dict[str, dict[str, Any]] = {
    "weights": {},
    "axis": {"axis": 0},
    "reduction": {"reduction": "none"},
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("loop", [SMALL, LARGE], ids=["small", "large"])
def test_layouts(loss: Loss, way: int, layout: str, loop: tuple[int, ...]) -> None:
    """All arguments in one layout, and each alone beside C order; large arrays only the first."""
    loop = many(loss, loop) if loop == LARGE else loop
    if loop == LARGE and layout in ("list", "tuple of lists", "list of arrays"):
        loop = (40, 10)
    plain, wanted = arguments(loss, way, loop), in_c_order(loss, way, loop)
    weights = weights_of(loop)
    chosen = [[*(i == j for j in range(len(plain))), False] for i in range(len(plain))]
    chosen_methods = methods(loss) if loop == SMALL else ("value_and_grad",)
    patterns = [[True] * (len(plain) + 1), chosen[0], [False] * len(plain) + [True], *chosen[1:]]
    for changed in patterns if loop == SMALL else patterns[:2]:
        *given, weight = [
            LAYOUTS[layout](x) if change else x
            for x, change in zip([*plain, weights], changed, strict=True)
        ]
        for method in chosen_methods:
            for key, options in OPTIONS.items():
                found = getattr(loss, method)(
                    *given, **options | ({"weights": weight} if key == "weights" else {})
                )
                assert_same(found, wanted[method, key])


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_memory_maps(loss: Loss, way: int, tmp_path: Path) -> None:
    """Files are read block by block; the result is an array of its own."""
    plain = arguments(loss, way, many(loss, LARGE))
    mapped: list[Any] = []
    for i, values in enumerate(plain):
        np.save(tmp_path / f"{i}.npy", values)
        mapped.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    assert all(isinstance(x, np.memmap) for x in mapped)
    for method in methods(loss):
        assert_same(getattr(loss, method)(*mapped), getattr(loss, method)(*plain))


@pytest.mark.parametrize(("loss", "way"), CLASS_WAYS)
@pytest.mark.parametrize("class_axis", [0, 1, -2, -1])
def test_layouts_with_another_class_axis(loss: Loss, way: int, class_axis: int) -> None:
    """Gradients have the axes of the logits."""
    plain = arguments(loss, way, many(loss, LARGE))
    wanted, gradient = loss.value_and_grad(*plain)
    for layout in ("Fortran", "spread", "reversed", "byte-swapped", "read-only"):
        moved = [
            LAYOUTS[layout](np.moveaxis(x, -1, class_axis) if x.ndim == 3 else x) for x in plain
        ]
        value, moved_gradient = loss.value_and_grad(*moved, class_axis=class_axis)
        np.testing.assert_allclose(value, wanted, rtol=1e-12)
        np.testing.assert_allclose(
            np.moveaxis(moved_gradient, class_axis, -1), gradient, rtol=1e-12, atol=1e-18
        )


# Sizes


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("loop", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_empty_input(loss: Loss, way: int, loop: tuple[int, ...]) -> None:
    """A mean over nothing is NaN, a sum over nothing 0, a gradient empty, and nothing warns."""
    given = arguments(loss, way, loop)
    shapes = [given[i].shape for i in required(loss).predicted]
    for weights in (None, np.ones(loop), 1.0):
        assert np.isnan(loss(*given, weights=weights))
        assert loss(*given, reduction="sum", weights=weights) == 0
        assert loss(*given, reduction="none", weights=weights).shape == loop
        for reduction in ("mean", "sum", "none"):
            for method in methods(loss)[2:]:
                found = getattr(loss, method)(*given, reduction=reduction, weights=weights)
                assert {x.shape for x in parts(found)} == set(shapes)
    for axis in range(len(loop)):
        rest = (*loop[:axis], *loop[axis + 1 :])
        total = loss(*given, reduction="sum", axis=axis)
        mean = loss(*given, axis=axis)
        assert total.shape == mean.shape == rest
        assert (total == 0).all()
        assert np.isnan(mean).all()


@pytest.mark.parametrize(("loss", "way"), ROWS)
def test_one_element(loss: Loss, way: int) -> None:
    """An array of one, a 0-d array and a call without a loop give the same number and gradient."""
    one = arguments(loss, way, (1,))
    none = [x[0] if i in looped(loss) else x for i, x in enumerate(one)]
    own = [none[i] for i in required(loss).predicted]
    value, gradient = loss.value_and_grad(*one)
    assert isinstance(value, np.float64)
    assert [x.shape for x in parts(gradient)] == [one[i].shape for i in required(loss).predicted]
    for reduction in ("mean", "sum", "none"):
        for given in (none, [np.asarray(x) for x in none], [x.tolist() for x in none]):
            found, slope = loss.value_and_grad(*given, reduction=reduction)
            assert found == value
            assert np.shape(found) == ()
            for x, of_array, like in zip(parts(slope), parts(gradient), own, strict=True):
                assert np.shape(x) == like.shape
                np.testing.assert_array_equal(x, of_array.reshape(like.shape))
    assert {np.shape(x) for x in parts(getattr(loss, methods(loss)[-1])(*none))} == {
        x.shape for x in own
    }


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_one_element_of_another_library(loss: Loss, way: int) -> None:
    """A 0-d array stays one of its library."""
    given = [strict.asarray(x) for x in arguments(loss, way, ())]
    for method in methods(loss):
        found = getattr(loss, method)(*given)
        for x in parts(found):
            assert type(x) is type(given[0])


# Numbers for arrays


@pytest.mark.parametrize(
    "number", [1, 1.0, True, np.float64(1.0), np.float32(1.0), np.int8(1), np.bool_(True)]
)
@pytest.mark.parametrize("loss", [loss for loss, _ in WAYS if not loss.signature.core])
def test_a_number_for_a_target(loss: Loss, number: Any) -> None:
    """It stands for an array full of this number, on every library, and keeps the dtype."""
    *preds, target = arguments(loss, 0)
    for dtype in (np.float64, np.float32):
        values = [pred.astype(dtype) for pred in preds]
        wanted = loss.value_and_grad(*values, np.ones_like(target))
        assert_same(loss.value_and_grad(*values, number), wanted)
        with np.errstate(all="ignore"):
            found = loss.value_and_grad(*map(strict.asarray, values), number)
        assert {str(x.dtype) for x in parts(found)} == {f"array_api_strict.{np.dtype(dtype).name}"}
        np.testing.assert_allclose(float(found[0]), float(wanted[0]), rtol=1e-6)
    halves = [0.5] * len(preds)
    assert loss(*halves, number) == loss(*map(np.asarray, halves), np.asarray(1.0))


@pytest.mark.parametrize("label", [1, True, np.int8(1), np.uint64(1), np.bool_(True)])
def test_a_number_for_a_label(label: Any) -> None:
    """One label for all rows."""
    logits, target = arguments(pl.cross_entropy, 0)
    wanted = pl.cross_entropy.value_and_grad(logits, np.ones_like(target))
    assert_same(pl.cross_entropy.value_and_grad(logits, label), wanted)
    value, _ = pl.cross_entropy.value_and_grad(strict.asarray(logits), label)
    np.testing.assert_allclose(float(value), wanted[0], rtol=1e-14)
    assert pl.cross_entropy(logits[0, 0].tolist(), label) == pl.cross_entropy(
        logits[0, 0], np.asarray(1)
    )


def test_a_buffer_of_python() -> None:
    """An `array.array` is read where it lies."""
    assert pl.mse_loss(array.array("d", [1.0, 2.0]), array.array("f", [0.0, 0.0])) == 2.5


# Dtypes


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.uint16, np.int64, np.uint64])
def test_predictions_that_are_integers(loss: Loss, way: int, dtype: type) -> None:
    """They become the default real dtype first, so that nothing wraps."""
    given = arguments(loss, way)
    number = len(required(loss).predicted)
    positive = [getattr(domain.interval, "gt", None) == 0 for domain in loss.signature.domains[way]]
    # logarithms of probabilities
    none = getattr(loss.signature.domains[way][0].interval, "le", None) == 0
    whole = [
        np.asarray(((x > 0.3) | ones) & (not none), dtype)
        for x, ones in zip(given[:number], positive, strict=False)
    ]
    wanted = loss.value_and_grad(*(x.astype(np.float64) for x in whole), *given[number:])
    assert_same(loss.value_and_grad(*whole, *given[number:]), wanted)
    with np.errstate(all="ignore"):
        found = loss.value_and_grad(*(strict.asarray(x) for x in (*whole, *given[number:])))
    assert {x.dtype for x in parts(found)} == {strict.float64}


def test_unsigned_integers_do_not_wrap() -> None:
    """0 - 16 in uint8 is 240 elsewhere."""
    pred, target = np.zeros(4, np.uint8), np.full(4, 16, np.uint8)
    assert pl.mse_loss(pred, target) == 256
    assert pl.l1_loss(pred, target) == 16
    assert pl.l1_loss.grad(pred, target, reduction="sum").tolist() == [-1.0] * 4


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_the_dtype_of_the_predictions_is_that_of_the_result(
    loss: Loss, way: int, dtype: type
) -> None:
    """Whatever the dtypes of the targets and the weights."""
    given = arguments(loss, way)
    number = len(required(loss).predicted)
    preds, rest = [x.astype(dtype) for x in given[:number]], given[number:]
    wanted = loss.value_and_grad(
        *(x.astype(np.float64) for x in preds), *rest, weights=[1.0, 2.0, 0.5]
    )
    found = loss.value_and_grad(*preds, *rest, weights=[1.0, 2.0, 0.5])
    assert {x.dtype for x in parts(found)} == {np.dtype(dtype)}
    precision = 2 * float(max(np.finfo(dtype).eps, np.finfo(np.float64).eps * 8))
    for x, right in zip(parts(found), parts(wanted), strict=True):
        np.testing.assert_allclose(x, right, rtol=8 * precision, atol=precision)
    none = loss(*preds, *rest, weights=np.ones(3), reduction="none")
    assert none.dtype == dtype


def test_half_precision_is_accumulated_in_more() -> None:
    """The sum of 20,000 losses overflows float16, their mean does not."""
    pred = np.full(20_000, 100.0, np.float16)
    assert pl.mse_loss(pred, np.zeros_like(pred)) == np.float16(10_000)


def test_extended_precision_is_kept() -> None:
    """Numbers beyond float64."""
    tiny = np.finfo(np.longdouble).eps
    pred = np.asarray([1 + tiny, 1 + tiny], np.longdouble)
    assert pl.l1_loss(pred, np.ones(2)) == tiny


@pytest.mark.parametrize(("loss", "way"), [case for case in WAYS if labels(*case)])
@pytest.mark.parametrize(
    "dtype",
    [
        np.bool_,
        np.int8,
        np.uint8,
        np.int16,
        np.uint16,
        np.int32,
        np.uint32,
        np.int64,
        np.uint64,
        ">i2",
    ],
)
def test_labels_of_every_integer_dtype(loss: Loss, way: int, dtype: Any) -> None:
    """And booleans, for two classes."""
    given = arguments(loss, way)
    for i in labels(loss, way):
        given[i] = given[i] % 2
    wanted = loss.value_and_grad(*given, weights=[1.0, 2.0, 3.0])
    for i in labels(loss, way):
        given[i] = given[i].astype(dtype)
    assert_same(loss.value_and_grad(*given, weights=[1.0, 2.0, 3.0]), wanted)
    if dtype != ">i2":
        value = loss(*(strict.asarray(x) for x in given), weights=strict.asarray([1.0, 2.0, 3.0]))
        np.testing.assert_allclose(float(value), wanted[0], rtol=1e-14)


# Weights and masks


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("shape", [(), (3,), (1,), (1, 3), (2, 1), (1, 1), (2, 3)])
def test_weights_and_masks_are_broadcast(loss: Loss, way: int, shape: tuple[int, ...]) -> None:
    """Every shape that broadcasts equals the full shape, for each reduction and axis."""
    given = arguments(loss, way)
    rng = np.random.default_rng(2)
    weights, where = (
        np.asarray(rng.integers(1, 4, shape), float),
        np.asarray(rng.random(shape) < 0.7),
    )
    full = {
        "weights": np.broadcast_to(weights, SMALL).copy(),
        "where": np.broadcast_to(where, SMALL).copy(),
    }
    for reduction in ("mean", "sum", "none"):
        for axis in (None, 0, -1, (0, 1), ()):
            wanted = loss.value_and_grad(*given, **full, reduction=reduction, axis=axis)
            found = loss.value_and_grad(
                *given, weights=weights, where=where, reduction=reduction, axis=axis
            )
            assert_same(found, wanted)
            with np.errstate(all="ignore"):
                found = loss.value_and_grad(
                    *map(strict.asarray, given),
                    **{k: strict.asarray(v) for k, v in full.items()},
                    reduction=reduction,
                    axis=axis,
                )
            for x, right in zip(parts(found), parts(wanted), strict=True):
                np.testing.assert_allclose(np.asarray(x), right, rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("weight", [2, 2.0, True, np.float32(2.0), np.int8(2)])
def test_a_number_for_weights(loss: Loss, way: int, weight: Any) -> None:
    """A number broadcasts like a 0-d array: the mean stays the same, the sum is multiplied."""
    given = arguments(loss, way)
    for arrays in (given, [strict.asarray(x) for x in given]):
        np.testing.assert_allclose(
            float(loss(*arrays, weights=weight)), float(loss(*arrays)), rtol=1e-14
        )
        total = loss(*arrays, weights=weight, reduction="sum")
        factor = float(weight) ** (0.5 if loss is pl.rmse_loss else 1)
        np.testing.assert_allclose(
            float(total), factor * float(loss(*arrays, reduction="sum")), rtol=1e-14
        )


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_a_truth_value_for_a_mask(loss: Loss, way: int) -> None:
    """All or nothing, on every library."""
    given = arguments(loss, way)
    for arrays in (given, [strict.asarray(x) for x in given]):
        assert float(loss(*arrays, where=True)) == float(loss(*arrays))
        assert float(loss(*arrays, where=False, reduction="sum")) == 0
        assert np.isnan(float(loss(*arrays, where=np.False_)))


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_what_belongs_to_no_library_joins_the_others(loss: Loss, way: int) -> None:
    """A list beside arrays is read in their library, as predictions in its default dtype."""
    arrays = arguments(loss, way)
    given = [strict.asarray(x) for x in arrays]
    weights = np.asarray([1.0, 0.0, 2.0])
    right, gradient = loss.value_and_grad(*given, weights=strict.asarray(weights))
    for i in range(len(arrays)):
        mixed = [x.tolist() if k == i else given[k] for k, x in enumerate(arrays)]
        value, found = loss.value_and_grad(*mixed, weights=weights.tolist())
        assert type(value) is type(right)
        assert float(value) == float(right)
        for x, expected in zip(parts(found), parts(gradient), strict=True):
            np.testing.assert_array_equal(np.asarray(x), np.asarray(expected))
    every = [x.tolist() for x in arrays]
    assert isinstance(loss(*every, weights=strict.asarray(weights)), type(right))


def test_a_list_joins_a_device() -> None:
    """Nothing has to be said about the device, or about float64 where there is none."""
    for device in ("device1", "no_x64"):
        dtype = strict.float32
        pred = strict.asarray([1.0, 2.0], device=strict.Device(device), dtype=dtype)
        value = pl.huber_loss(pred, [0.0, 0.0], weights=[1.0, 3.0], where=[True, False])
        assert str(value.device) == str(pred.device)
        assert float(value.to_device(strict.Device("CPU_DEVICE"))) == 0.5


@pytest.mark.parametrize("target", [[0.0, 1.0, 3.0], np.asarray([0.0, 1.0, 3.0], np.float32)])
def test_a_number_against_an_array_is_a_constant(target: Any) -> None:
    """Its derivatives are those of the sum over all targets."""
    value, gradient = pl.mse_loss.value_and_grad(1.0, target)
    np.testing.assert_allclose([value, gradient], [5 / 3, -2 / 3], rtol=1e-6)
    gradient, second = pl.mse_loss.grad_and_hess(1, target, reduction="sum")
    assert (float(gradient), float(second)) == (-2.0, 6.0)
    assert value.dtype == np.asarray(target).dtype
    np.testing.assert_array_equal(pl.l1_loss(1.0, target, reduction="none"), [1.0, 0.0, 2.0])
    of_strict = pl.gaussian_nll_loss.grad(1.0, 2.0, strict.asarray([0.0, 2.0]))
    assert [float(x) for x in of_strict] == [0.0, 0.125]
