"""Label smoothing: the loss of targets of which a share is spread over the classes."""

from typing import Any

import numpy as np
import pytest
from cases import CASES, Case, example
from marks import once_a_library

import portable_losses as pl

SMOOTHED = [case for case in CASES if "label_smoothing" in case.loss.signature.parameters]
smoothed = pytest.mark.parametrize("case", SMOOTHED, ids=str)
OF_ROWS_OR_ELEMENTS = [case for case in SMOOTHED if not case.shared]
"""Not `linear_cross_entropy`, which takes labels only: `test_vocabulary` has it."""
OF_LABELS = [
    case
    for case in SMOOTHED
    if "ignore_index" in case.loss.signature.options and case.kind != "probabilities"
]
WITHOUT_CLASSES = {
    "multilabel_margin_loss",  # of sets
    "zlpr_loss",
}


def test_every_loss_of_the_probabilities_of_classes_has_it() -> None:
    found = {case.name for case in SMOOTHED}
    for name in pl.__all__:
        loss = getattr(pl, name)
        if isinstance(loss, pl.Loss) and loss.__module__.split(".")[1] in ("binary", "multilabel"):
            signs = "signs" in loss.signature.domains[0][1].description
            assert (name in found) != (signs or name in WITHOUT_CLASSES), name
    entropies = {case.name for case in CASES if "cross_entropy" in case.name}
    assert found >= entropies | {"nll_loss", "softmax_focal_loss"}


def spread(case: Case, pred: np.ndarray, target: np.ndarray, share: float) -> np.ndarray:
    """Return the target of each class, of which a share is spread."""
    if not case.row or case.name.startswith("multilabel"):
        return (1 - share) * target + share / 2
    if case.labelled and target.ndim < pred.ndim:
        target = np.eye(pred.shape[-1])[target]
    return (1 - share) * target + share / pred.shape[-1]


@once_a_library
@pytest.mark.parametrize("case", OF_ROWS_OR_ELEMENTS, ids=str)
def test_smoothing_is_a_change_of_the_target(backend: Any, case: Case) -> None:
    """In the value and in both derivatives, with weights."""
    share = 0.125
    dtype = backend.dtypes[-1]
    pred, target = example(case, 0, dtype).arrays
    given = spread(case, pred, target, share).astype(dtype)
    weights = np.linspace(0.5, 2, len(pred)).astype(dtype)
    orders = [
        backend.call(
            method, *map(backend.asarray, arrays), weights=backend.asarray(weights), **options
        )
        for arrays, options in (
            ((pred, target), {"label_smoothing": share}),
            ((pred, given), {}),
        )
        for method in (case.loss.value_and_grad, case.loss.grad_and_hess)
    ]
    tolerance = 64 * np.finfo(dtype).eps
    for one, other in zip(orders[:2], orders[2:], strict=True):
        for x, y in zip(one, other, strict=True):
            x, y = backend.to_numpy(x), backend.to_numpy(y)
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * np.abs(y).max())


@pytest.mark.parametrize("case", OF_LABELS, ids=str)
def test_class_weights_and_ignored_rows_are_those_of_the_labels(backend: Any, case: Case) -> None:
    """The result is that of the rows that are kept; a weight is that of the label itself."""
    dtype = backend.dtypes[0]
    pred, labels = example(case, 0, dtype, (6,)).arrays
    classes = 4
    weights = np.linspace(1, 3, classes).astype(dtype)
    ignored = int(labels[0])
    kept = labels != ignored
    each = case.loss(pred, labels, label_smoothing=0.25, reduction="none")
    value = backend.call(
        case.loss,
        backend.asarray(pred),
        backend.asarray(labels),
        label_smoothing=0.25,
        class_weights=backend.asarray(weights),
        ignore_index=ignored,
    )
    counted = weights[labels] * kept
    expected = np.sum(counted * each) / np.sum(counted)
    np.testing.assert_allclose(backend.to_numpy(value), expected, rtol=64 * np.finfo(dtype).eps)


@smoothed
@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan"), "0.1"])
def test_a_share_out_of_range(case: Case, share: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"{case.name}: label_smoothing must be"):
        case.loss(*example(case, 0, "float64").arrays, label_smoothing=share)
