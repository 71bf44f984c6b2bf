"""Arguments for any public loss, drawn from its signature, for tests that apply to all losses."""

from collections.abc import Iterable, Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from cases.case import TYPICAL

import portable_losses as pl
from portable_losses._engine.signature import Signature
from portable_losses.typing import Domain

LOSSES = [found for name in pl.__all__ if isinstance(found := getattr(pl, name), pl.Loss)]
KINDS = [loss for loss in LOSSES if loss.__name__ in TYPICAL]
"""A loss of each kind, for tests of the engine."""


def ways(losses: Iterable[pl.Loss[...]]) -> list[tuple[pl.Loss[...], int]]:
    """Return losses with each of their ways to be called.

    Vectors are read as a row, and not as many losses, only where there is no other way.
    """
    return [
        (loss, way)
        for loss in losses
        for way, cores in enumerate(loss.signature.ways)
        if cores[0] == loss.signature.core
    ]


WAYS = ways(KINDS)

ROWS = [
    (loss, way)
    for loss, way in WAYS
    if not (way and loss.signature.options.get("class_axis", -1) is None)
]
"""Signatures that mean the same with and without loops: vectors may be many losses or one row."""

CLASS_WAYS = [(loss, way) for loss, way in WAYS if loss.signature.core == ("class",)]
"""Those of one row of classes."""

CORE_SIZE = 4
SIZES = {"label": 2}
"""Core dimensions of another size: a sequence has fewer labels than times."""

LOOP = (2, 3)
FIRST_ONLY = (
    pl.ctc_loss,
    pl.linear_cross_entropy,
    pl.lovasz_hinge_loss,
    pl.lovasz_softmax_loss,
    pl.rmse_loss,
    pl.sinkhorn_loss,
    pl.soft_dtw_loss,
)
"""Those without a second derivative."""

METHODS = ("__call__", "value_and_grad", "grad", "grad_and_hess")


def methods(loss: pl.Loss[...]) -> tuple[str, ...]:
    """Return the methods of a loss, without the second derivative of one that has none."""
    return METHODS[:-1] if getattr(loss, "loss", loss) in FIRST_ONLY else METHODS


def parts(result: Any) -> list[Any]:
    """Return the arrays of a result: values, and gradients one for each prediction."""
    return (
        [part for each in result for part in parts(each)] if isinstance(result, tuple) else [result]
    )


def required(loss: pl.Loss[...]) -> Signature:
    """Return the signature of a loss without the arrays that may be missing."""
    return loss.signature.without(loss.signature.optional)


def looped(loss: pl.Loss[...]) -> list[int]:
    """Return which required arguments have loop axes: all but those that rows share."""
    return [i for i in range(len(required(loss).arguments)) if i not in loss.signature.common]


def many(loss: pl.Loss[...], loop: tuple[int, ...]) -> tuple[int, ...]:
    """Return a loop shape for several blocks, with fewer losses where each takes many steps."""
    return tuple(n // 8 for n in loop) if "iterations" in loss.signature.parameters else loop


def arguments(
    loss: pl.Loss[...], way: int, loop: tuple[int, ...] = LOOP, seed: int = 0
) -> list[Any]:
    """Draw NumPy arguments from a loss's domains; core dimensions are last, of size `CORE_SIZE`."""
    signature = required(loss)
    rng = np.random.default_rng(seed)
    return [
        _draw(
            domain,
            (
                *(() if i in signature.common else loop),
                *(SIZES.get(core, CORE_SIZE) for core in cores),
            ),
            rng,
        )
        for i, (domain, cores) in enumerate(
            zip(signature.domains[way], signature.ways[way], strict=True)
        )
    ]


def _draw(domain: Domain, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    if domain.counted:
        return rng.integers(1, CORE_SIZE + 1, shape)
    if domain.labels:
        return rng.integers(domain.excluded is not None, CORE_SIZE, shape)
    if domain.members:
        return rng.choice(np.asarray(domain.members), shape)
    if domain.whole:
        return rng.integers(0, 9, shape).astype(np.float64)
    if domain.interval is None:
        return rng.normal(size=shape)
    bounds: Any = domain.interval
    lower = next(
        (bound for bound in (bounds.ge, bounds.gt) if bound is not None and bound > -np.inf), None
    )
    upper = next(
        (bound for bound in (bounds.le, bounds.lt) if bound is not None and bound < np.inf), None
    )
    if lower is None:
        lower = -4.0 if upper is None else upper - 4.0
    if upper is None:
        upper = lower + 4.0
    return rng.uniform(lower + 0.01, upper - 0.01, shape)


def labels(loss: pl.Loss[...], way: int) -> list[int]:
    """Return which arguments are class labels of rows, not group names or labels of a region."""
    signature = loss.signature
    if not any("class" in cores for cores in signature.ways[way]):
        return []
    return [
        i
        for i, domain in enumerate(signature.domains[way])
        if domain.labels and not signature.ways[way][i]
    ]


def has(loss: pl.Loss[...], option: str) -> bool:
    """Return whether a loss has an option."""
    return option in loss.signature.public.parameters


def refused(
    loss: pl.Loss[...], given: Sequence[Any], error: type[Exception], *mentions: str, **options: Any
) -> None:
    """Assert that the loss and its methods raise this error, with their name, before computing."""
    before = [_content(value) for value in (*given, *options.values())]
    for method in methods(loss):
        with (
            patch.object(
                loss.formulas, "compute", side_effect=AssertionError("something was computed")
            ),
            pytest.raises(error) as caught,
        ):
            getattr(loss, method)(*given, **options)
        assert caught.type is error
        for words in (loss.__name__, *mentions):
            assert words in str(caught.value), f"{words!r} is not in {str(caught.value)!r}"
    assert [_content(value) for value in (*given, *options.values())] == before


def _content(value: Any) -> Any:
    return (
        (value.dtype, value.shape, value.tobytes())
        if isinstance(value, np.ndarray)
        else repr(value)
    )
