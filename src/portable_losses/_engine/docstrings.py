"""What all losses have in common, inserted into the docstring of each: options, errors, arrays."""

import inspect
import itertools
import re
from collections.abc import Callable
from typing import Any

from .combined import Combined
from .signature import KEEP, Signature

_OPTIONS = {
    "reduction": """\
reduction : {"mean", "sum", "none"}, default "mean"
    "mean" is the weighted mean, sum(weight * loss) / sum(weight); "sum" is sum(weight * loss);
    "none" is weight * loss of each element. If nothing is selected, "mean" is NaN, "sum" is 0.""",
    "weights": """\
weights : array, optional
    Non-negative weights, of a shape that broadcasts to that of the losses. Losses of weight 0 are
    left out, as by `where`.""",
    "where": """\
where : array of bool, optional
    A mask of the losses to keep, of a shape that broadcasts to theirs. The others contribute
    nothing, even if they are NaN, and their gradient is 0.""",
    "axis": """\
axis : int or tuple of int, optional
    The axes of the losses to reduce; all of them by default.""",
    "class_weights": """\
class_weights : array of shape (K,), optional
    One weight for each class, multiplied with `weights`. The weight of a row of probabilities is
    the sum of probability * weight.""",
    "ignore_index": """\
ignore_index : int, optional
    Rows with this label are left out, as by `where`. It needs integer labels.""",
}

_LABELLED = """\
class_axis : int, optional
    The axis of the classes, for a target of class labels: each class is one region, of the
    elements with its label."""

_WEIGHTED = """\
class_weights : array of shape (K,), optional
    One weight for each class, multiplied with `weights`: the loss of a row is the sum of weight *
    loss over the classes, divided by the number of those that `where` keeps. The mean divides by
    the mean weight too."""

_SUMMED = """\
class_axis : int or None, default -1
    The axis of the class dimension. With None each class of each row has a loss, its term of the
    sum."""

_RAISES = """\
Raises
------
TypeError
    If the arrays are of two libraries, or do not hold {kinds}.
ValueError
    If the shapes do not fit, or {parameters}an option is out of range.{values}"""

_PER_LOSS = "An array broadcasts to the losses."
_PER_CALL = "An array holds one number, which all rows share."

_SECTION = re.compile(r"^(\w[\w ]*)\n-+\n", re.MULTILINE)


def with_options(docstring: str | None, signature: Signature) -> str | None:
    """Insert the common options after the parameters, and the common errors after the result.

    A parameter that may be an array says which shape it has.
    """
    if docstring is None:
        return None
    text = inspect.cleandoc(docstring)
    shape = _PER_CALL if any(map(any, signature.ways)) else _PER_LOSS
    for name in signature.arrays:
        entry = re.compile(rf"^{name} : .*(?:\n    .*)*", re.MULTILINE)
        text = entry.sub(lambda found: f"{found[0]}\n    {shape}", text, count=1)
    if "\nRaises\n" not in text:
        text = inserted("Returns", f"\n{_raises(signature)}", text)
    return inserted(
        "Parameters",
        "\n".join(_option(signature, *option) for option in signature.options.items()),
        text,
    )


def inserted(title: str, insertion: str, text: str) -> str:
    """Insert lines at the end of a section, if there is such a section and another after it."""
    for section, following in itertools.pairwise(_SECTION.finditer(text)):
        if section[1] == title:
            return (
                f"{text[: following.start()].rstrip()}\n{insertion}\n\n{text[following.start() :]}"
            )
    return text


_ENTRIES = """
    With the axes of the predictions it leaves out entries of rows, such as padding, and the losses
    of which nothing is left."""


def _option(signature: Signature, name: str, default: Any) -> str:
    if name == "where" and signature.masks_entries:
        return _OPTIONS[name] + _ENTRIES
    if signature.averaged and name == "class_weights":
        return _WEIGHTED
    if name in _OPTIONS:
        return _OPTIONS[name]
    dimension = name.removesuffix("_axis")
    if signature.masked and dimension == "class":
        return _LABELLED
    if signature.axisless and dimension == "class":
        return _SUMMED
    if default is None:
        return (
            f"{name} : int, optional\n"
            f"    The axis of the {dimension} dimension, by default the last. Vectors have none\n"
            "    unless it is given: each element is one loss."
        )
    if dimension in signature.several:
        return (
            f"{name} : int or tuple of int, default {default}\n"
            f"    The axis of the {dimension} dimension, or its axes, such as the height and the\n"
            "    width of an image."
        )
    several = (
        " With the default the axes of such dimensions are last, in their order."
        if len(signature.core) > 1
        else ""
    )
    return f"{name} : int, default {default}\n    The axis of the {dimension} dimension.{several}"


def _raises(signature: Signature) -> str:
    domains = [domain for domains in signature.domains for domain in domains]
    names = ", ".join(f"`{name}`" for name in signature.parameters)
    return _RAISES.format(
        kinds="real numbers or integer labels"
        if any(domain.integer for domain in domains)
        else "real numbers",
        parameters=f"{names} or " if names else "",
        values="\n    On NumPy also if a value is outside its domain."
        if not all(domain.unbounded for domain in domains)
        else "",
    )


def of_sum(formulas: Combined) -> str:
    """Return the docstring of a sum of losses."""
    signature, parts = formulas.signature, formulas.parts
    domains = signature.domains[0]
    lines = [f"Sum of losses: {formulas.name}.", "", "Parameters", "----------"]
    for name, domain in zip(signature.arguments, domains, strict=True):
        if name == KEEP:
            continue
        optional = ", optional" if name in signature.optional else ""
        lines += [f"{name} : array{optional}", f"    It holds {domain.description}."]
    for part in parts:
        for key, name in part.names.items():
            own = part.formulas.signature.defaults
            default = f", default {own[key]!r}" if key in own else ""
            kind = getattr(part.formulas.signature.parameters[key].kind, "__name__", "object")
            kind += " or array" * (key in part.formulas.signature.arrays)
            lines += [f"{name} : {kind}{default}", f"    `{key}` of `{part.formulas.name}`."]
    lines += ["", "Returns", "-------", "array", "    The reduced sum.", ""]
    lines += ["See Also", "--------"]
    names = dict.fromkeys(part.formulas.name for part in parts)
    text = "\n".join([*lines, *(f"{name} : A part of the sum." for name in names)])
    return with_options(text, signature) or ""


def carry_over(target: Any, formula: Callable[..., Any]) -> None:
    """Copy the name, the module and the docstring of a formula to an object, for tools."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(target, name, getattr(formula, name))
    target.__wrapped__ = formula
