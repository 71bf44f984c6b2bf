"""Checks of the values of NumPy arrays, block by block, while they are in the cache."""

from math import inf
from typing import Any, NoReturn

import numpy as np

from ..._numerics.constraints import holds
from ...typing import Array, Domain
from .settings import Change, Setting

_validation = Setting("validation", True)

validating = _validation.get


def validation(enabled: bool) -> Change[bool]:
    """Enable or disable value checks of NumPy arrays.

    A plain call sets it for the process. In a ``with`` it holds for the block of code, in this
    thread or task.

    Parameters
    ----------
    enabled : bool
        False: the values of arrays are not checked. Outside a domain the result is that of the
        other array libraries: the value of the formula, and NaN for a label out of range. Dtypes,
        shapes and parameters are still checked.

    Returns
    -------
    context manager
        For ``with validation(False):``. Blocks nest.

    Examples
    --------
    >>> import portable_losses as pl
    >>> with pl.validation(False):
    ...     float(pl.cross_entropy([[0.5, 1.0]], [2]))
    nan
    """
    return Change(_validation, bool(enabled))


def among(domain: Domain, values: Array, limit: int) -> Array:
    """Return which labels or lengths are in the domain, from 0 up to a limit, for any library."""
    good = (values >= 0) & (values < limit)
    return good if domain.excluded is None else good & (values != domain.excluded)


def inside(domain: Domain, values: Array, limit: int | None) -> Array:
    """Return which values of a NumPy array are in the domain; NaN counts as inside."""
    if domain.integer:
        return values == values if limit is None else among(domain, values, limit)
    good = values == values
    for part in domain.interval or ():
        good &= holds(part, values)
    if domain.members:
        good &= np.isin(values, domain.members)
    if domain.whole:
        good &= values == np.floor(values)
    return good | np.isnan(values)


def all_inside(domain: Domain, values: Array, limit: int | None) -> bool:
    """Return whether a block is inside its domain, by its extremes if they suffice."""
    if values.size == 0 or (domain.integer and limit is None):
        return True
    return _surely_inside(domain, values, limit) or bool(np.all(inside(domain, values, limit)))


def _surely_inside(domain: Domain, values: Array, limit: int | None) -> bool:
    """Return whether a block is surely inside its domain. False means unknown, as for NaN."""
    bounds = domain.interval
    if domain.whole or domain.excluded is not None:
        return False
    if domain.members:
        return bool(np.logical_or.reduce([values == x for x in domain.members]).all())
    if domain.integer:
        low, high = np.minimum.reduce(values, axis=None), np.maximum.reduce(values, axis=None)
        return bool(low >= 0 and high < (limit or 0))
    if bounds is None:
        return True
    low, high = np.minimum.reduce(values, axis=None), np.maximum.reduce(values, axis=None)
    return bool(
        (bounds.ge is None or low >= bounds.ge)
        and (bounds.gt is None or low > bounds.gt)
        and (bounds.le is None or high <= bounds.le)
        and (bounds.lt is None or high < bounds.lt)
    )


def below(largest: Any, values: Array) -> bool:
    """Return whether the bits of all values are below those of `largest_bits`."""
    if not values.size or not values.flags.forc:
        return False
    bits = values.view(largest.dtype)
    return bool(np.maximum.reduce(bits, axis=None) <= largest)


def largest_bits(domain: Domain, dtype: Any) -> Any:
    """Return the bits of the largest number of a domain that begins at 0.

    The bits of non-negative numbers rise with the numbers, and a sign bit makes them larger than
    all others. So one maximum replaces two extremes. The result is None for other domains and
    dtypes.
    """
    bounds = domain.interval
    if bounds is None or bounds.ge != 0 or bounds.lt is not None or dtype not in _BITS:
        return None
    if domain.members or domain.whole:
        return None
    largest: Any = np.asarray([inf if bounds.le is None else bounds.le], dtype)
    return largest.view(_BITS[dtype])[0]


_BITS = {np.dtype(np.float32): np.dtype(np.uint32), np.dtype(np.float64): np.dtype(np.uint64)}


def refuse(loss: str, argument: str, domain: Domain, values: Array, good: Array) -> NoReturn:
    """Raise the error of a NumPy array with a value outside its domain."""
    index = tuple(int(i) for i in np.argwhere(~good)[0])
    bad = values[index].item()
    where = f"{argument}[{', '.join(map(str, index))}]" if index else argument
    hint = f" ({domain.hint})" if domain.hint else ""
    raise ValueError(
        f"{loss}: {argument} must hold {domain.description}, but {where} is {bad!r}{hint}"
    )
