"""Pictures of losses: value, derivative and second derivative, drawn by matplotlib.

=================  =============================================================
module             holds
=================  =============================================================
`section`          the curves, by NumPy alone
=================  =============================================================
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .._loss import Loss
from .section import Section, section

__all__ = ["compare", "plot"]

_TITLES = ("value", "derivative", "second derivative")


def plot(
    loss: Loss[...],
    /,
    *,
    vary: str | None = None,
    span: tuple[float, float] | None = None,
    ax: Any = None,
    **given: Any,
) -> Any:
    """Draw a loss: its value, derivative and second derivative.

    The curves are a section through the loss: one entry of a prediction changes, and everything
    else stays the same. It needs matplotlib, which ``pip install "portable-losses[plot]"`` adds.

    Parameters
    ----------
    loss : Loss
        The loss, one of the library's or your own. A loss of your own shows its
        derivatives if they are registered.
    vary : str, optional
        The name of the prediction that changes; by default the first. Of a row it is the first
        entry.
    span : tuple of float, optional
        The ends of the horizontal axis. By default it is 8 wide, or ends with the domain.
    ax : matplotlib.axes.Axes or sequence of Axes, optional
        The axes for the value; of a sequence the second is for the derivative, the third for the
        second derivative. By default a new figure has one for each of the three that the loss has.
    **given
        Parameters of the loss, such as ``delta=2.0``, and arrays of the point that the section goes
        through, such as ``target=0.0``, by their names. A list has a curve for each of its values,
        unless it is an array with core dimensions.

    Returns
    -------
    matplotlib.axes.Axes or ndarray of Axes
        The axes, as in `ax`; an array if that is not given.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If the loss has no argument or parameter of a name.
    ValueError
        If `vary` names no prediction, or an array does not fit the loss.

    See Also
    --------
    compare : The same picture of several losses.

    Examples
    --------
    >>> import portable_losses as pl
    >>> axes = pl.plot(pl.huber_loss, delta=[0.5, 1.0, 2.0])
    >>> [ax.get_title() for ax in axes]
    ['value', 'derivative', 'second derivative']
    >>> [line.get_label() for line in axes[0].get_lines()]
    ['delta = 0.5', 'delta = 1', 'delta = 2']
    """
    _check(loss)
    if unknown := sorted(given.keys() - _names(loss)):
        raise TypeError(
            f"{loss.expression} has no argument or parameter {unknown[0]!r}: "
            f"it has {', '.join(sorted(_names(loss)))}"
        )
    return _draw(_sections([loss], given, vary, span), ax)


def compare(
    losses: Sequence[Loss[...]],
    /,
    *,
    vary: str | None = None,
    span: tuple[float, float] | None = None,
    ax: Any = None,
    **given: Any,
) -> Any:
    """Draw several losses into one picture: see `plot`.

    Parameters
    ----------
    losses : sequence of Loss
        The losses.
    vary : str, optional
        The name of the prediction that changes; by default the first of each loss.
    span : tuple of float, optional
        The ends of the horizontal axis.
    ax : matplotlib.axes.Axes or sequence of Axes, optional
        The axes for the value, and of a sequence those for the derivatives.
    **given
        As in `plot`, each for the losses that have it.

    Returns
    -------
    matplotlib.axes.Axes or ndarray of Axes
        As in `plot`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If no loss has an argument or parameter of a name.
    ValueError
        If there are no losses, `vary` names no prediction, or an array does not fit a loss.

    See Also
    --------
    plot : The picture of one loss.

    Examples
    --------
    >>> import portable_losses as pl
    >>> axes = pl.compare([pl.mse_loss, pl.huber_loss, pl.l1_loss], span=(-3, 3))
    >>> [line.get_label() for line in axes[0].get_lines()]
    ['mse_loss', 'huber_loss', 'l1_loss']
    """
    losses = list(losses)
    if not losses:
        raise ValueError("compare needs at least one loss")
    for loss in losses:
        _check(loss)
    if unknown := sorted(given.keys() - set().union(*map(_names, losses))):
        raise TypeError(f"no loss has an argument or parameter {unknown[0]!r}")
    return _draw(_sections(losses, given, vary, span), ax)


def _check(loss: Any) -> None:
    if not isinstance(loss, Loss):
        raise TypeError(f"expected a loss, such as portable_losses.huber_loss, got {loss!r}")


def _names(loss: Loss[...]) -> set[str]:
    """Return the names of what can be given for a loss."""
    return {*loss.signature.arguments, *loss.signature.parameters}


def _sections(
    losses: Sequence[Loss[...]],
    given: Mapping[str, Any],
    vary: str | None,
    span: tuple[float, float] | None,
) -> dict[str, Section]:
    """Return a section for each loss and each combination of listed values, by its label."""
    found = {}
    for loss in losses:
        own = {key: value for key, value in given.items() if key in _names(loss)}
        for listed, chosen in _combinations(loss, own):
            name = [loss.expression] if len(losses) > 1 else []
            label = ", ".join(
                [*name, *(f"{key} = {_brief(value)}" for key, value in listed.items())]
            )
            arrays = {key: chosen.pop(key) for key in loss.signature.arguments if key in chosen}
            found[label] = section(loss, arrays, chosen, vary, span)
    return found


def _combinations(
    loss: Loss[...], given: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each combination of listed values: the listed ones, and all."""
    arguments = loss.signature.arguments
    cores = dict(zip(arguments, zip(*loss.signature.ways, strict=True), strict=True))
    lists = {
        key: value
        for key, value in given.items()
        if not any(cores.get(key, ())) and isinstance(value, (list, tuple, np.ndarray))
    }
    for values in itertools.product(*lists.values()):
        listed = dict(zip(lists, values, strict=True))
        yield listed, {**given, **listed}


def _brief(value: Any) -> str:
    """Return a number as short as it can be, and anything else as it is."""
    return str(value) if isinstance(value, (bool, str)) else f"{value:g}"


def _draw(sections: Mapping[str, Section], ax: Any) -> Any:
    """Draw sections into axes, and return these."""
    orders = max(len(found.curves) for found in sections.values())
    given = _new_axes(orders) if ax is None else ax
    flat = np.ravel(np.asarray(given, dtype=object))[:orders]
    for order, axes in enumerate(flat):
        for label, found in sections.items():
            if order < len(found.curves):
                axes.plot(found.x, found.curves[order], label=label)
        axes.set_title(_TITLES[order])
        axes.set_xlabel(" or ".join(dict.fromkeys(found.quantity for found in sections.values())))
        axes.margins(x=0)
    if any(sections):
        first = flat[0]
        if ax is None:  # a figure of its own has room beside the curves
            lines = first.get_lines()
            columns = min(len(lines), 4)
            first.figure.legend(handles=lines, loc="outside lower center", ncols=columns)
        else:
            first.legend()
    return given


def _new_axes(orders: int) -> Any:
    """Make a figure with axes for the value and the derivatives."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "pictures of losses need matplotlib: pip install 'portable-losses[plot]'"
        ) from error
    _, axes = plt.subplots(
        1, orders, figsize=(3.6 * orders, 3.2), squeeze=False, layout="constrained"
    )
    return axes[0]
