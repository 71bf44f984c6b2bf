"""Arrays of Dask, whose chunks are evaluated by NumPy, in blocks: one task for all the operations of a formula.

A formula in operations of Dask is a task for each of them and each chunk, hundreds where it goes
along a sequence step by step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from operator import itemgetter
from typing import Any

import dask.array
import numpy as np

from ._blockwise import in_blocks
from ._domains import validation
from ._namespace import numpy
from ._prepare import Call
from ._shapes import known
from .typing import Array


def evaluated(
    call: Call,
    compute: Callable[..., Any],
    orders: tuple[int, ...],
    arrays: Sequence[Array],
    parameters: Mapping[str, Any],
) -> list[Any] | None:
    """Evaluate the formulas of converted arrays; None where chunks are not of NumPy, or nobody knows how long a row is."""
    if not all(isinstance(x._meta, np.ndarray) for x in arrays) or not all(
        map(known, call.sizes.values())
    ):
        return None
    number, names, predicted = len(arrays), tuple(call.sequences), call.signature.predicted
    part = _plain(
        call, {key: value for key, value in parameters.items() if key not in call.sequences}
    )

    def of_chunk(*blocks: Array) -> tuple[Array, ...]:
        own, rest = list(blocks[:number]), blocks[number:]
        loop = own[0].shape[: own[0].ndim - part.core]
        chunk = replace(part, arrays=own, sequences=dict(zip(names, rest, strict=True)), loop=loop)
        with validation(False):  # values are not looked at before they are asked for
            results = in_blocks(chunk, compute, orders, None)
        return tuple(
            x
            for order, result in zip(orders, results, strict=True)
            for x in (result if order else [result])
        )

    loop = tuple(map(str, range(len(call.loop))))  # names of axes, as the core dimensions have
    axes = [
        cores if i in call.signature.common else (*loop, *cores)
        for i, cores in enumerate(call.cores)
    ]
    nothing = [
        np.empty([call.sizes.get(axis, 0) for axis in own], x.dtype)
        for x, own in zip(arrays, axes, strict=True)
    ]
    # what NumPy cannot evaluate is said now, and not when it is asked for
    of_chunk(*nothing, *(np.empty(0) for _ in names))
    given = [*zip(arrays, axes, strict=True), *((x, loop[-1:]) for x in call.sequences.values())]
    meta = np.empty([0] * len(loop), object)  # of tuples, which blockwise hands on without a look
    every = dask.array.blockwise(
        of_chunk, loop, *chain(*given), concatenate=True, dtype=object, meta=meta
    )

    def result(place: int, cores: tuple[str, ...]) -> Array:
        meta = np.empty([0] * (len(loop) + len(cores)), call.dtype)
        sizes = {core: call.sizes[core] for core in cores}
        return dask.array.blockwise(
            itemgetter(place),
            (*loop, *cores),
            every,
            loop,
            new_axes=sizes,
            dtype=call.dtype,
            meta=meta,
        )

    place = count()
    return [
        [result(next(place), call.cores[i]) for i in predicted]
        if order
        else result(next(place), ())
        for order in orders
    ]


def _plain(call: Call, parameters: Mapping[str, Any]) -> Call:
    """Return the call of the formulas themselves, by NumPy: weights, masks and the reduction are those of the whole."""
    return replace(
        call,
        xp=numpy,
        arrays=[],
        parameters=parameters,
        sequences={},
        results=[call.dtype] * len(call.results),
        result=call.dtype,
        shared=[None] * len(call.shared),
        places=[tuple(range(-len(cores), 0)) for cores in call.cores],
        merges=[None] * len(call.merges),
        reduction="none",
        axis=None,
        weights=None,
        where=None,
        class_weights=None,
        ignore_index=None,
    )
