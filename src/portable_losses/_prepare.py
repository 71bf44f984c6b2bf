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
from ._namespace import scalar
from ._shapes import check_agreement, check_broadcast, loop_axes, places_of, way_of
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
    dtype: Any
    """The dtype that the formula is evaluated in."""
    results: list[Any]
    """The dtype of each prediction, as a result."""
    loop: tuple[int, ...]
    """The shape of the loop dimensions, some of them None or NaN where a lazy library does not know them."""
    core: int
    """How many core dimensions the first argument has."""
    places: list[tuple[int, ...]]
    """Where the core axes of each argument were."""
    reduction: str
    axis: tuple[int, ...] | None
    """The loop axes to reduce, None for all."""
    weights: Array | None
    where: Array | None
    class_weights: Array | None
    ignore_index: int | None

    @property
    def entries(self) -> int:
        """How many numbers of the first argument make one loss."""
        size: int = prod(self.arrays[0].shape[-self.core :]) if self.core else 1
        return size

    @property
    def classes(self) -> int | None:
        """How many classes labels choose from; None where labels are only names."""
        core = self.signature.core
        return self.arrays[0].shape[core.index("class") - len(core)] if "class" in core else None


def prepare(signature: Signature, arguments: Sequence[Any], given: Mapping[str, Any]) -> Call:
    """Check a call and read its arrays; nothing is computed."""
    parameters, options = _settings(signature, given)
    _count(signature, arguments)
    name = signature.name
    extras = {key: options[key] for key in ("weights", "where", "class_weights") if options.get(key) is not None}
    xp, arrays, extras = read_arrays(signature, arguments, extras)
    pred = arrays[0]
    core = len(signature.core)
    if pred.ndim < core:
        raise ValueError(
            f"{name}: {signature.arguments[0]} needs the axis {', '.join(signature.core)}; its shape is {pred.shape}"
        )
    way = way_of(signature, arrays, pred.ndim - core)
    places = []
    for i, cores in enumerate(signature.ways[way]):
        place = () if isinstance(arrays[i], NUMBER) else places_of(signature, cores, arrays[i], options)
        if place and place != tuple(range(arrays[i].ndim - len(place), arrays[i].ndim)):
            arrays[i] = xp.moveaxis(arrays[i], place, tuple(range(-len(place), 0)))
        places.append(place)
    pred = arrays[0]
    loop = tuple(pred.shape[: pred.ndim - core])
    check_agreement(signature, way, arrays, places, arguments)
    kinds = [floating(name, signature.arguments[i], xp, arrays[i]) for i in range(signature.predicted)]
    dtype = kinds[0][0] if len(kinds) == 1 else xp.result_type(*(compute for compute, _ in kinds))
    for i, domain in enumerate(signature.domains[way]):
        if isinstance(arrays[i], NUMBER):
            arrays[i] = filled(signature, i, xp, arrays[i], domain, dtype, pred, loop)
        elif i >= signature.predicted:
            check_kind(signature, i, xp, arrays[i], domain)
    if options.get("ignore_index") is not None and not signature.domains[way][-1].labels:
        raise ValueError(f"{name}: ignore_index goes with labels, and these are probabilities: leave rows out with `where`")
    return Call(
        signature=signature,
        xp=xp,
        arrays=arrays,
        domains=signature.domains[way],
        parameters=parameters,
        dtype=dtype,
        results=[result for _, result in kinds],
        loop=loop,
        core=core,
        places=places,
        reduction=options["reduction"],
        axis=loop_axes(name, options["axis"], len(loop)),
        weights=_modifier(name, "weights", extras, xp, dtype, pred, loop),
        where=_modifier(name, "where", extras, xp, xp.bool, pred, loop),
        class_weights=_class_weights(name, extras, xp, pred),
        ignore_index=options.get("ignore_index"),
    )


def _modifier(
    name: str, key: str, extras: Mapping[str, Any], xp: Namespace, dtype: Any, pred: Array, loop: tuple[int, ...]
) -> Array | None:
    """Check weights or a mask; a number becomes an array."""
    given = extras.get(key)
    if given is None:
        return None
    if isinstance(given, NUMBER):
        if key == "where" and not isinstance(given, (bool, np.bool_)):
            raise TypeError(f"{name}: where must be a boolean array (what to keep), got {given!r}")
        if given < 0:
            raise ValueError(f"{name}: weights must hold weights from 0 upwards, but weights is {given!r}")
        return scalar(xp, given, dtype, pred)
    if key == "where" and not is_kind(xp, given.dtype, "bool"):
        raise TypeError(f"{name}: where must be a boolean array (what to keep), its dtype is {given.dtype}: pass `where != 0`")
    check_real(name, key, xp, given)
    check_broadcast(name, key, given, loop)
    return given


def _class_weights(name: str, extras: Mapping[str, Any], xp: Namespace, pred: Array) -> Array | None:
    given = extras.get("class_weights")
    if given is None:
        return None
    shape = () if isinstance(given, NUMBER) else tuple(given.shape)
    if shape != tuple(pred.shape[-1:]):
        raise ValueError(
            f"{name}: class_weights needs one weight for each of the {pred.shape[-1]} classes, shape {tuple(pred.shape[-1:])}; "
            f"its shape is {shape}"
        )
    check_real(name, "class_weights", xp, given)
    return given


def _settings(signature: Signature, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    options = dict(signature.options)
    parameters = signature.defaults
    for key, value in given.items():
        if key in signature.parameters:
            parameters = {**parameters, key: check_parameter(signature.name, signature.parameters[key], value)}
        elif key in options:
            options[key] = value
        else:
            _unknown_option(signature, key)
    missing = signature.parameters.keys() - parameters.keys()
    if missing:
        raise TypeError(f"{signature.name}: the parameter {min(missing)} has no default and must be given")
    if not isinstance(options["reduction"], str) or options["reduction"] not in REDUCTIONS:
        hint = (
            "; a mean over the batch is reduction='mean' here, whatever the loss"
            if str(options["reduction"]) == "batchmean"
            else ""
        )
        raise ValueError(f"{signature.name}: reduction must be 'mean', 'sum' or 'none', got {options['reduction']!r}{hint}")
    ignored = options.get("ignore_index")
    if ignored is not None and not isinstance(ignored, Integral):
        raise TypeError(f"{signature.name}: ignore_index must be an integer label or None, got {ignored!r}")
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
        raise TypeError(
            f"{signature.name} takes {len(signature.arguments)} arrays ({', '.join(signature.arguments)}), got {len(arguments)}; "
            "everything else is passed by keyword"
        )
