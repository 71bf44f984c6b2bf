"""Arrays that do not fit together, or hold no real numbers: a clear error, before computing."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from arguments import CORE_SIZE, KINDS, LOOP, ROWS, WAYS, arguments, has, labels, refused, required

import portable_losses as pl

Loss = pl.Loss[...]
OPTIONS = [
    (*case, option)
    for case in WAYS
    for option in ("weights", "where", "class_weights")
    if has(case[0], option)
]
"""Each loss with each of its ways to be called and each of its options that is an array."""


def on_strict(arrays: list[Any], device: str = "CPU_DEVICE") -> list[Any]:
    """Convert arrays to array-api-strict."""
    return [strict.asarray(array, device=strict.Device(device)) for array in arrays]


# Libraries and devices


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_arrays_of_two_libraries(loss: Loss, way: int) -> None:
    """One argument is of another library; the message names both libraries and both arguments."""
    names = loss.signature.arguments
    arrays = arguments(loss, way)
    for i in range(1, len(arrays)):
        others = on_strict(arrays)
        mixed = [*others[:i], arrays[i], *others[i + 1 :]]
        refused(loss, mixed, TypeError, names[0], names[i], "array_api_strict", "NumPy")
        mixed = [*arrays[:i], others[i], *arrays[i + 1 :]]
        refused(loss, mixed, TypeError, names[0], names[i], "array_api_strict", "numpy")


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_a_list_of_arrays_of_another_library(loss: Loss, way: int) -> None:
    """The message says how to make one array of it."""
    arrays = arguments(loss, way)
    for i, name in enumerate(required(loss).arguments):
        if arrays[i].ndim:
            given = on_strict(arrays)
            given[i] = [strict.asarray(x) for x in arrays[i]]
            refused(loss, given, TypeError, name, f"`array_api_strict.stack({name})`")


@pytest.mark.parametrize(("loss", "way", "option"), OPTIONS)
def test_an_option_of_another_library(loss: Loss, way: int, option: str) -> None:
    """Weights and masks belong to the library of the arrays as well."""
    arrays = arguments(loss, way)
    value = np.ones(
        CORE_SIZE if option == "class_weights" else 3, bool if option == "where" else float
    )
    refused(
        loss, on_strict(arrays), TypeError, option, "array_api_strict", "NumPy", **{option: value}
    )
    refused(
        loss,
        arrays,
        TypeError,
        option,
        "array_api_strict",
        "numpy",
        **{option: strict.asarray(value)},
    )


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_arrays_on_two_devices(loss: Loss, way: int) -> None:
    """Nothing is copied to another device."""
    arrays = on_strict(arguments(loss, way), "device1")
    here = on_strict(arguments(loss, way))
    for i in range(1, len(arrays)):
        mixed = [*arrays[:i], here[i], *arrays[i + 1 :]]
        refused(
            loss,
            mixed,
            ValueError,
            loss.signature.arguments[0],
            loss.signature.arguments[i],
            "device1",
            "CPU_DEVICE",
        )


@pytest.mark.parametrize(("loss", "way", "option"), OPTIONS)
def test_an_option_on_another_device(loss: Loss, way: int, option: str) -> None:
    """Weights and masks are where the arrays are."""
    value = np.ones(
        CORE_SIZE if option == "class_weights" else 3, bool if option == "where" else float
    )
    refused(
        loss,
        on_strict(arguments(loss, way)),
        ValueError,
        option,
        "device1",
        **{option: on_strict([value], "device1")[0]},
    )


# Shapes


@pytest.mark.parametrize("loss", [loss for loss in KINDS if not loss.signature.core])
@pytest.mark.parametrize(
    ("first", "second", "advice"),
    [
        ((3,), (3, 1), "reshape"),
        ((3, 1), (3,), "reshape"),
        ((3, 1), (1, 3), "reshape"),
        ((1, 3), (3,), "reshape"),
        ((2, 3), (3, 2), "transposed"),
        ((3,), (4,), ""),
        ((3,), (1,), ""),
        ((1,), (3,), ""),
        ((3,), (), ""),
        ((), (3,), ""),
        ((3,), (0,), ""),
        ((2, 3), (3,), ""),
        ((2, 3), (2, 3, 1), ""),
    ],
)
def test_shapes_that_differ(
    loss: Loss, first: tuple[int, ...], second: tuple[int, ...], advice: str
) -> None:
    """The target does not broadcast; the message has both shapes and the cure."""
    given = [*arguments(loss, 0, first)[:-1], arguments(loss, 0, second)[-1]]
    names = loss.signature.arguments
    refused(loss, given, ValueError, names[0], names[-1], str(first), str(second), advice)
    if first and second:
        refused(
            loss,
            [x.tolist() for x in given],
            ValueError,
            names[0],
            names[-1],
            str(first),
            str(second),
            advice,
        )
    refused(
        loss, on_strict([np.asarray(x) for x in given]), ValueError, str(first), str(second), advice
    )


@pytest.mark.parametrize(
    "target", [(3, 2), (2, 1), (3,), (2, 3, 4, 1), (3, 2, 4), (2, 3, 5), (2, 3, 1), (6,), ()]
)
def test_shapes_of_rows_that_differ(target: tuple[int, ...]) -> None:
    """Labels have the shape of the logits without the class axis; probabilities have all of it."""
    logits = np.zeros((2, 3, 4))
    refused(
        pl.cross_entropy,
        [logits, np.zeros(target, int)],
        ValueError,
        "logits",
        "target",
        "(2, 3, 4)",
        str(target),
    )
    refused(
        pl.cross_entropy,
        [logits, np.zeros(target)],
        ValueError,
        "logits",
        "target",
        "(2, 3, 4)",
        str(target),
    )


def test_shapes_are_reported_as_they_were_given() -> None:
    """With the classes on another axis as well."""
    logits = np.zeros((4, 2, 3))
    refused(
        pl.cross_entropy,
        [logits, np.zeros((3, 2), int)],
        ValueError,
        "(4, 2, 3)",
        "(3, 2)",
        class_axis=0,
    )
    refused(
        pl.cross_entropy,
        [logits, np.zeros((2, 3, 4))],
        ValueError,
        "(4, 2, 3)",
        "(2, 3, 4)",
        class_axis=0,
    )


def test_a_row_needs_its_axis() -> None:
    """A number has no classes, and zero classes have no loss."""
    refused(pl.cross_entropy, [np.float64(1.0), 0], ValueError, "logits", "class")
    refused(pl.cross_entropy, [np.zeros(()), np.zeros((), int)], ValueError, "logits", "class")
    refused(
        pl.cross_entropy,
        [np.zeros((3, 0)), np.zeros(3, int)],
        ValueError,
        "logits",
        "(3, 0)",
        "class",
    )
    refused(
        pl.cross_entropy,
        [np.zeros((3, 0)), np.zeros((3, 0))],
        ValueError,
        "logits",
        "(3, 0)",
        "class",
    )
    refused(
        pl.cross_entropy,
        [np.zeros((0, 3)), np.zeros(3, int)],
        ValueError,
        "logits",
        "(0, 3)",
        "class",
        class_axis=0,
    )


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("option", ["weights", "where"])
@pytest.mark.parametrize(
    "shape", [(5, 2, 3), (1, 2, 3), (2, 3, 1), (2,), (3, 2), (2, 4), (4,), (3, 1), (0,), (2, 0)]
)
def test_weights_never_enlarge_the_result(
    loss: Loss, way: int, option: str, shape: tuple[int, ...]
) -> None:
    """Weights broadcast to the shape of the losses, never the other way round."""
    value = np.ones(shape, bool if option == "where" else float)
    refused(loss, arguments(loss, way), ValueError, option, str(shape), "(2, 3)", **{option: value})
    refused(
        loss,
        on_strict(arguments(loss, way)),
        ValueError,
        option,
        str(shape),
        "(2, 3)",
        **{option: strict.asarray(value)},
    )


@pytest.mark.parametrize(
    ("loss", "way", "loop"),
    [
        (*case, loop)
        for case in WAYS
        for loop in [(), (1,), (1, 3), (2, 1), (0,)]
        if loop or case in ROWS
    ],
)
@pytest.mark.parametrize("option", ["weights", "where"])
def test_weights_never_enlarge_an_axis_of_one(
    loss: Loss, way: int, option: str, loop: tuple[int, ...]
) -> None:
    """NumPy would broadcast the losses to the weights; here it is an error."""
    shape = (*(2 for _ in loop), 7)
    value = np.ones(shape, bool if option == "where" else float)
    refused(
        loss,
        arguments(loss, way, loop),
        ValueError,
        option,
        str(shape),
        str(loop),
        **{option: value},
    )


@pytest.mark.parametrize("loss", KINDS)
def test_a_wrong_number_of_arrays(loss: Loss) -> None:
    """The message has the number of arrays and their names."""
    names = loss.signature.arguments
    arrays = arguments(loss, 0)
    for given in ([], arrays[:1], [*arrays, *(None for _ in loss.signature.optional), arrays[0]]):
        refused(loss, given, TypeError, *names, str(len(given)))


# Inputs that are not arrays of real numbers

NO_REAL_NUMBERS: dict[str, tuple[Callable[[tuple[int, ...]], Any], str]] = {
    "complex": (lambda shape: np.full(shape, 1 + 0j), "complex"),
    "complex64": (lambda shape: np.full(shape, 1 + 0j, np.complex64), "complex"),
    "strings": (lambda shape: np.full(shape, "1.0"), "numbers"),
    "bytes": (lambda shape: np.full(shape, b"1.0"), "numbers"),
    "objects": (lambda shape: np.full(shape, 1.0, object), "numbers"),
    "datetimes": (lambda shape: np.full(shape, "2026-01-01", "datetime64[D]"), "numbers"),
    "durations": (lambda shape: np.full(shape, 1, "timedelta64[s]"), "numbers"),
    "records": (lambda shape: np.zeros(shape, [("a", float)]), "numbers"),
    "masked": (lambda shape: np.ma.masked_array(np.ones(shape), np.ones(shape, bool)), "masked"),
    "list of strings": (lambda shape: np.full(shape, "1.0").tolist(), "numbers"),
    "list of complex": (lambda shape: np.full(shape, 1j).tolist(), "complex"),
    "list of None": (lambda shape: np.full(shape, None).tolist(), "numbers"),
    "list of dates": (lambda shape: np.full(shape, dt.date(2026, 1, 1)).tolist(), "numbers"),
    "ragged": (lambda _: [[1.0, 2.0, 3.0], [4.0]], "array"),
    "string": (lambda _: "1.0", "numbers"),
    "None": (lambda _: None, "numbers"),
    "dict": (lambda _: {"a": 1.0}, "numbers"),
    "set": (lambda _: {1.0}, "numbers"),
    "complex number": (lambda _: 1j, "complex"),
    "function": (lambda _: len, "numbers"),
}


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("kind", NO_REAL_NUMBERS)
def test_no_real_numbers(loss: Loss, way: int, kind: str) -> None:
    """Each argument in turn does not hold real numbers; the message names it."""
    make, words = NO_REAL_NUMBERS[kind]
    for i, name in enumerate(required(loss).arguments):
        given = arguments(loss, way)
        given[i] = make(given[i].shape)
        refused(
            loss, given, TypeError, name, "" if loss.signature.domains[way][i].integer else words
        )


@pytest.mark.parametrize(("loss", "way", "option"), OPTIONS)
@pytest.mark.parametrize("kind", [kind for kind in NO_REAL_NUMBERS if kind != "None"])
def test_options_that_hold_no_real_numbers(loss: Loss, way: int, option: str, kind: str) -> None:
    """Nor do weights and masks. (None means that there are none.)"""
    value = NO_REAL_NUMBERS[kind][0]((CORE_SIZE,) if option == "class_weights" else LOOP)
    refused(loss, arguments(loss, way), TypeError, option, **{option: value})


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_complex_arrays_of_another_library(loss: Loss, way: int) -> None:
    """As with NumPy."""
    for i, name in enumerate(required(loss).arguments):
        given = on_strict(arguments(loss, way))
        given[i] = strict.astype(given[i], strict.complex128)
        refused(loss, given, TypeError, name, "complex")
    weights = strict.ones((2, 3), dtype=strict.complex128)
    refused(loss, on_strict(arguments(loss, way)), TypeError, "weights", "complex", weights=weights)


@pytest.mark.parametrize("loss", [loss for loss in KINDS if has(loss, "class_weights")])
def test_complex_class_weights_of_another_library(loss: Loss) -> None:
    """As with NumPy."""
    weights = strict.ones(CORE_SIZE, dtype=strict.complex128)
    refused(
        loss,
        on_strict(arguments(loss, 0)),
        TypeError,
        "class_weights",
        "complex",
        class_weights=weights,
    )


@pytest.mark.parametrize(("loss", "way"), [case for case in WAYS if labels(*case)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_labels_that_are_floats(loss: Loss, way: int, dtype: type) -> None:
    """This holds for whole numbers too: they may be probabilities of a wrong shape."""
    for i in labels(loss, way):
        given = arguments(loss, way)
        given[i] = given[i].astype(dtype)
        refused(
            loss, given, TypeError, loss.signature.arguments[i], "integer", np.dtype(dtype).name
        )
    given = arguments(loss, way, ())
    given[labels(loss, way)[0]] = 1.0
    refused(
        loss, given, TypeError, loss.signature.arguments[labels(loss, way)[0]], "integer", "1.0"
    )


@pytest.mark.parametrize(("loss", "way"), WAYS)
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float64, np.float32])
def test_a_mask_that_is_not_boolean(loss: Loss, way: int, dtype: type) -> None:
    """Numbers are weights; a mask is boolean."""
    mask: Any = np.ones((2, 3), dtype)
    refused(
        loss, arguments(loss, way), TypeError, "where", "bool", np.dtype(dtype).name, where=mask
    )
    refused(loss, arguments(loss, way), TypeError, "where", "bool", where=mask.tolist())
    refused(loss, arguments(loss, way), TypeError, "where", "bool", where=1)
    if dtype is not np.float32:
        refused(
            loss,
            on_strict(arguments(loss, way)),
            TypeError,
            "where",
            "bool",
            where=strict.asarray(mask),
        )
