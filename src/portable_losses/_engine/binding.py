"""Parameters and options that are bound to a loss."""

import inspect
import re
from collections.abc import Mapping
from numbers import Integral
from typing import Any

from .combined import short
from .formulas import Formulas
from .given import option_array
from .plan import check_settings


def check_bound(formulas: Formulas, options: Mapping[str, Any]) -> None:
    """Refuse to bind what no call could take."""
    name, arguments = formulas.name, formulas.signature.arguments
    if arrays := [key for key in options if key in arguments]:
        raise TypeError(
            f"{name}: {arrays[0]} is an array of each call; parameters and options can be bound"
        )
    settings = {k: x for k, x in options.items() if option_array(formulas, k, x) is None}
    check_settings(formulas.signature, settings)
    for key, axis in settings.items():
        if key != "axis" and not key.endswith("_axis"):
            continue
        axes = axis if isinstance(axis, tuple) else () if axis is None else (axis,)
        if not all(isinstance(each, Integral) for each in axes):
            raise TypeError(f"{name}: {key} must be an int or a tuple of int, got {axis!r}")


def bound_signature(signature: inspect.Signature, bound: Mapping[str, Any]) -> inspect.Signature:
    """Return a signature where what is bound is the default."""
    return signature.replace(
        parameters=[
            each.replace(default=bound.get(each.name, each.default))
            for each in signature.parameters.values()
        ]
    )


def bound_docstring(docstring: str | None, bound: Mapping[str, Any]) -> str | None:
    """Return a docstring where what is bound is the default."""
    for key, value in bound.items():
        text = repr(short(value))
        default = "bound to an array" if text == "..." else f"default {text}"
        line = re.compile(rf"^({key} : .*?)(?:, default .*|, optional)?$", re.MULTILINE)
        if docstring and (found := line.search(docstring)):
            docstring = f"{docstring[: found.end(1)]}, {default}{docstring[found.end() :]}"
    return docstring
