"""Options and parameters that a loss does not have, or cannot use: the error lists valid ones."""

from collections.abc import Iterable
from fractions import Fraction
from math import inf, nan
from typing import Any, get_args

import array_api_strict as strict
import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, Lt
from arguments import (
    CLASS_WAYS,
    CORE_SIZE,
    KINDS,
    LOSSES,
    ROWS,
    WAYS,
    arguments,
    has,
    labels,
    parts,
    refused,
    required,
)

import portable_losses as pl
from portable_losses.typing import Gap, Reduction

Loss = pl.Loss[...]


def numbers(losses: Iterable[Loss]) -> list[tuple[Loss, str, Any]]:
    """Return losses with each of their parameters that is a number."""
    return [
        (loss, name, parameter)
        for loss in losses
        for name, parameter in loss.signature.parameters.items()
        if parameter.kind is float
    ]


# Options

REDUCTIONS = ("reduction", "'mean'", "'sum'", "'none'")
"""What an error about the reduction says."""


@pytest.mark.parametrize("loss", KINDS)
@pytest.mark.parametrize(
    "reduction", ["batchmean", "avg", "MEAN", "", None, 1, True, ["mean"], ("mean",), b"mean"]
)
def test_an_unknown_reduction(loss: Loss, reduction: Any) -> None:
    """Three reductions are valid."""
    refused(
        loss,
        arguments(loss, 0),
        ValueError,
        *REDUCTIONS,
        repr(reduction),
        reduction=reduction,
    )


@pytest.mark.parametrize("loss", KINDS)
@pytest.mark.parametrize("reduction", [np.ones(2), np.asarray(["mean"]), strict.ones(2)])
def test_an_array_for_a_reduction(loss: Loss, reduction: Any) -> None:
    """For example weights in the wrong place."""
    refused(
        loss,
        arguments(loss, 0),
        ValueError,
        *REDUCTIONS,
        reduction=reduction,
    )


@pytest.mark.parametrize("loss", KINDS)
def test_a_misspelt_option(loss: Loss) -> None:
    """The message has the right spelling."""
    names = [
        name
        for name, shown in loss.signature.public.parameters.items()
        if shown.kind is shown.KEYWORD_ONLY
    ]
    assert {"reduction", "weights", "where", "axis"} <= set(names)
    for name in names:
        misspelt = name[0] + name[2] + name[1] + name[3:] if len(name) > 2 else f"{name}{name}"
        if misspelt == name:
            misspelt = f"{name}{name[-1]}"
        refused(
            loss,
            arguments(loss, 0),
            TypeError,
            repr(misspelt),
            f"did you mean {name}?",
            **{misspelt: 1},
        )


@pytest.mark.parametrize("loss", KINDS)
def test_an_option_of_nobody(loss: Loss) -> None:
    """The message lists the options."""
    refused(
        loss,
        arguments(loss, 0),
        TypeError,
        "'xyz'",
        "reduction",
        "weights",
        "where",
        "axis",
        *loss.signature.parameters,
        xyz=1,
    )


@pytest.mark.parametrize("loss", KINDS)
@pytest.mark.parametrize("option", ["xp", "device", "dtype"])
def test_no_loss_takes_what_the_arrays_say(loss: Loss, option: str) -> None:
    """Neither the namespace nor a device nor a dtype."""
    assert not has(loss, option)
    refused(loss, arguments(loss, 0), TypeError, repr(option), **{option: None})


@pytest.mark.parametrize("loss", KINDS)
def test_an_array_by_keyword(loss: Loss) -> None:
    """Under its own name; missing and doubled arrays are named."""
    names, given = required(loss).arguments, arguments(loss, 0)
    value = loss(*given)
    assert loss(*given[:-1], **{names[-1]: given[-1]}) == value
    assert loss(**dict(zip(names, given, strict=True))) == value
    refused(loss, given[:-1], TypeError, names[-1])
    refused(loss, given[:-1], TypeError, names[0], "position", **{names[0]: given[0]})
    refused(loss, given, TypeError, names[0], "position", **{names[0]: given[0]})


@pytest.mark.parametrize("loss", [loss for loss in KINDS if not loss.signature.core])
@pytest.mark.parametrize(
    "option", ["class_axis", "class_weights", "ignore_index", "label_smoothing"]
)
def test_an_option_of_the_class_losses_elsewhere(loss: Loss, option: str) -> None:
    """A pointwise loss has no classes."""
    refused(loss, arguments(loss, 0), TypeError, repr(option), **{option: 0})


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize(
    "axis",
    [2, -3, 7, (0, 2), (-3,), 0.5, "0", [0, 1], (0, 0.5), (0, None), np.ones(2), {0}, ((0,), 1)],
)
def test_an_axis_that_is_none(loss: Loss, way: int, axis: Any) -> None:
    """The losses have two axes, whatever the core dimensions: an int, or a tuple of int."""
    refused(loss, arguments(loss, way), ValueError, "axis", "2", axis=axis)
    refused(
        loss, [strict.asarray(x) for x in arguments(loss, way)], ValueError, "axis", "2", axis=axis
    )


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("axis", [(0, 0), (1, -1), (-2, 1, 0)])
def test_an_axis_named_twice(loss: Loss, way: int, axis: tuple[int, ...]) -> None:
    """The same number twice, or once from the end."""
    refused(loss, arguments(loss, way), ValueError, "axis", "twice", str(axis), axis=axis)


@pytest.mark.parametrize(("loss", "way"), ROWS)
def test_an_axis_of_one_loss(loss: Loss, way: int) -> None:
    """A single loss has no axes."""
    for axis in (0, -1, (0,)):
        refused(loss, arguments(loss, way, ()), ValueError, "axis", axis=axis)


@pytest.mark.parametrize(("loss", "way"), CLASS_WAYS)
@pytest.mark.parametrize("class_axis", [3, -4, 1.0, "last", None, (0,), (0, 1), [1], np.ones(2)])
def test_a_class_axis_that_is_none(loss: Loss, way: int, class_axis: Any) -> None:
    """The logits have three axes, and one of them is that of the classes."""
    if class_axis is None and loss.signature.options["class_axis"] is None:
        return  # which is the default where vectors are no rows
    refused(
        loss, arguments(loss, way), ValueError, "class_axis", "(2, 3, 4)", class_axis=class_axis
    )


@pytest.mark.parametrize(("loss", "way"), [case for case in WAYS if has(case[0], "class_weights")])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (5,), (4, 1), (1, 4), (2, 3, 4), (0,)])
def test_class_weights_of_another_shape(loss: Loss, way: int, shape: tuple[int, ...]) -> None:
    """One weight for each class."""
    refused(
        loss,
        arguments(loss, way),
        ValueError,
        "class_weights",
        str(shape),
        str(CORE_SIZE),
        class_weights=np.ones(shape),
    )
    given = [strict.asarray(x) for x in arguments(loss, way)]
    refused(
        loss,
        given,
        ValueError,
        "class_weights",
        str(shape),
        str(CORE_SIZE),
        class_weights=strict.ones(shape),
    )


@pytest.mark.parametrize(("loss", "way"), [case for case in WAYS if has(case[0], "ignore_index")])
@pytest.mark.parametrize("ignored", ["x", 1.0, 1.5, [1], (0, 1), np.asarray([0, 1]), {0}, 1j])
def test_an_ignore_index_that_is_no_label(loss: Loss, way: int, ignored: Any) -> None:
    """It is one integer."""
    refused(loss, arguments(loss, way), TypeError, "ignore_index", "integer", ignore_index=ignored)


@pytest.mark.parametrize(
    ("loss", "way"), [case for case in WAYS if has(case[0], "ignore_index") and not labels(*case)]
)
def test_an_ignore_index_beside_probabilities(loss: Loss, way: int) -> None:
    """A row of probabilities is not a label: the message suggests a mask."""
    refused(
        loss,
        arguments(loss, way),
        ValueError,
        "ignore_index",
        "probabilities",
        "where",
        ignore_index=0,
    )
    given = [strict.asarray(x) for x in arguments(loss, way)]
    refused(loss, given, ValueError, "ignore_index", "probabilities", "where", ignore_index=0)


# Parameters


@pytest.mark.parametrize(("loss", "name", "parameter"), numbers(KINDS))
@pytest.mark.parametrize(
    "value",
    ["1.0", None, b"1", 1j, [1.0], (1.0,), {}, len, np.ones(3), strict.ones(())],
)
def test_a_parameter_that_is_no_number(loss: Loss, name: str, parameter: Any, value: Any) -> None:
    """The message has the name, and what came."""
    array = hasattr(value, "dtype") or isinstance(value, (list, tuple))
    if (value is None and parameter.optional) or (parameter.array and array):
        return  # tested where these mean something
    refused(
        loss, arguments(loss, 0), TypeError, name, "number", type(value).__name__, **{name: value}
    )


def outside(parameter: Any) -> list[float]:
    """Return numbers outside the range of a parameter, close to its ends and far away."""
    found = [nan]
    for bounds in parameter.constraints:
        if isinstance(bounds, Gt | Ge):
            found += [-inf, getattr(bounds, "ge", getattr(bounds, "gt", 0.0)) - 1e-9]
        if isinstance(bounds, Lt | Le):
            found += [inf, getattr(bounds, "le", getattr(bounds, "lt", 0.0)) + 1e-9]
        if isinstance(bounds, Gt | Lt):
            found.append(getattr(bounds, "gt", getattr(bounds, "lt", 0.0)))
    return found


@pytest.mark.parametrize(("loss", "name", "parameter"), numbers(LOSSES))
def test_a_parameter_out_of_its_range(loss: Loss, name: str, parameter: Any) -> None:
    """The message has the range and the value; NaN is in no range."""
    for value in outside(parameter):
        refused(loss, arguments(loss, 0), ValueError, name, "in ", repr(value), **{name: value})


@pytest.mark.parametrize(
    ("loss", "name", "value", "bounds"),
    [
        (pl.huber_loss, "delta", 0.0, "(0, inf)"),
        (pl.huber_loss, "delta", -1, "(0, inf)"),
        (pl.binary_cross_entropy, "eps", 0.5, "[0, 0.5)"),
        (pl.binary_cross_entropy_with_logits, "pos_weight", -0.5, "[0, inf)"),
        (pl.cross_entropy, "label_smoothing", 1.5, "[0, 1]"),
        (pl.cross_entropy, "label_smoothing", -0.1, "[0, 1]"),
    ],
)
def test_the_range_that_is_shown(loss: Loss, name: str, value: float, bounds: str) -> None:
    """With a bracket for a bound that belongs to it."""
    refused(loss, arguments(loss, 0), ValueError, name, bounds, repr(value), **{name: value})


@pytest.mark.parametrize(("loss", "name", "parameter"), numbers(KINDS))
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.longdouble, Fraction])
def test_every_kind_of_number_is_the_same_parameter(
    loss: Loss, name: str, parameter: Any, kind: Any
) -> None:
    """A NumPy scalar or a fraction gives the same number and dtype as a Python float."""
    if parameter.kind is not float:
        kind = np.int16
    gap = any(isinstance(constraint, Gap) for constraint in parameter.constraints)
    above_one = any(getattr(constraint, "ge", 0) >= 1 for constraint in parameter.constraints)
    same = kind(1) if parameter.kind is int or gap else kind(5 if above_one else 1) / 4
    value = parameter.kind(same)
    given = [x.astype(np.float32) if x.dtype == np.float64 else x for x in arguments(loss, 0)]
    for arrays in (given, [strict.asarray(x) for x in given]):
        with np.errstate(all="ignore"):
            wanted, wanted_gradient = loss.value_and_grad(*arrays, **{name: value})
            found, gradient = loss.value_and_grad(*arrays, **{name: same})
        assert str(found.dtype) == str(wanted.dtype)
        assert {str(x.dtype) for x in parts(gradient)} == {str(arrays[0].dtype)}
        assert float(found) == float(wanted)
        for x, right in zip(parts(gradient), parts(wanted_gradient), strict=True):
            np.testing.assert_array_equal(np.asarray(x), np.asarray(right))


def test_integers_are_numbers() -> None:
    """An int is accepted for a float, as everywhere in Python."""
    pred, target = arguments(pl.huber_loss, 0)
    assert pl.huber_loss(pred, target, delta=2) == pl.huber_loss(pred, target, delta=2.0)
    small: Any = np.int8(2)
    assert pl.huber_loss(pred, target, delta=small) == pl.huber_loss(pred, target, delta=2.0)


def test_a_literal_of_a_signature_is_known() -> None:
    """The reductions that are checked are those of the type."""
    assert get_args(Reduction) == ("mean", "sum", "none")
