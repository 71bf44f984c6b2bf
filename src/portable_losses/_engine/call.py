"""A call: the plan and the arrays that a backend is asked to evaluate."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from .._backends import NUMBER
from ..typing import Array
from .arrays import check_weight, python_number
from .formulas import Orders
from .layout import Layout
from .plan import Plan


class Call:
    """The arrays of a call in the order that formulas expect, with their layout.

    Parameters
    ----------
    layout : Layout
        The shapes.
    arrays : sequence
        The arguments as given.
    extras : mapping
        The options that are arrays.
    checked : bool
        Whether the values of the arrays are checked.
    rescaled : bool, default False
        Whether the weights of a mean are too large or too small for its dtype.
    """

    __slots__ = (
        "arrays",
        "backend",
        "checked",
        "class_weights",
        "layout",
        "plan",
        "request",
        "rescaled",
        "sequences",
        "summing",
        "weights",
        "where",
    )

    def __init__(
        self,
        layout: Layout,
        arrays: Sequence[Any],
        extras: Mapping[str, Any],
        checked: bool,
        rescaled: bool = False,
    ) -> None:
        self.layout = layout
        self.plan: Plan = layout.plan
        self.backend = layout.plan.backend
        self.arrays = layout.arrange(arrays)
        self.checked, self.rescaled = checked, rescaled
        self.request: Any = None
        self.summing: Mapping[str, Callable[..., Any]] | None = None
        """What sums over whole rows are for the formula, if the call holds pieces of rows."""
        self.weights: Array | None = None
        self.where: Array | None = None
        self.class_weights: Array | None = None
        self.sequences: dict[str, Array] = {}
        for key, value in extras.items():
            if key in self.plan.arrays:
                self.sequences[key] = self._parameter(key, value)
            else:
                given = self._array(key, value) if isinstance(value, NUMBER) else value
                setattr(self, key, given if key == "where" else self._in_range(key, given))

    def _in_range(self, key: str, weights: Array) -> Array:
        """Return the weights of a mean in a range where nothing over- or underflows.

        Only their ratios matter, so each mean may divide its weights by the largest.
        """
        layout = self.layout
        if layout.reduction != "mean" or not (self.rescaled or self.backend.rescales(weights)):
            return weights
        loops = len(layout.loop)
        axes = range(loops) if layout.axis is None else layout.axis
        ahead = loops - weights.ndim
        own = tuple(a - ahead for a in axes if a >= ahead) if key == "weights" else (0,)
        return self.backend.xp.rescaled(weights, own)

    def _array(self, key: str, number: Any) -> Array:
        """Make an array from a weight or a mask that is a number."""
        xp = self.backend.xp
        check_weight(self.plan.signature.name, number, xp.slack(self.plan.dtype))
        dtype = xp.bool if key == "where" else self.plan.dtype
        return xp.scalar(python_number(number), dtype, self.arrays[0])

    def _parameter(self, key: str, numbers: Array) -> Array:
        """Return a parameter that is an array as formulas take it: one number has no axes.

        A sequence has float64 where the device has it: 1 - 0.999 would lose digits of float32.
        """
        xp, sequence = self.backend.xp, self.plan.signature.parameters[key].sequence
        if prod(numbers.shape) == 1 and numbers.ndim > sequence:
            numbers = xp.reshape(numbers, ())
        return xp.cast(numbers, xp.wide_dtype(numbers) if sequence else self.plan.dtype)

    def _to_ends(self, arrays: Sequence[Array]) -> Sequence[Array]:
        """Return arrays without values that only rounding led out of their domains.

        A check of values does the same.
        """
        if self.checked or not self.plan.slacks:
            return arrays
        return self.backend.to_ends(self, arrays)

    @property
    def replaces_autodiff(self) -> bool:
        """Whether autodiff of the losses is to use a registered derivative.

        That belongs to whole rows: losses of pieces are differentiated through the sums.
        """
        return self.summing is None and self.plan.formulas.replaces_autodiff()

    def compute(
        self,
        orders: Orders,
        head: Any,
        arrays: Sequence[Array],
        sequences: Mapping[str, Array],
        summing: Mapping[str, Callable[..., Any]] | None = None,
    ) -> list[Any]:
        """Evaluate the formulas on arrays in the dtype of the evaluation; see `summing`."""
        plan, arrays = self.plan, self._to_ends(arrays)
        parameters = {**plan.parameters, **sequences} if sequences else plan.parameters
        if plan.formulas.signature.optional or plan.absent:
            arrays = plan.complete(arrays)
        backend = self.backend
        summing = summing or self.summing
        if summing is not None:
            backend = backend.replacing(**summing)
        return plan.formulas.compute(backend, orders, head, arrays, parameters)

    def pulled(
        self, share: Array, arrays: Sequence[Array], sequences: Mapping[str, Array]
    ) -> tuple[Array, tuple[Array, ...]]:
        """Evaluate the losses, and the gradients of their sum, each times its share."""
        plan = self.plan
        parameters = {**plan.parameters, **sequences}
        complete = plan.complete(self._to_ends(arrays))
        return plan.formulas.pulled(self.backend, plan.head, share, complete, parameters)
