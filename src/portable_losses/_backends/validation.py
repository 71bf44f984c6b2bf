"""Whether the values of arrays are checked, and on which libraries."""

from .settings import Change, Setting

_validation: Setting[bool | None] = Setting("validation", None)

validating = _validation.get


def validation(enabled: bool | None) -> Change[bool | None]:
    """Enable or disable value checks: by default only NumPy arrays are checked.

    A plain call sets it for the process. In a ``with`` it holds for the block of code, in this
    thread or task.

    Parameters
    ----------
    enabled : bool or None
        * True: the values of CPU arrays of every library are checked, such as tensors of PyTorch
          and concrete arrays of JAX, and the chunks of Dask when they are computed. Still not
          checked are values on a GPU, and those that a compiler or a transform traces, such as
          `jax.jit`, `jax.vmap`, `torch.compile` and `torch.func.vmap`. A call with one such array
          is not checked at all.
        * False: no values are checked. Outside a domain the result is the value of the formula, and
          NaN for a label out of range.
        * None, the default: the values of NumPy arrays are checked, where this costs little.

        Dtypes, shapes and parameters that are numbers are always checked.

    Returns
    -------
    context manager
        For ``with validation(False):``. Blocks nest.

    Raises
    ------
    TypeError
        If `enabled` is not True, False or None.

    Notes
    -----
    On libraries other than NumPy a check is a pass of its own over the data, before the loss is
    evaluated. The errors are the same on all of them: they name the argument, the first value
    outside its domain, its index, and the likely cause.

    Examples
    --------
    >>> import portable_losses as pl
    >>> with pl.validation(False):
    ...     float(pl.cross_entropy([[0.5, 1.0]], [2]))
    nan
    """
    if enabled is not None and not isinstance(enabled, bool):
        raise TypeError(f"validation: enabled must be True, False or None, got {enabled!r}")
    return Change(_validation, enabled)
