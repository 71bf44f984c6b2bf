"""Rows in which each entry meets each other, some at a time."""

from typing import Any

import numpy as np
import pytest

from portable_losses._backends import backend_of, default
from portable_losses._numerics.loops import against, piece_axis


@pytest.mark.parametrize("entries", [1, 2, 15, 16, 17, 33, 300])
@pytest.mark.parametrize("rows", [0, 1, 3000])
@pytest.mark.parametrize("axis", [0, -1])
def test_every_pair_is_formed_once(entries: int, rows: int, axis: int) -> None:
    shape = (entries, rows) if axis == 0 else (rows, entries)
    xp, x = default.xp, np.broadcast_to(np.float64(0), shape)
    pieces = list(xp.pieces(x, axis))
    assert [k for piece in pieces for k in range(piece.start, piece.stop)] == list(range(entries))
    largest = max(piece.stop - piece.start for piece in pieces)
    assert largest == 1 or largest * x.size <= 2**16


@pytest.mark.parametrize("axis", [0, -1])
def test_pairs(backend: Any, axis: int) -> None:
    x = np.moveaxis(np.asarray([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]), -1, axis)
    rows = backend.asarray(x, backend.dtypes[0])
    xp = backend_of(rows).xp
    differences: Any = 0
    for piece in xp.pieces(rows, axis):
        here, there = against(rows, piece, axis)
        differences = differences + xp.sum(here - there, axis=piece_axis(axis))
    expected = np.sum(x, axis=axis, keepdims=True) - 3 * x
    np.testing.assert_array_equal(backend.to_numpy(differences), expected)
