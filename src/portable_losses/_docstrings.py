"""The common options, documented once and inserted into the docstring of every loss."""

import inspect
import itertools
import re
from collections.abc import Callable
from typing import Any

from ._signature import Signature

_OPTIONS = {
    "reduction": """\
reduction : {"mean", "sum", "none"}, default "mean"
    "mean" is the weighted mean, sum(weight * loss) / sum(weight); "sum" is sum(weight * loss); "none" is weight * loss of
    each element. A mean over nothing is NaN, a sum over nothing 0.""",
    "weights": """\
weights : array, optional
    How much each loss counts: not negative, of a shape that broadcasts to that of the losses. What has weight 0 is left
    out, as by `where`.""",
    "where": """\
where : array of bool, optional
    What to keep, of a shape that broadcasts to that of the losses. What is left out contributes nothing, be it NaN, and
    its gradient is 0.""",
    "axis": """\
axis : int or tuple of int, optional
    The axes of the losses to reduce; all of them by default.""",
    "class_axis": """\
class_axis : int, default -1
    The axis of the classes.""",
    "class_weights": """\
class_weights : array of shape (K,), optional
    One weight for each class, multiplied with `weights`. A row of probabilities weighs the sum of probability * weight.""",
    "ignore_index": """\
ignore_index : int, optional
    Rows with this label are left out, as by `where`. It goes with integer labels.""",
}

_SECTION = re.compile(r"^(Parameters|Returns|Raises)\n-+\n", re.MULTILINE)


def with_options(docstring: str | None, signature: Signature) -> str | None:
    """Insert the options of a loss at the end of the section Parameters of its docstring."""
    if docstring is None:
        return None
    text = inspect.cleandoc(docstring)
    sections = [*_SECTION.finditer(text)]
    for section, after in itertools.pairwise(sections):
        if section[1] == "Parameters":
            options = "\n".join(_OPTIONS[name] for name in signature.options if name in _OPTIONS)
            return f"{text[: after.start()].rstrip()}\n{options}\n\n{text[after.start() :]}"
    return text


def carry_over(target: Any, formula: Callable[..., Any]) -> None:
    """Give an object made of a formula the formula's name, module and docstring, so that tools find them."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(target, name, getattr(formula, name))
    target.__wrapped__ = formula
