"""Values outside their domain: NumPy names the first, unless it is left out or checks are off."""

import threading
from math import inf, nan
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from annotated_types import Interval
from arguments import (
    CORE_SIZE,
    LOSSES,
    WAYS,
    arguments,
    has,
    labels,
    looped,
    many,
    methods,
    parts,
    refused,
    ways,
)

import portable_losses as pl
from portable_losses.typing import Domain

Loss = pl.Loss[...]
LABELS = [case for case in WAYS if labels(*case)]
BOUNDED = [
    (loss, way, i)
    for loss, way in ways(LOSSES)
    for i, domain in enumerate(loss.signature.domains[way])
    if domain.interval is not None
]
"""Each loss and way with each of its arguments that has bounds."""


def offences(domain: Domain) -> list[float]:
    """Return values outside a domain."""
    bounds: Any = domain.interval or Interval()
    ends = [(bounds.ge, -1), (bounds.gt, -1), (bounds.le, 1), (bounds.lt, 1)]
    found = [
        end + sign * size for end, sign in ends if end is not None for size in (0.0078125, 3.0, inf)
    ]
    found += [end for end in (bounds.gt, bounds.lt) if end is not None]
    return (
        found
        + ([0.5 if 0.0 in domain.members else 0.0] if domain.members else [])
        + ([0.5] if domain.whole else [])
    )


# Labels


@pytest.mark.parametrize(("loss", "way"), LABELS)
@pytest.mark.parametrize("bad", [-1, CORE_SIZE, -100, 255, 10**12])
def test_a_label_out_of_range(loss: Loss, way: int, bad: int) -> None:
    """The message has the first of them and its index."""
    i = labels(loss, way)[0]
    given, name = arguments(loss, way), loss.signature.arguments[i]
    given[i][1, 0] = given[i][1, 2] = bad
    refused(loss, given, ValueError, f"{name}[1, 0] is {bad}", "from 0 to")
    refused(loss, [x.tolist() for x in given], ValueError, f"{name}[1, 0] is {bad}")
    given = arguments(loss, way, ())
    given[i] = bad
    refused(loss, given, ValueError, f"{name} is {bad}")


@pytest.mark.parametrize(("loss", "way"), LABELS)
@pytest.mark.parametrize(
    ("dtype", "bad"),
    [
        (np.uint8, 4),
        (np.uint8, 255),
        (np.int8, -128),
        (np.int16, -1),
        (np.uint64, 2**64 - 1),
        (np.uint64, 2**63),
    ],
)
def test_a_label_out_of_range_in_every_dtype(loss: Loss, way: int, dtype: type, bad: int) -> None:
    """The message has the given value, not a converted one."""
    i = labels(loss, way)[0]
    given = arguments(loss, way)
    given[i] = given[i].astype(dtype)
    given[i][0, 1] = bad
    refused(loss, given, ValueError, f"{loss.signature.arguments[i]}[0, 1] is {bad}")


def test_a_boolean_label_without_a_class() -> None:
    """True is class 1, which does not exist if there is only one class."""
    refused(
        pl.nll_loss,
        [np.zeros((2, 1)), np.asarray([False, True])],
        ValueError,
        "target[1] is True",
    )


def test_a_label_out_of_range_far_into_the_data() -> None:
    """The index is that of the given array, in later blocks, on other axes and memory orders."""
    logits, target = np.zeros((50, 4, 700)), np.zeros((50, 700), np.int32)
    target[33, 512], target[33, 600] = 4, 5
    for order in ("C", "F"):
        given = [np.asarray(logits, order=order), np.asarray(target, order=order)]
        with pytest.raises(ValueError, match=r"target\[33, 512\] is 4"):
            pl.cross_entropy(*given, class_axis=1)


@pytest.mark.parametrize("ignored", [-1, 255, -100])
def test_ignored_labels_are_no_offence_and_others_are(ignored: int) -> None:
    """Only this label is left out."""
    logits, target = arguments(pl.cross_entropy, 0)
    target[0, 1] = ignored
    kept = np.ones((2, 3), bool)
    kept[0, 1] = False
    for method in methods(pl.cross_entropy):
        found = getattr(pl.cross_entropy, method)(logits, target, ignore_index=ignored)
        wanted = getattr(pl.cross_entropy, method)(logits, np.where(kept, target, 0), where=kept)
        for a, b in zip(parts(found), parts(wanted), strict=True):
            np.testing.assert_array_equal(a, b)
    target[1, 1] = -7
    refused(
        pl.cross_entropy, [logits, target], ValueError, "target[1, 1] is -7", ignore_index=ignored
    )


@pytest.mark.parametrize(("loss", "way"), LABELS)
def test_a_label_out_of_range_elsewhere_is_nan(loss: Loss, way: int) -> None:
    """Other libraries' values are not checked: the loss of that row, and only that row, is NaN."""
    i = labels(loss, way)[0]
    for bad in (-1, CORE_SIZE, -100):
        given = arguments(loss, way)
        wanted = loss(*given, reduction="none")
        given[i][1, 0] = bad
        found = np.asarray(loss(*(strict.asarray(x) for x in given), reduction="none"))
        assert np.isnan(found[1, 0])
        wanted[1, 0] = nan
        np.testing.assert_allclose(found, wanted, rtol=1e-14)


# Bounds


@pytest.mark.parametrize(("loss", "way", "i"), BOUNDED)
def test_a_value_outside_its_domain(loss: Loss, way: int, i: int) -> None:
    """The message has the argument, the domain, the first bad value, its index, a likely cause."""
    domain, name = loss.signature.domains[way][i], loss.signature.arguments[i]
    advice = domain.hint
    assert advice
    for bad in offences(domain):
        given = arguments(loss, way)
        place = (1, 0, *(0 for _ in loss.signature.ways[way][i]))
        given[i][place] = given[i][1, 2] = bad
        refused(
            loss,
            given,
            ValueError,
            f"{name}[{', '.join(map(str, place))}] is {bad!r}",
            domain.description,
            advice,
        )
        refused(
            loss,
            [x.astype(np.float32) if x.dtype == float else x for x in given],
            ValueError,
            f"is {bad!r}",
            name,
        )
        given = arguments(loss, way, ())
        if given[i].ndim == 0:
            given[i] = bad
            refused(loss, given, ValueError, f"{name} is {bad!r}")


@pytest.mark.parametrize(("loss", "way", "i"), BOUNDED)
def test_a_value_outside_its_domain_far_into_the_data(loss: Loss, way: int, i: int) -> None:
    """The first bad value is the first by index, also in later blocks and other memory orders."""
    rows, columns = many(loss, (72, 904))
    given = arguments(loss, way, (rows, columns))
    place, later = (
        (rows - 3, columns - 50, *(0 for _ in loss.signature.ways[way][i])),
        (rows - 2, 2),
    )
    given[i][place] = given[i][later] = offences(loss.signature.domains[way][i])[0]
    for order in ("C", "F"):
        refused_late = [np.asarray(x, order=order) for x in given]
        for method in methods(loss):
            with pytest.raises(
                ValueError, match=rf"{loss.signature.arguments[i]}\[{rows - 3}, {columns - 50}"
            ):
                getattr(loss, method)(*refused_late)


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_nan_is_no_offence(loss: Loss, way: int) -> None:
    """NaN passes through to its own loss only; a row is NaN as a whole."""
    for i in looped(loss):
        if loss.signature.domains[way][i].integer:
            continue
        given = arguments(loss, way)
        given[i][1, 2] = nan
        found = loss(*given, reduction="none")
        assert np.isnan(found[1, 2])
        assert np.isnan(found).sum() == 1
        assert np.isnan(loss(*given))


# Weights


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("bad", [-1.0, -1e-6, -inf])
def test_a_negative_weight(loss: Loss, way: int, bad: float) -> None:
    """The message has its index in the weights, as they were given."""
    weights = np.ones((2, 3))
    weights[1, 0] = weights[1, 2] = bad
    refused(loss, arguments(loss, way), ValueError, f"weights[1, 0] is {bad!r}", weights=weights)
    refused(
        loss,
        arguments(loss, way),
        ValueError,
        f"weights[1] is {bad!r}",
        weights=weights[1, [1, 0, 2]],
    )
    refused(loss, arguments(loss, way), ValueError, f"weights is {bad!r}", weights=bad)
    for reduction in ("sum", "none"):
        refused(
            loss,
            arguments(loss, way),
            ValueError,
            f"weights[1, 0] is {bad!r}",
            weights=weights,
            reduction=reduction,
        )


@pytest.mark.parametrize(("loss", "way"), [case for case in WAYS if has(case[0], "class_weights")])
def test_a_negative_class_weight(loss: Loss, way: int) -> None:
    """Even of a class that does not occur."""
    weights = np.asarray([1.0, 2.0, -0.5, -1.0])
    refused(
        loss, arguments(loss, way), ValueError, "class_weights[2] is -0.5", class_weights=weights
    )
    given = arguments(loss, way)
    if labels(loss, way):
        given[labels(loss, way)[0]][...] = 0
        refused(loss, given, ValueError, "class_weights[2] is -0.5", class_weights=weights)


# Elements that are left out raise no error


@pytest.mark.parametrize(
    ("loss", "way", "method"),
    [(loss, way, method) for loss, way in WAYS for method in methods(loss)],
)
@pytest.mark.parametrize("option", ["where", "weights"])
def test_what_is_left_out_is_no_offence(loss: Loss, way: int, method: str, option: str) -> None:
    """The mask or a weight of 0 leaves out values outside the domain, stray labels and NaN."""
    keep = np.asarray([[True, False, True], [True, True, False]])
    mask = {option: keep if option == "where" else keep.astype(float)}
    wanted = getattr(loss, method)(*arguments(loss, way), **mask)
    for i in looped(loss):
        domain = loss.signature.domains[way][i]
        for bad in [-7, 99] if domain.integer else [*offences(domain), nan, inf, -inf]:
            given = arguments(loss, way)
            given[i][~keep] = bad
            found = getattr(loss, method)(*given, **mask)
            for a, b in zip(parts(found), parts(wanted), strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("bad", [-1.0, nan, inf])
def test_the_weight_of_what_is_left_out_is_no_offence(loss: Loss, way: int, bad: float) -> None:
    """It contributes nothing, for any value."""
    keep = np.asarray([[True, False, True], [True, True, False]])
    wanted, wanted_gradient = loss.value_and_grad(*arguments(loss, way), where=keep)
    value, gradient = loss.value_and_grad(
        *arguments(loss, way), where=keep, weights=np.where(keep, 1.0, bad)
    )
    for a, b in zip(parts((value, gradient)), parts((wanted, wanted_gradient)), strict=True):
        np.testing.assert_array_equal(a, b)


# validation(False)


@pytest.mark.parametrize(("loss", "way", "i"), BOUNDED)
def test_validation_can_be_turned_off(loss: Loss, way: int, i: int) -> None:
    """Then nothing is checked, and the results equal those of other libraries."""
    for bad in offences(loss.signature.domains[way][i]):
        given = arguments(loss, way)
        given[i][1, 1] = bad
        with pl.validation(False):
            found = loss(*given, reduction="none")
        with np.errstate(all="ignore"):
            wanted = loss(*(strict.asarray(x) for x in given), reduction="none")
        np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-12)
        refused(loss, given, ValueError, loss.signature.arguments[i])


@pytest.mark.parametrize(("loss", "way"), LABELS)
def test_a_label_out_of_range_is_nan_without_validation(loss: Loss, way: int) -> None:
    """In the loss of its row and in its gradient."""
    i = labels(loss, way)[0]
    for bad in (-1, CORE_SIZE, 10**12):
        given = arguments(loss, way)
        given[i][1, 0] = bad
        with pl.validation(False):
            value, gradient = loss.value_and_grad(*given, reduction="none")
            weighted = loss(*given, reduction="none", class_weights=np.ones(CORE_SIZE))
        for found in (value, weighted):
            assert np.isnan(found[1, 0])
            assert np.isnan(found).sum() == 1
        assert np.isnan(parts(gradient)[0][1, 0]).all()
        assert np.isnan(parts(gradient)[0]).sum() == CORE_SIZE


def test_negative_weights_without_validation() -> None:
    """Without checks they count like other weights."""
    with pl.validation(False):
        assert pl.mse_loss([1.0, 2.0], [0.0, 0.0], weights=[1.0, -1.0], reduction="sum") == -3.0


def test_what_costs_nothing_is_checked_without_validation() -> None:
    """Shapes, dtypes and parameters."""
    with pl.validation(False):
        refused(pl.mse_loss, [np.ones(3), np.ones((3, 1))], ValueError, "(3, 1)")
        refused(pl.mse_loss, [np.ones(3), np.full(3, "a")], TypeError, "target")
        refused(pl.huber_loss, [np.ones(3), np.ones(3)], ValueError, "delta", delta=-1.0)
        refused(
            pl.mse_loss, [np.ones(3), np.ones(3)], ValueError, "reduction", reduction="batchmean"
        )
        refused(pl.cross_entropy, [np.ones((2, 3)), np.ones(2)], TypeError, "target")


def is_validating() -> bool:
    """Return whether a probability of 2 is an error here."""
    try:
        pl.binary_cross_entropy([2.0], [1.0])
    except ValueError:
        return True
    return False


def test_validation_nests() -> None:
    """Each block restores the previous state, also after an error."""
    assert is_validating()
    with pl.validation(False):
        assert not is_validating()
        with pl.validation(True):
            assert is_validating()
        assert not is_validating()
        with pytest.raises(TypeError), pl.validation(True):
            pl.mse_loss([1.0], "x")
        assert not is_validating()
    assert is_validating()


def test_validation_is_of_one_thread() -> None:
    """A setting of one thread does not affect another."""
    off, looked = threading.Event(), threading.Event()
    found = []

    def other() -> None:
        with pl.validation(False):
            off.set()
            looked.wait(10)
            found.append(is_validating())

    thread = threading.Thread(target=other)
    thread.start()
    assert off.wait(10)
    assert is_validating()
    looked.set()
    thread.join()
    assert found == [False]
