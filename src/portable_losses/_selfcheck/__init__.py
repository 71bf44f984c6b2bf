"""The self-check: compare every loss on every array library found here.

=================  =============================================================
module             holds
=================  =============================================================
`calls`            every public loss, with inputs drawn from its domains
`plain_python`     loss and gradient by the formula alone, number by number
`comparison`       the difference of two results
`report`           the lines that are printed
`differences`      slopes of a function by differences
`derivatives`      the check of the derivatives of one loss, for its author
=================  =============================================================

There is no list of losses here: every public loss takes part.
"""

import sys

from .derivatives import check_derivative as check_derivative
from .report import lines


def self_check(*, all_losses: bool = False) -> bool:
    """Compute every loss on every array library found here, and print whether they agree.

    It prints two worked examples, the libraries with their versions and devices, and a table of the
    families of losses: the number of losses that agree on each library, and the largest relative
    difference. The values of NumPy are compared with the formula evaluated number by number in
    plain Python, its gradients with finite differences, and the results of all other libraries with
    those of NumPy. ``python -m portable_losses`` prints the same. Include it in bug reports.

    Parameters
    ----------
    all_losses : bool, default False
        Whether the table has a row for each loss, and each way to call it, in place of a row for
        each family.

    Returns
    -------
    bool
        True if all agree. A library that cannot be used here (one for GPUs without a GPU) is listed
        and does not count.

    See Also
    --------
    portable_losses.neural_network : The functions of the worked examples.

    Notes
    -----
    `check` is an older name of the same function. JAX compiles each loss without optimisation,
    which takes less time than its operations one by one.

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.self_check()
    portable_losses ...
    All agree.
    ...
    True
    """
    differing: list[str] = []
    for line in lines(differing, all_losses, _show_progress):
        _show_progress("")
        print(line, flush=True)  # noqa: T201 # a person reads it, row by row as it is found
    return not differing


check = self_check


def _show_progress(text: str) -> None:
    """Show a text in the last line of a terminal, in place of the text before."""
    if sys.stderr.isatty():
        print(f"\r{text:60.60}\r", end="", file=sys.stderr, flush=True)  # noqa: T201
