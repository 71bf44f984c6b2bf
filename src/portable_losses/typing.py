"""The types of formulas: arrays, options, and domains as data.

A domain is part of a signature. ``pred: Probability`` states which values the loss accepts. The
engine derives from it the check of values on NumPy and the error message; the tests draw inputs
from it. Domains of Python parameters (`Positive`, ...) are plain `annotated_types` metadata, which
other tools understand as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Annotated, Any, Literal, Protocol, TypeAlias, TypedDict

from annotated_types import Ge, Gt, Interval, Le, Lt

__all__ = [
    "Array",
    "Axis",
    "ClassLogit",
    "ClassOptions",
    "Count",
    "DependentDomain",
    "Domain",
    "Floor",
    "Gap",
    "Index",
    "Kept",
    "Labels",
    "LabelsOrProbability",
    "Logit",
    "MeanOfClasses",
    "Namespace",
    "NonNegative",
    "Number",
    "OneOfSeveral",
    "Options",
    "PerLabel",
    "Positive",
    "Probability",
    "Real",
    "Reduction",
    "SharedReal",
    "Sign",
    "UnitInterval",
]

Array: TypeAlias = Any
"""An array of any library that follows the array API standard."""

Namespace: TypeAlias = Any
"""The functions of an array library, as the array API standard names them."""

Axis: TypeAlias = Any
"""The position of a formula's core dimensions: an int, or a tuple of int for several."""

Reduction: TypeAlias = Literal["mean", "sum", "none"]


class Options(TypedDict, total=False):
    """The options that every loss has. Each has one meaning everywhere."""

    reduction: Reduction
    weights: Array
    where: Array
    axis: int | tuple[int, ...] | None
    progress: bool
    """Whether an evaluation of NumPy arrays that takes more than 2 s shows a bar."""
    out: Any
    """Of `grad` and `value_and_grad`: the array, or tuple of arrays, for the gradient. Of the loss
    with ``reduction="none"``: the array for the losses."""


class ClassOptions(Options, total=False):
    """The options of the losses that compare a row of classes with a label or with another row."""

    class_axis: int
    class_weights: Array
    ignore_index: int | None


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that an array argument may hold.

    Parameters
    ----------
    description : str
        The kind of values, in the words of the documentation and of the error messages.
    safe : float
        A value inside the domain. It replaces elements that are left out.
    interval : annotated_types.Interval, optional
        The bounds of the values. By default every real number is valid.
    members : tuple of float, optional
        The values themselves, if they are few.
    gap : Gap, optional
        An open interval without valid values.
    whole : bool, optional
        Whether the values must be whole numbers.
    labels : bool, optional
        Whether the values are indices into the classes: integers from 0 up to the number of
        classes.
    excluded : int, optional
        The label that has another meaning and may not be among the values.
    counted : str, optional
        The core dimension that the values are lengths along: integers from 0 to its size.
    until : str, optional
        The argument with the lengths of the rows, along their first core axis. Values beyond a
        length are not checked.
    shared : bool, optional
        Whether several losses may share a value: the array broadcasts to the first prediction, as
        the scale of a distribution does.
    sharp : bool, optional
        Whether the formula is NaN next to a bound outside. Then a value that rounding led there is
        replaced by the bound on every library, otherwise only where values are checked.
    absent : float, optional
        What adds nothing to a row, if it is not what the loss states.
    hint : str, optional
        The likely cause if a value lies outside.
    """

    description: str
    safe: float = 0.0
    interval: Interval | None = None
    members: tuple[float, ...] = ()
    gap: "Gap | None" = None
    whole: bool = False
    labels: bool = False
    excluded: int | None = None
    counted: str = ""
    until: str = ""
    shared: bool = False
    sharp: bool = False
    absent: float | None = None
    hint: str = ""

    @property
    def unbounded(self) -> bool:
        """Whether every value is inside, so that no check is needed."""
        return self.interval is None and self.gap is None and not self.integer

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The bounds that are inside, None for others."""
        fractions = self.interval is not None and not self.whole and not self.members
        if self.interval is None or not fractions:
            return None, None
        return self.interval.ge, self.interval.le  # type: ignore[return-value]

    @property
    def integer(self) -> bool:
        """Whether the values are integers from 0 to an end set by the shapes: labels or lengths."""
        return self.labels or bool(self.counted)


@dataclass(frozen=True, slots=True)
class DependentDomain:
    """A domain that depends on the parameters of the loss: that of a rate or of its logarithm.

    Parameters
    ----------
    choose : callable
        From the parameters, as keywords, to the `Domain`. Each parameter is a plain number.
    turns : mapping of str to tuple of float, optional
        For each parameter that may be an array, the numbers where the domain changes, in rising
        order: it may be another one at each of them, and between them. So each element is checked
        by its own number.
    """

    choose: Callable[..., Domain]
    turns: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def varies(self, parameters: Mapping[str, Any]) -> bool:
        """Return whether it differs between elements: a parameter is an array.

        Parameters
        ----------
        parameters : mapping
            The parameters of a call.

        Returns
        -------
        bool
            Whether one of those with turns is an array.
        """
        return any(hasattr(parameters.get(key), "shape") for key in self.turns)

    def of(self, parameters: Mapping[str, Any]) -> Domain:
        """Return the domain for the parameters of a call.

        Parameters
        ----------
        parameters : mapping
            The parameters.

        Returns
        -------
        Domain
            The domain, which has no bounds if it differs between elements.
        """
        if not self.varies(parameters):
            return self.choose(**parameters)
        some = {key: turns[0] for key, turns in self.turns.items()}
        return Domain("numbers", safe=self.choose(**{**parameters, **some}).safe)


@dataclass(frozen=True, slots=True)
class Index:
    """A constraint of a parameter, like those of annotated_types: a position in a core dimension.

    Parameters
    ----------
    core : str
        The core dimension.
    """

    core: str


@dataclass(frozen=True, slots=True)
class MeanOfClasses:
    """A mark of rows whose loss is the mean of losses of their classes, beside their `Domain`.

    The option `class_weights` weights these, inside each row.
    """


@dataclass(frozen=True, slots=True)
class OneOfSeveral:
    """A mark of the scores of classes of which one is right, beside their `Domain`.

    If the targets of a single row are 0 and 1, one is 1: otherwise they are those of a batch. That
    is checked where values are.

    Parameters
    ----------
    binary : str
        The loss that takes one score for each row.
    constant : bool, default True
        Whether the loss would be constant for a single class, so that rows have at least two.
    """

    binary: str
    constant: bool = True


@dataclass(frozen=True, slots=True)
class PerLabel:
    """A constraint of a parameter, like those of annotated_types: a number for each label.

    Where the parameter is a sequence, the target has the last axis as well, along which the labels
    lie. Otherwise it may lack that axis, along which several predictions of one target lie.
    """


@dataclass(frozen=True, slots=True)
class Gap:
    """A constraint of a parameter, like those of annotated_types: no number between two others.

    Parameters
    ----------
    low, high : float
        The ends of the gap, which are allowed.
    """

    low: float
    high: float


_PROBABILITY = Domain(
    "probabilities in [0, 1]",
    safe=0.5,
    interval=Interval(ge=0.0, le=1.0),
    hint="logits (any real number) belong to the loss whose name ends in `_with_logits`, "
    "or go through `special.sigmoid` first; percentages are divided by 100",
)
_LABELS = Domain(
    "class labels, integers from 0 to the number of classes - 1",
    labels=True,
    hint="labels count from 0; `ignore_index=-100` leaves out rows with the label -100, and "
    "`where` any rows",
)

Real = Annotated[Array, Domain("real numbers")]
SharedReal = Annotated[Array, Domain("real numbers", shared=True)]
"""Real numbers with core dimensions that all rows share, such as the weights of a layer."""
Logit = Annotated[Array, Domain("real numbers, -inf and inf included")]
ClassLogit = Annotated[Array, Domain("real numbers, and -inf for a masked class")]
Probability = Annotated[Array, _PROBABILITY]
Sign = Annotated[
    Array,
    Domain(
        "signs, -1 or +1",
        safe=1.0,
        interval=Interval(ge=-1.0, le=1.0),
        members=(-1.0, 1.0),
        hint="targets that are 0 or 1 become signs by `2 * target - 1`",
    ),
]
Count = Annotated[
    Array,
    Domain(
        "counts, whole numbers from 0",
        interval=Interval(ge=0.0),
        whole=True,
        hint="a rate or a mean may be fractional, an observed count may not",
    ),
]
Labels = Annotated[Array, _LABELS]
Kept = Annotated[Array, Domain("True for each entry to keep", safe=1.0)]
"""A mask of the entries of rows, 1 or 0, as a formula takes it."""
LabelsOrProbability = Annotated[Array, _LABELS, _PROBABILITY]
"""One domain per signature of the loss: labels without the class axis, probabilities with it."""


class Numbers(Protocol):
    """A parameter that is an array: what formulas compute with it.

    Only a plain number can choose a formula. A condition on an array is a mask, which selects from
    the results of two formulas.
    """

    @property
    def shape(self) -> Any:
        """One number, or numbers that broadcast to the losses."""

    @property
    def dtype(self) -> Any:
        """A real dtype."""

    def __neg__(self) -> Any: ...
    def __abs__(self) -> Any: ...
    def __add__(self, other: Any, /) -> Any: ...
    def __radd__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __rsub__(self, other: Any, /) -> Any: ...
    def __mul__(self, other: Any, /) -> Any: ...
    def __rmul__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...
    def __rtruediv__(self, other: Any, /) -> Any: ...
    def __pow__(self, other: Any, /) -> Any: ...
    def __rpow__(self, other: Any, /) -> Any: ...
    def __lt__(self, other: Any, /) -> Any: ...
    def __le__(self, other: Any, /) -> Any: ...
    def __gt__(self, other: Any, /) -> Any: ...
    def __ge__(self, other: Any, /) -> Any: ...


Number: TypeAlias = float | Numbers
"""A parameter that is a number, or an array of numbers."""

Positive = Annotated[Number, Gt(0.0), Lt(inf)]
NonNegative = Annotated[Number, Ge(0.0), Lt(inf)]
UnitInterval = Annotated[Number, Ge(0.0), Le(1.0)]
Floor = NonNegative
"""The floor of a divisor."""
