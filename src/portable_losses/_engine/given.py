"""Reading what a call was given: arrays, options that are arrays, and the other settings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import NoneType
from typing import Any, NoReturn

from .._backends import NUMBER, Backend, backend_of, default
from .._backends.labels import unlabelled
from .._numerics.standard import device_of
from ..typing import Array
from .arrays import floating, read
from .formulas import Formulas
from .parameters import check_parameter
from .plan import REDUCTIONS, read_settings
from .signature import KEEP, Signature
from .weights import check_kind_of_class_weights

_MODIFIERS = frozenset({"weights", "where", "class_weights"})
"""The options that are arrays."""

_PLAIN = frozenset({int, float, bool, str, NoneType})
"""The types of most other options."""


def by_name(
    formulas: Formulas, arrays: Sequence[Any], options: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Collect the arrays that were given by position or by name."""
    names, optional = formulas.signature.arguments, formulas.signature.optional
    named = {key: value for key, value in options.items() if key in names and key != KEEP}
    given = dict(zip(names, arrays, strict=False))
    if twice := given.keys() & named.keys():
        raise TypeError(f"{formulas.name}: {min(twice)} was given twice, by position and by name")
    rest = {key: value for key, value in options.items() if key not in named}
    given |= named
    if (
        len(arrays) > len(names)
        or given.get(KEEP) is not None
        or not optional.issuperset(set(names).difference(given))
    ):
        _refuse_count(formulas, arrays, rest, given)
    return [given.get(name) for name in names], rest


def read_given(
    formulas: Formulas, arguments: Sequence[Any], options: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any], Mapping[str, Any]]:
    """Return the arrays of a call, the options that are arrays, and the other settings.

    NumPy reads what belongs to no array library, such as a list.
    """
    signature = formulas.signature
    names, arrays = signature.arguments, arguments
    if len(arguments) != len(names):
        _refuse_count(formulas, arguments, options)
    homeless = []
    for i, x in enumerate(arguments):
        if type(x) in default.own_types or (i and isinstance(x, NUMBER)):
            continue
        if x is not None or names[i] not in signature.optional:
            found = read(formulas.name, names[i], x)[1]
            if found is not x:
                arrays = [*arrays[:i], found, *arrays[i + 1 :]]
                homeless += [names[i]] if belongs_to_none(x) else []
    settings, extras = options, {}
    if options:
        settings = {}
        for key, value in options.items():
            if key not in _MODIFIERS and type(value) in _PLAIN:
                settings[key] = value
                continue
            value = unlabelled(value)
            found = option_array(formulas, key, value)
            one = value if found is None else found
            if key not in _MODIFIERS and type(one) in default.own_types and not one.ndim:
                settings[key] = one.item()
            elif found is None:
                settings[key] = value
            else:
                extras[key] = found
                joins = key in signature.arrays and backend_of(found) is default
                homeless += [key] if joins or backend_of(value) is None else []
    first = backend_of(arrays[0])
    if first is not None and first is not default:
        arrays, extras = _adopted(first, homeless, signature, arrays, extras)
    if homeless:
        arrays, extras = _joined(signature, homeless, arrays, extras)
    return arrays, extras, settings


def belongs_to_none(x: Any) -> bool:
    """Return whether a value belongs to no array library, with or without labels."""
    return backend_of(x) is None and backend_of(unlabelled(x)) is None


def option_array(formulas: Formulas, key: str, value: Any) -> Any:
    """Return an option that is an array, or a number for the weight of all; None for others."""
    signature = formulas.signature
    if key in _MODIFIERS:
        if value is None or key not in signature.options:
            return None
        if key == "class_weights":
            check_kind_of_class_weights(formulas.name, value)
    elif key not in signature.arrays or isinstance(value, NUMBER) or not _is_array(value):
        return None
    if isinstance(value, NUMBER):
        return value
    one = signature.parameters.get(key)
    if one is not None and one.sequence and isinstance(value, (list, tuple)):
        value = [
            check_parameter(formulas.name, replace(one, name=f"{key}[{i}]"), x)
            for i, x in enumerate(value)
        ]
    return read(formulas.name, key, value)[1]


def _is_array(value: Any) -> bool:
    """Return whether a value is an array, or can be read as one: a list, or a column of a table."""
    return (
        isinstance(value, (list, tuple))
        or hasattr(value, "__array__")
        or backend_of(value) is not None
    )


def _adopted(
    home: Backend,
    homeless: Collection[str],
    signature: Signature,
    arrays: Sequence[Any],
    extras: dict[str, Any],
) -> tuple[Sequence[Any], dict[str, Any]]:
    """Let arrays of the default library become arrays of the predictions' library, if it likes."""
    found = dict(zip(signature.arguments, arrays, strict=True)) | extras
    for key, x in found.items():
        if type(x) in default.own_types and key not in homeless:
            adopted = home.adopted(x, arrays[0])
            if adopted is None:
                return arrays, extras
            found[key] = adopted
    return [found[key] for key in signature.arguments], {key: found[key] for key in extras}


def _joined(
    signature: Signature,
    homeless: Collection[str],
    arrays: Sequence[Any],
    extras: dict[str, Any],
) -> tuple[Sequence[Any], dict[str, Any]]:
    """Convert what belongs to no library to the library and the device of the other arrays.

    A list of predictions gets the library's default dtype.
    """
    found = dict(zip(signature.arguments, arrays, strict=True)) | extras
    others = (x for key, x in found.items() if key not in homeless and not isinstance(x, NUMBER))
    pairs = ((backend_of(x), x) for x in others)
    home, like = next((pair for pair in pairs if pair[0] not in (None, default)), (None, None))
    if home is None:
        return arrays, extras
    predicted = {signature.arguments[i] for i in signature.predicted}
    for key in homeless:
        x = found[key]
        if not isinstance(x, NUMBER):
            xp, dtype = home.xp, None
            if x.dtype.kind == "f":
                usual = key in predicted
                dtype = xp.default_dtype(like, "real floating") if usual else xp.wide_dtype(like)
            found[key] = xp.asarray(x.copy(), dtype=dtype, device=device_of(like))
    return [found[key] for key in signature.arguments], {key: found[key] for key in extras}


def constant_like(formulas: Formulas, arguments: Sequence[Any]) -> Array | None:
    """Return the predictions for one number against an array of targets: a constant.

    The result is None if the first argument is none, or belongs to rows.
    """
    signature = formulas.signature
    target = signature.target
    if len(arguments) <= target or not isinstance(arguments[0], NUMBER):
        return None
    if all(way[0] for way in signature.ways) or isinstance(arguments[target], (*NUMBER, NoneType)):
        return None
    key = signature.arguments[target]
    backend, like = read(formulas.name, key, arguments[target])
    dtype = floating(formulas.name, key, backend, like)[1]
    return backend.xp.full_like(like, arguments[0], dtype=dtype)


def _refuse_count(
    formulas: Formulas,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    given: Collection[str] = (),
) -> NoReturn:
    """Raise the error of too few or too many arrays, or of an option that explains it."""
    signature = formulas.signature
    read_settings(signature, options)
    every = [name for name in signature.arguments if name != KEEP]
    required = [name for name in every if name not in signature.optional]
    missing = [name for name in required if name not in (given or every[: len(arguments)])]
    optional = [name for name in every if name not in required]
    names = ", ".join(required) + (f"; optionally {', '.join(optional)}" if optional else "")
    takes = f"{formulas.name} takes {len(required)} arrays ({names}), got"
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        number = max(len(arguments), len(given))
        raise TypeError(f"{takes} {number}: {' and '.join(missing)} {verb} missing")
    cure = _by_keyword(signature, arguments[len(every) :])
    raise TypeError(
        f"{takes} {len(arguments)}; everything else is passed by keyword"
        f"{': ' if cure else ''}{cure}"
    )


def _by_keyword(signature: Signature, more: Sequence[Any]) -> str:
    """Return how options are passed that were given by position."""
    if more and isinstance(more[0], str) and more[0] in REDUCTIONS:
        return f"reduction={more[0]!r}"
    named = list(zip(signature.parameters, more, strict=False))
    numbers = [(key, value) for key, value in named if isinstance(value, NUMBER)]
    if numbers or not more or isinstance(more[0], (*NUMBER, str, NoneType)):
        return ", ".join(f"{key}={value}" for key, value in numbers)
    arrays = [key for key, _ in named[:1] if signature.parameters[key].sequence]
    arrays += [key for key in ("class_weights", "weights") if key in signature.options]
    return " or ".join(f"{key}=..." for key in arrays)
