"""The check of the derivatives of a loss, for authors: against differences, and autodiff."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._backends import backend_of, installed
from .._engine.evaluate import evaluate
from .._engine.formulas import Formulas
from .._loss import Loss
from ..typing import Array
from .calls import calls_of, other_parameters, tie
from .differences import Slope, Slopes, slopes

_MOST = 24
"""How many entries of each prediction are moved; of more, some are drawn."""

_DRAWS = ("", "again", "parameters")
"""Inputs are drawn once for each of these seeds, for the last one parameters as well."""

_SAME = 1e-8
"""The relative difference between two functions that return the same, and from autodiff."""

_SHOWN = 3
"""How many faults of a function are printed."""


@dataclass
class Part:
    """What was found out about one registered function."""

    name: str
    compared: int = 0
    difference: float = 0.0
    """The largest difference, relative to the larger number."""
    faults: list[str] = field(default_factory=list)

    def add(self, place: str, found: float, right: float, good: bool, source: str) -> None:
        """Note one comparison."""
        self.compared += 1
        size = max(abs(found), abs(right))
        if good and size:
            self.difference = max(self.difference, abs(found - right) / size)
        if not good:
            self.faults.append(f"{place}: {self.name} has {found:.10g}, {source} {right:.10g}")

    def lines(self) -> Iterator[str]:
        """Return the lines about it."""
        if not self.faults:
            yield f"  {self.name}: {self.compared} entries agree, up to {self.difference:.0e}"
            return
        yield f"  {self.name}: {len(self.faults)} of {self.compared} entries differ"
        yield from (f"    {fault}" for fault in self.faults[:_SHOWN])
        if len(self.faults) > _SHOWN:
            yield f"    and {len(self.faults) - _SHOWN} more"


class DerivativeReport:
    """The result of `check_derivative`: true if nothing differs. Printed, it says what does.

    Parameters
    ----------
    loss : str
        The name of the loss.
    parts : sequence of Part
        What was found out about each registered function.

    Attributes
    ----------
    faults
        A line for each entry that differs.
    """

    def __init__(self, loss: str, parts: Sequence[Part]) -> None:
        self.loss, self.parts = loss, parts

    @property
    def faults(self) -> list[str]:
        """The lines of all entries that differ."""
        return [fault for part in self.parts for fault in part.faults]

    def __bool__(self) -> bool:
        return not self.faults

    def __repr__(self) -> str:
        if not self.parts:
            return f"{self.loss}: no derivative is registered"
        verdict = "all derivatives agree" if self else "some derivatives differ"
        return "\n".join([f"{self.loss}: {verdict}", *(x for p in self.parts for x in p.lines())])


def check_derivative(loss: Loss[...], /, *inputs: Any, **parameters: Any) -> DerivativeReport:
    """Compare the registered derivatives of a loss with differences of its values.

    For authors of losses: it finds a wrong sign, a missing factor, a term that was forgotten, and
    says where. A derivative at a kink is right if it lies between the slopes of the two sides.

    Parameters
    ----------
    loss : Loss
        The loss, also one that is bound or a sum.
    *inputs : array
        The arguments of the loss, for example at its kinks. By default they are drawn from its
        domains, the same at each call, and so are other values of its parameters.
    **parameters
        Parameters and options of the loss, such as ``delta=2.0`` or ``weights``. What is given
        stays as it is.

    Returns
    -------
    DerivativeReport
        True if all agree: ``report = check_derivative(loss)``, ``assert report, report``. Printed,
        it tells how many entries of which function differ, with their places, numbers and inputs.
        Its attribute ``faults`` lists all of them.

    Raises
    ------
    TypeError
        If `loss` is no loss, or has no such parameter.
    ValueError
        If the inputs do not fit the loss.

    See Also
    --------
    plot : Shows value and derivatives of a loss.
    self_check : Compares the losses of this library on all array libraries.

    Notes
    -----
    Everything is evaluated by NumPy in float64. Each entry of a prediction is moved in both
    directions by steps that are halved nine times, and the quotients are extrapolated to step 0
    (Ridders' method), which also estimates their error. A difference counts if it is more than 1e-6
    of the number and ten times that error. Of large inputs, 24 entries of each prediction are
    moved. Entries at the end of a domain, infinite ones and NaN stay where they are.

    The second derivative and the product of the Hessian with a vector are compared with differences
    of the gradient. If an installed library has autodiff in float64, that of the formula is shown
    as well: it has more digits than differences, but may itself be NaN or another number at a kink,
    and counts only elsewhere, and where it agrees with the differences.

    References
    ----------
    .. [1] C. J. F. Ridders, "Accurate Computation of F'(x) and F'(x) F''(x)", Advances in
       Engineering Software 4, 1982. :doi:`10.1016/S0141-1195(82)80057-0`

    Examples
    --------
    >>> import portable_losses as pl
    >>> @pl.loss
    ... def cubed(xp, pred, target, /):
    ...     return abs(pred - target) ** 3
    >>> @cubed.derivative
    ... def _(xp, pred, target, /):
    ...     return 3 * (pred - target) ** 2
    >>> report = pl.check_derivative(cubed, [1.0, -2.0], [0.0, 0.0])
    >>> bool(report)
    False
    >>> report.faults
    ['pred[1] = -2 (target = 0): derivative has 12, differences -12']
    """
    if not isinstance(loss, Loss):
        raise TypeError(
            f"check_derivative takes a loss, got {type(loss).__name__}; decorate the formula "
            "with `@portable_losses.loss`"
        )
    parts: dict[str, Part] = {}
    with np.errstate(all="ignore"):
        for arrays, options in _points(loss, inputs, parameters):
            _Point(loss, arrays, options, parts).check()
    return DerivativeReport(loss.expression, list(parts.values()))


def _points(
    loss: Loss[...], inputs: Sequence[Any], parameters: Mapping[str, Any]
) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Return the given inputs, or drawn ones."""
    if inputs:
        yield [x if x is None else np.array(x) for x in inputs], dict(parameters)
        return
    given = {**loss.bound, **parameters}
    own = {key: x for key, x in given.items() if key in loss.signature.parameters}
    for seed in _DRAWS:
        others = other_parameters(loss, own) if seed == _DRAWS[-1] else {}
        if seed == _DRAWS[-1] and not others:
            return
        for call in calls_of(loss.expression, loss, {**own, **others}, seed):
            arrays = list(call.inputs)
            if seed:
                tie(loss, arrays)
            yield arrays, {**others, **call.parameters, **parameters}


class _Point:
    """A loss and its inputs, with the parts of the report."""

    def __init__(
        self, loss: Loss[...], arrays: list[Any], options: dict[str, Any], parts: dict[str, Part]
    ) -> None:
        self.loss, self.options, self.parts = loss, {**options, "reduction": "none"}, parts
        self.formulas, signature = loss.formulas, loss.signature
        self.predicted = [
            i for i in signature.predicted if i < len(arrays) and arrays[i] is not None
        ]
        self.arrays = [
            np.asarray(x, np.float64) if i in self.predicted else x for i, x in enumerate(arrays)
        ]
        given = {**signature.defaults, **loss.bound, **options}
        chosen = {key: given[key] for key in signature.parameters if key in given}
        self.numbers = {key: x for key, x in chosen.items() if isinstance(x, float)}
        self.domains = signature.domains_for(0, chosen)

    def check(self) -> None:
        """Compare everything that is registered."""
        if not self.formulas.knows(1):
            return
        registered = self.formulas.registered
        several = [
            key
            for key in ("value_and_derivative", "value_and_pullback")
            if getattr(registered, key)
        ]
        value, by_both = self._value_and_grad(self.arrays)
        gradients = dict.fromkeys(several, by_both)
        if not several or registered.derivative is not None:
            gradients["derivative"] = _several(self._call(self.loss.grad, self.arrays))
        plain = self._call(self.loss, self.arrays)
        for key in several:
            self._same(f"the value of {key}", value, plain)
        seconds = None
        if self.formulas.knows(2) and self.formulas.finish is None:
            seconds = _several(self._call(self.loss.grad_and_hess, self.arrays)[1])
        exact = self._by_autodiff()
        for place, i in enumerate(self.predicted):
            for index in self._chosen(self.arrays[i]):
                self._check_entry(place, index, gradients, seconds, exact)
        derived = self.loss.signature.diagonal and registered.second_derivative_along is None
        if self.formulas.knows_product() and not derived and self.formulas.finish is None:
            self._check_product()

    def _check_entry(
        self,
        place: int,
        index: tuple[int, ...],
        gradients: Mapping[str, Sequence[Array]],
        seconds: Sequence[Array] | None,
        exact: tuple[str, Sequence[Array]] | None,
    ) -> None:
        """Move one entry of a prediction."""
        i = self.predicted[place]
        step = self._room(i, self.arrays[i][index])
        if not step:
            return

        def moved(by: float) -> Array:
            arrays = list(self.arrays)
            arrays[i] = arrays[i].copy()
            arrays[i][index] += by
            value, slope = self._value_and_slope(arrays)
            return np.append(np.ravel(value), slope[place][index])

        found = slopes(moved, float(step))
        of_value, of_slope = _total(found, slice(-1)), _total(found, slice(-1, None))
        where = self._where(i, index)
        for name, gradient in gradients.items():
            number = gradient[place][index]
            right, good = of_value.both.number, bool(of_value.agree(number))
            if exact is not None:
                source, derivatives = exact
                by_autodiff = derivatives[place][index]
                if good and of_value.smooth() and of_value.agree(by_autodiff):
                    right = by_autodiff
                    good = bool(abs(number - right) <= _SAME * max(abs(number), abs(right), 1e-8))
                    self._part(name).add(where, number, right, good, source)
                    continue
            self._part(name).add(where, number, right, good, "differences")
        if seconds is not None:
            number, right = seconds[place][index], of_slope.both.number
            good = bool(of_slope.agree(number))
            self._part("second_derivative").add(where, number, right, good, "differences")

    def _check_product(self) -> None:
        """Move all predictions at once, in a random direction."""
        generator = np.random.default_rng(7)
        predictions = [self.arrays[i] for i in self.predicted]
        rooms = [self._room(i, x) for i, x in zip(self.predicted, predictions, strict=True)]
        drawn = [generator.choice([-1.0, -0.5, 0.5, 1.0], x.shape) for x in predictions]
        vectors = [np.where(room > 0, v, 0.0) for room, v in zip(rooms, drawn, strict=True)]
        step = min((room[room > 0].min() for room in rooms if np.any(room > 0)), default=0.0)
        if not step:
            return

        def moved(by: float) -> Array:
            arrays = list(self.arrays)
            for i, vector in zip(self.predicted, vectors, strict=True):
                arrays[i] = arrays[i] + by * vector
            return np.concatenate([np.ravel(x) for x in self._value_and_slope(arrays)[1]])

        found = slopes(moved, float(step))
        vector = vectors[0] if len(self.loss.signature.predicted) == 1 else tuple(vectors)
        products = _several(self._call(self.loss.hessian_product, self.arrays, vector=vector))
        numbers = np.concatenate([np.ravel(x) for x in products])
        places = ((i, x) for i in self.predicted for x in np.ndindex(self.arrays[i].shape))
        part = self._part("second_derivative_along")
        agreed = found.agree(numbers)
        for (i, index), number, right, good in zip(
            places, numbers, found.both.number, agreed, strict=True
        ):
            part.add(self._where(i, index), number, right, bool(good), "differences")

    def _call(self, method: Any, arrays: Sequence[Any], **more: Any) -> Any:
        return method(*arrays, **more, **self.options)

    def _value_and_slope(self, arrays: Sequence[Any]) -> tuple[Array, tuple[Array, ...]]:
        """Return the value, and the gradient of the function that is registered for it alone."""
        if self.formulas.registered.derivative is None:
            return self._value_and_grad(arrays)
        return self._call(self.loss, arrays), _several(self._call(self.loss.grad, arrays))

    def _value_and_grad(self, arrays: Sequence[Any]) -> tuple[Array, tuple[Array, ...]]:
        value, gradient = self._call(self.loss.value_and_grad, arrays)
        return value, _several(gradient)

    def _by_autodiff(self) -> tuple[str, Sequence[Array]] | None:
        """Return the derivatives of the formula by the first library that has them in float64."""
        plain = Formulas(self.loss.signature, self.formulas.value)
        plain.loss, plain.finish = self.loss, self.formulas.finish
        for library in installed.libraries():
            if library.problem or library.dtype != "float64":
                continue
            backend = backend_of(library.asarray(1.0))
            if backend is None or backend.vjp(lambda x: x * x, library.asarray(1.0)) is None:
                continue
            arrays = [x if x is None else library.asarray(x) for x in self.arrays]
            options = {
                key: library.asarray(x) if isinstance(x, np.ndarray) else x
                for key, x in {**self.loss.bound, **self.options}.items()
            }
            try:
                (found,) = evaluate(plain, (1,), arrays, options)
            except Exception:  # noqa: BLE001 # autodiff is a second opinion
                return None
            return f"autodiff of {library.name}", [library.as_numpy(x) for x in found]
        return None

    def _same(self, name: str, found: Array, right: Array) -> None:
        """Compare two functions that return the same."""
        part, pairs = self._part(name), zip(np.ravel(found), np.ravel(right), strict=True)
        for index, (number, other) in enumerate(pairs):
            size = max(abs(number), abs(other), 1e-8)
            good = bool(number == other or abs(number - other) <= _SAME * size or other != other)
            part.add(f"loss {index}", number, other, good, "the formula")

    def _part(self, name: str) -> Part:
        return self.parts.setdefault(name, Part(name))

    def _room(self, i: int, x: Array) -> Array:
        """Return the largest step of each entry, a power of two; 0 for one that cannot move."""
        interval = self.domains[i].interval
        room = 2.0**-5 * np.maximum(1.0, np.abs(x))
        for end in ("gt", "ge", "lt", "le"):
            bound = getattr(interval, end, None)
            if bound is not None:
                room = np.minimum(room, 0.5 * np.abs(x - bound))
        room = np.where(np.isfinite(x) & (room > 0), room, 0.0)
        return np.where(room > 0, 2.0 ** np.floor(np.log2(np.where(room > 0, room, 1.0))), 0.0)

    def _chosen(self, x: Array) -> list[tuple[int, ...]]:
        """Return the entries to move: all, or some of many."""
        every = range(x.size)
        some = sorted(random.Random(0).sample(every, _MOST)) if x.size > _MOST else every
        return [tuple(int(k) for k in np.unravel_index(n, x.shape)) for n in some]

    def _where(self, i: int, index: tuple[int, ...]) -> str:
        """Return the name and the value of an entry, with its element of the other inputs."""
        names, x = self.loss.signature.arguments, self.arrays[i]
        place = f"[{', '.join(map(str, index))}]" if index else ""
        others = [
            f"{names[k]} = {np.asarray(other)[index]:.6g}"
            for k, other in enumerate(self.arrays)
            if k != i and other is not None and np.shape(other) == x.shape
        ]
        others += [f"{key} = {x:.6g}" for key, x in self.numbers.items()]
        beside = f" ({', '.join(others)})" if others else ""
        return f"{names[i]}{place} = {x[index]:.6g}{beside}"


def _total(found: Slopes, chosen: slice) -> Slopes:
    """Return the slopes of a sum."""
    return Slopes(*(Slope(x.number[chosen].sum(), x.error[chosen].sum()) for x in found))


def _several(gradient: Any) -> tuple[Array, ...]:
    """Return the derivatives with respect to all predictions."""
    return tuple(map(np.asarray, gradient if isinstance(gradient, tuple) else (gradient,)))
