"""`@loss`: from a formula to a loss."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, overload

from .._engine.signature import TEMPORARIES
from ..typing import Array, Axis, Namespace
from .callable import Loss

P = ParamSpec("P")


@overload
def loss(formula: Callable[Concatenate[Namespace, P], Array], /) -> Loss[P]: ...
@overload
def loss(
    layout: str,
    /,
    *layouts: str,
    predicted: int | tuple[str, ...] = 1,
    steps: str = "",
    temporaries: int = TEMPORARIES,
    absent: tuple[float, ...] = (),
    diagonal: bool = False,
    sums: str = "",
) -> Callable[[Callable[Concatenate[Namespace, Axis, P], Array]], Loss[P]]: ...
@overload
def loss(
    *,
    predicted: int | tuple[str, ...] = 1,
    temporaries: int = TEMPORARIES,
    diagonal: bool = False,
) -> Callable[[Callable[Concatenate[Namespace, P], Array]], Loss[P]]: ...
def loss(
    *given: Any,
    predicted: int | tuple[str, ...] = 1,
    steps: str = "",
    temporaries: int = TEMPORARIES,
    absent: tuple[float, ...] = (),
    diagonal: bool = False,
    sums: str = "",
) -> Any:
    r"""Turn a formula into a loss.

    The formula is written once, over an array namespace. It returns the loss of each element. The
    result adds weights, masks and reductions.

    Parameters
    ----------
    *given : callable or str
        The formula itself, for a pointwise loss: ``formula(xp, pred, target, /, *,
        parameter=default, ...)``. Or gufunc signatures such as ``"(class),()->()"``, one for each
        way to call the loss. Then a decorator is returned. Its formula receives the position of its
        core axes after `xp`, and reduces over them. The name of a core dimension is the name of the
        option for its position: ``class_axis``. Optional arrays come after the slash, with None as
        default: ``formula(xp, pred, target, /, offset=None, *, parameter=default, ...)``.
    predicted : int or tuple of str, default 1
        The number of predictions, which are the first arrays, or their names. Derivatives are taken
        with respect to these.
    steps : str, optional
        The core dimension along which the formula takes steps, or the parameter that counts them.
        On NumPy more losses are then evaluated together, because a step along a core dimension
        needs only a part of the arrays. ``torch.compile`` does not trace the steps: for it the loss
        is one operation.
    temporaries : int, default 16
        The largest number of arrays like the predictions that the formula and its derivatives need
        at once. NumPy evaluates larger blocks if it is small: all temporaries of a block together
        have 8 MiB.
    absent : tuple of float, optional
        For each array the number that adds nothing to a row where the row has it, as 0 in both of
        two regions. Then a mask `where` of the shape of the predictions leaves out entries of rows.
        A formula that counts entries takes the mask instead, as an optional array ``keep=None``.
    diagonal : bool, default False
        Whether the second derivative of each loss is a diagonal matrix: no entry of a row, and no
        prediction, changes the slope of another. Then `Loss.hessian_product` needs only the
        `second_derivative`, as it does for a formula without core dimensions and one prediction.
    sums : str, optional
        The core dimension whose entries meet only in sums, those of ``xp.region_sum``. Value and
        derivatives take the same sums in the same order. Then a long row is evaluated in pieces:
        first the sums of all pieces, then all else from the sums. A piece is a block on NumPy, and
        a chunk on Dask. `Loss.partial` can add up pieces. Sums on which other sums depend, such as
        those of a mean, are taken together by ``xp.first_sums``: then the pieces are read once more
        for the others. ``xp.whole`` takes a sum of another form, such as a matrix product.

    Returns
    -------
    Loss
        The loss, with the methods `value_and_grad`, `grad` and `grad_and_hess`. Annotations of the
        formula (`typing.Real`, `typing.Positive`, ...) state its domains, which are checked.

    Raises
    ------
    TypeError
        If the formula does not have this form.
    ValueError
        If a gufunc signature does not fit the formula, or a default is outside its range. The first
        call of a loss raises an error if its formula does not return one loss for each element or
        row, or if it uses the functions of another library instead of those of `xp`.

    See Also
    --------
    Loss : The type of the result.

    Examples
    --------
    >>> import portable_losses as pl
    >>> from portable_losses.typing import Positive, Real
    >>> @pl.loss
    ... def cauchy(xp, pred: Real, target: Real, /, *, scale: Positive = 1.0):
    ...     return 0.5 * scale**2 * xp.log1p(((pred - target) / scale) ** 2)
    >>> @cauchy.derivative
    ... def _(xp, pred, target, /, *, scale):
    ...     residual = pred - target
    ...     return residual / (1 + (residual / scale) ** 2)
    >>> float(cauchy([1.0, 2.0], [0.0, 2.0], reduction="sum"))
    0.34657359027997264
    >>> cauchy.grad([1.0, 2.0], [0.0, 2.0], reduction="sum")
    array([0.5, 0. ])

    With a gufunc signature there is one loss for each row. The formula receives the position of the
    classes as `axis`. The annotation `Labels` makes the target integer labels, and `ClassOptions`
    adds the options `class_axis`, `class_weights` and `ignore_index`:

    >>> from typing import Unpack
    >>> from portable_losses.typing import ClassOptions, Labels
    >>> @pl.loss("(class),()->()")
    ... def squared_margin(
    ...     xp, axis, scores: Real, label: Labels, /, *, margin: Positive = 1.0,
    ...     **options: Unpack[ClassOptions]
    ... ):
    ...     gap = margin + scores - xp.pick_kept(scores, label, axis)
    ...     others = xp.where(xp.one_hot(label, scores, axis), 0.0, xp.relu(gap))
    ...     return xp.sum(others**2, axis=axis)
    >>> @squared_margin.derivative
    ... def _(xp, axis, scores, label, /, *, margin):
    ...     hot = xp.one_hot(label, scores, axis)
    ...     gap = margin + scores - xp.pick_kept(scores, label, axis)
    ...     slope = 2 * xp.where(hot, 0.0, xp.relu(gap))
    ...     return slope - xp.where(hot, xp.sum(slope, axis=axis, keepdims=True), 0.0)
    >>> scores, labels = [[2.0, 1.5, 0.0], [0.0, 3.0, 1.0], [5.0, 0.0, 0.0]], [0, 0, -100]
    >>> squared_margin(scores, labels, ignore_index=-100, reduction="none")
    array([ 0.25, 20.  ,  0.  ])
    >>> squared_margin.grad(scores[:2], [0, 2], class_weights=[1.0, 2.0, 3.0])
    array([[-0.25,  0.25,  0.  ],
           [ 0.  ,  4.5 , -4.5 ]])
    """
    if len(given) == 1 and callable(given[0]):
        return Loss(given[0], (), predicted, steps, temporaries, diagonal=diagonal)
    if not all(isinstance(layout, str) for layout in given):
        raise TypeError(
            "loss decorates one formula, or takes gufunc signatures such as '(class),()->()', "
            f"not {given!r}"
        )
    return lambda formula: Loss(
        formula, given, predicted, steps, temporaries, absent, diagonal, sums
    )
