"""Transforms of `torch.func` inside ``torch.compile``.

There the compiler looks into autograd functions and leaves out their derivatives (torch 2.13). It
does not look into a function that is allowed in the graph: that one runs when the transform does.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import torch

_traced: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""The formulas of the calls in graphs, by the constants that stand for them there."""


def is_meant(request: Any) -> bool:
    """Return whether a compiler traces a value that a transform differentiates or maps."""
    if not torch.compiler.is_dynamo_compiling() or request.orders != (0,):
        return False
    reduces = isinstance(request.plan.reduction, str)
    return reduces and bool(torch._C._are_functorch_transforms_active())


def evaluate(request: Any) -> list[Any]:
    """Return the value of a call into which the compiler does not look."""
    options = {**request.settings, **request.extras}
    return [_value(_key(request.plan.formulas), list(request.arrays), options)]


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _key(formulas: Any) -> str:
    """Return a constant for formulas: a graph holds tensors and constants alone."""
    key = str(id(formulas))
    _traced[key] = formulas
    return key


@torch.compiler.allow_in_graph  # type: ignore[untyped-decorator]
def _value(key: str, arrays: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call the loss."""
    return _traced[key].loss(*arrays, **options)
