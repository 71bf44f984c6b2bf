"""From the arguments of a call to what is evaluated: one namespace, one dtype, shapes that agree, parameters in range."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from numbers import Integral
from typing import Any, get_args

import numpy as np

from ._arrays import NUMBER, check_kind, check_real, filled, floating, is_kind, read_arrays
from ._domains import check_parameter
from ._namespace import device_of, numpy, scalar, wide_dtype
from ._shapes import (
    Merge,
    check_agreement,
    check_broadcast,
    check_indices,
    known,
    loop_axes,
    merged,
    places_left,
    places_of,
    spread,
    way_of,
)
from ._signature import Signature
from .typing import Array, Domain, Namespace, Reduction

REDUCTIONS = get_args(Reduction)


@dataclass(slots=True)
class Call:
    """A call that has passed its checks. The arrays are as they came, but for core axes, which are last."""

    signature: Signature
    xp: Namespace
    arrays: list[Array]
    domains: tuple[Domain, ...]
    parameters: Mapping[str, Any]
    sequences: Mapping[str, Array]
    """The parameters that are arrays, with a number for each entry of the last loop axis."""
    dtype: Any
    """The dtype that the formula is evaluated in."""
    results: list[Any]
    """The dtype of each prediction, as a result."""
    result: Any
    """The dtype of the loss."""
    shared: list[tuple[int, ...] | None]
    """For each prediction the shape that it came in, if it was broadcast to that of the first."""
    loop: tuple[int, ...]
    """The shape of the loop dimensions, some of them None or NaN where a lazy library does not know them."""
    cores: tuple[tuple[str, ...], ...]
    """The core dimensions of each argument, in the way that the loss is called."""
    core: int
    """How many core dimensions the first argument has."""
    sizes: Mapping[str, int]
    """The size of each core dimension."""
    places: list[tuple[int, ...]]
    """Where the core axes of each argument were, once each dimension had one."""
    merges: list[Merge | None]
    """How the axes of each argument became one for each core dimension, if there were more."""
    reduction: str
    axis: tuple[int, ...] | None
    """The loop axes to reduce, None for all."""
    weights: Array | None
    where: Array | None
    class_weights: Array | None
    ignore_index: int | None

    @property
    def entries(self) -> int:
        """How many numbers make one loss: those of its row, or, where rows share arrays, as many as these have.

        At each step there may be as many as in all other dimensions.
        """
        if steps := self.signature.steps:
            return self.sizes[steps] * sum(
                size for core, size in self.sizes.items() if core != steps
            )
        rows = (self.signature.core, *self.signature.shared) if self.core else ()
        return max([1, *(prod([self.sizes.get(core, 1) for core in cores]) for cores in rows)])

    @property
    def classes(self) -> int | None:
        """How many classes labels choose from; None where labels are only names."""
        return self.sizes.get("class")

    def limit(self, domain: Domain) -> int | None:
        """Return how many integers from 0 a domain of labels or lengths has; None where labels are only names."""
        return self.sizes[domain.counted] + 1 if domain.counted else self.classes


def prepare(signature: Signature, arguments: Sequence[Any], given: Mapping[str, Any]) -> Call:
    """Check a call and read its arrays; nothing is computed."""
    parameters, options = _settings(signature, given)
    _count(signature, arguments)
    name = signature.name
    extras = {
        key: options[key]
        for key in ("weights", "where", "class_weights")
        if options.get(key) is not None
    }
    xp, arrays, extras = read_arrays(signature, arguments, extras)
    pred = arrays[0]
    if pred.ndim < min(len(way[0]) for way in signature.ways):
        raise ValueError(
            f"{name}: {signature.arguments[0]} needs the axis {', '.join(signature.core)}; its shape is {pred.shape}"
        )
    sequences = {key: value for key, value in parameters.items() if type(value) is tuple}
    sharing = [_shares(signature, arrays, i, sequences) for i in range(len(arrays))]
    way = way_of(signature, arrays, sharing, options)
    core = len(signature.ways[way][0])
    places: list[tuple[int, ...]] = []
    merges: list[Merge | None] = []
    merged_sizes: dict[str, tuple[int, ...]] = {}
    first: tuple[int, ...] = ()
    for i, cores in enumerate(signature.ways[way]):
        if i in signature.common:
            place = tuple(range(len(cores)))
        else:
            left = places_left(signature, way, i, first, options)
            place = (
                ()
                if isinstance(arrays[i], NUMBER)
                else left or places_of(signature, cores, arrays[i], options)
            )
        first = first if i else place
        if place and place != tuple(range(arrays[i].ndim - len(place), arrays[i].ndim)):
            arrays[i] = xp.moveaxis(arrays[i], place, tuple(range(-len(place), 0)))
        merge = None
        if len(place) > len(cores):
            arrays[i], merge = merged(
                signature, i, cores, xp, arrays[i], place, options, merged_sizes, arguments
            )
            place = tuple(range(arrays[i].ndim - len(cores), arrays[i].ndim))
        places.append(place)
        merges.append(merge)
    pred = arrays[0]
    loop = tuple(pred.shape[: pred.ndim - core])
    sizes = check_agreement(signature, way, arrays, sharing, places, arguments)
    check_indices(signature, parameters, sizes)
    predictions = [arrays[i] for i in signature.predicted]
    kinds = [
        floating(name, signature.arguments[i], xp, pred if isinstance(x, NUMBER) else x)
        for i, x in zip(signature.predicted, predictions, strict=True)
    ]
    dtype, result = (
        kinds[0]
        if len(kinds) == 1
        else (xp.result_type(*each) for each in zip(*kinds, strict=True))
    )
    domains = signature.domains_for(way, parameters)
    for i, domain in enumerate(domains):
        if i not in signature.predicted and not isinstance(arrays[i], NUMBER):
            check_kind(signature, i, xp, arrays[i], domain)
    shapes = [() if isinstance(x, NUMBER) else tuple(x.shape) for x in predictions]
    broadcast = [
        sharing[i] or isinstance(x, NUMBER)
        for i, x in zip(signature.predicted, predictions, strict=True)
    ]
    for i, domain in enumerate(domains):
        if isinstance(arrays[i], NUMBER):
            arrays[i] = filled(signature, i, xp, arrays[i], domain, dtype, pred, loop)
        elif sharing[i]:
            arrays[i] = spread(xp, arrays[i], pred, loop)
    if options.get("ignore_index") is not None and not domains[signature.target].labels:
        raise ValueError(
            f"{name}: ignore_index goes with labels, and these are probabilities: leave rows out with `where`"
        )
    return Call(
        signature=signature,
        xp=xp,
        arrays=arrays,
        domains=domains,
        parameters=parameters,
        sequences={
            key: _along_last(name, key, value, xp, pred) for key, value in sequences.items()
        },
        dtype=dtype,
        results=[result for _, result in kinds],
        result=result,
        shared=[
            shape if some and shape != loop else None
            for shape, some in zip(shapes, broadcast, strict=True)
        ],
        loop=loop,
        cores=signature.ways[way],
        core=core,
        sizes=sizes,
        places=places,
        merges=merges,
        reduction=options["reduction"],
        axis=loop_axes(name, options["axis"], len(loop)),
        weights=_modifier(name, "weights", extras, xp, dtype, pred, loop),
        where=_modifier(name, "where", extras, xp, xp.bool, pred, loop),
        class_weights=_class_weights(name, extras, xp, sizes.get("class")),
        ignore_index=options.get("ignore_index"),
    )


def _shares(
    signature: Signature, arrays: list[Array], i: int, sequences: Mapping[str, Any]
) -> bool:
    """Return whether an array broadcasts to the first; a target without the axis of a sequence of parameters is given that axis."""
    if isinstance(arrays[i], NUMBER) or i == 0:
        return False
    if sequences and i not in signature.predicted and arrays[i].ndim == arrays[0].ndim - 1:
        arrays[i] = arrays[i][..., None]
        return True
    return signature.domains[0][i].shared and i not in signature.common


def _along_last(
    name: str, key: str, numbers: tuple[float, ...], xp: Namespace, pred: Array
) -> Array:
    """Make an array of a sequence of parameters, one for each entry of the last axis of the predictions.

    It has the digits of Python's numbers where the device has them: 1 - 0.999 loses three of those
    of float32.
    """
    if pred.ndim == 0 or (known(pred.shape[-1]) and pred.shape[-1] != len(numbers)):
        raise ValueError(
            f"{name}: {key} holds {len(numbers)} numbers, one for each entry of the last axis of the predictions, whose shape is "
            f"{tuple(pred.shape)}"
        )
    if xp is numpy:
        return np.asarray(numbers, np.float64)
    return xp.asarray(numbers, dtype=wide_dtype(xp, pred), device=device_of(pred))


def _modifier(
    name: str,
    key: str,
    extras: Mapping[str, Any],
    xp: Namespace,
    dtype: Any,
    pred: Array,
    loop: tuple[int, ...],
) -> Array | None:
    """Check weights or a mask; a number becomes an array."""
    given = extras.get(key)
    if given is None:
        return None
    if isinstance(given, NUMBER):
        if key == "where" and not isinstance(given, (bool, np.bool_)):
            raise TypeError(f"{name}: where must be a boolean array (what to keep), got {given!r}")
        if given < 0:
            raise ValueError(
                f"{name}: weights must hold weights from 0 upwards, but weights is {given!r}"
            )
        return scalar(xp, given, dtype, pred)
    if key == "where" and not is_kind(xp, given.dtype, "bool"):
        raise TypeError(
            f"{name}: where must be a boolean array (what to keep), its dtype is {given.dtype}: pass `where != 0`"
        )
    check_real(name, key, xp, given)
    check_broadcast(name, key, given, loop)
    return given


def _class_weights(
    name: str, extras: Mapping[str, Any], xp: Namespace, classes: int | None
) -> Array | None:
    given = extras.get("class_weights")
    if given is None:
        return None
    if classes is None:
        raise ValueError(
            f"{name}: class_weights goes with rows, and these are vectors, which have no classes: say class_axis, or weights"
        )
    shape = () if isinstance(given, NUMBER) else tuple(given.shape)
    if shape != (classes,):
        raise ValueError(
            f"{name}: class_weights needs one weight for each of the {classes} classes, shape ({classes},); its shape is {shape}"
        )
    check_real(name, "class_weights", xp, given)
    return given


def _settings(
    signature: Signature, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    options = dict(signature.options)
    parameters = signature.defaults
    for key, value in given.items():
        if key in signature.parameters:
            parameters = {
                **parameters,
                key: check_parameter(signature.name, signature.parameters[key], value),
            }
        elif key in options:
            options[key] = value
        else:
            _unknown_option(signature, key)
    missing = signature.parameters.keys() - parameters.keys()
    if missing:
        raise TypeError(
            f"{signature.name}: the parameter {min(missing)} has no default and must be given"
        )
    if not isinstance(options["reduction"], str) or options["reduction"] not in REDUCTIONS:
        hint = (
            "; a mean over the batch is reduction='mean' here, whatever the loss"
            if str(options["reduction"]) == "batchmean"
            else ""
        )
        raise ValueError(
            f"{signature.name}: reduction must be 'mean', 'sum' or 'none', got {options['reduction']!r}{hint}"
        )
    ignored = options.get("ignore_index")
    if ignored is not None and not isinstance(ignored, Integral):
        raise TypeError(
            f"{signature.name}: ignore_index must be an integer label or None, got {ignored!r}"
        )
    return parameters, options


def _unknown_option(signature: Signature, key: str) -> None:
    known_keys = [*signature.parameters, *signature.options]
    close = difflib.get_close_matches(key, known_keys, n=1)
    if key in signature.arguments:
        hint = f"{key} is an array, and arrays are passed by position"
    elif close:
        hint = f"did you mean {close[0]}?"
    else:
        hint = f"it has {', '.join(known_keys)}"
    raise TypeError(f"{signature.name} has no option {key!r}: {hint}")


def _count(signature: Signature, arguments: Sequence[Any]) -> None:
    if len(arguments) != len(signature.arguments):
        missing = ", ".join(sorted(signature.optional.difference(signature.arguments)))
        names = ", ".join(signature.arguments) + (f"; at will {missing}" if missing else "")
        raise TypeError(
            f"{signature.name} takes {len(signature.arguments)} arrays ({names}), got {len(arguments)}; "
            "everything else is passed by keyword"
        )
