"""Losses of squared residuals, for SciPy's robust least squares."""

from typing import Any

import numpy as np

from .._loss import Loss
from ..typing import Array
from ._bound import Bound

__all__ = ["scipy_rho"]


def scipy_rho(loss: Loss[...], /, **parameters: Any) -> Any:
    r"""Return a loss as the ``loss=`` of ``scipy.optimize.least_squares``.

    Parameters
    ----------
    loss : Loss
        A loss of residuals that does not depend on their sign, such as `huber_loss` or
        `tukey_biweight_loss`.
    **parameters
        The parameters of the loss, in units of ``f_scale``.

    Returns
    -------
    callable
        The function from squared residuals `z` to an array of shape (3, m): :math:`\rho(z)`, its
        derivative and its second derivative. It can be pickled and copied.

    Raises
    ------
    TypeError
        If the loss has no such parameter, or is no loss of one residual.
    ValueError
        If the loss depends on the sign of the residual, which the square has lost, as
        `pinball_loss` does.

    See Also
    --------
    scipy_objective : For ``scipy.optimize.minimize``.

    Notes
    -----
    ``least_squares`` minimises :math:`\frac12 \sum_i \rho(r_i^2)`, so with the loss
    :math:`\ell(r)` it is

    .. math::

        \rho(z) = 2 \ell(\sqrt{z}), \qquad \rho'(z) = \frac{\ell'(r)}{r}, \qquad
        \rho''(z) = \frac{\ell''(r) - \ell'(r) / r}{2 r^2},

    and ``cost`` of the result is the sum of the losses. The numerator of the last one cancels for
    small residuals. There it is taken at :math:`r = 10^{-4}`, which leaves 8 digits; SciPy
    multiplies it by `z`, so all 16 are left of the product.

    SciPy's ``soft_l1`` is that of `pseudo_huber_loss`, ``huber`` of `huber_loss`, ``cauchy`` of
    `cauchy_loss`, ``arctan`` of `arctan_loss`; ``f_scale`` takes the part of ``delta`` and
    ``scale``. Twice ``linear`` is that of `mse_loss`. Losses with a kink at 0, such as `l1_loss`,
    have no finite :math:`\rho'(0)`: residuals of 0 have the one of :math:`r = 10^{-150}`.

    Examples
    --------
    >>> import numpy as np
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import scipy_rho
    >>> rho = scipy_rho(pl.cauchy_loss)
    >>> rho(np.array([1.0, 3.0]))
    array([[ 0.69314718,  1.38629436],
           [ 0.5       ,  0.25      ],
           [-0.25      , -0.0625    ]])

    A robust line:

    >>> from scipy.optimize import least_squares
    >>> x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0, 90.0])
    >>> found = least_squares(lambda p: p[0] * x + p[1] - y, [1.0, 1.0], loss=rho, f_scale=0.1)
    >>> print(found.x.round(2))
    [2. 1.]
    """
    return Rho(loss, parameters)


class Rho(Bound):
    """A loss of squared residuals: see `scipy_rho`."""

    def __init__(self, loss: Loss[...], parameters: dict[str, Any]) -> None:
        super().__init__("scipy_rho", loss, parameters)
        self.one_prediction()
        domains = loss.signature.domains[0]
        if self.core or not all(domain.unbounded for domain in domains) or loss.formulas.finish:
            raise TypeError(
                f"scipy_rho: {self.name} is no loss of a residual; use one such as huber_loss"
            )
        residuals = np.asarray([0.25, 1.0, 7.0])
        each = {"reduction": "none", **self.parameters}
        if not np.array_equal(loss(residuals + 4, 4.0, **each), loss(residuals, 0.0, **each)):
            raise TypeError(
                f"scipy_rho: {self.name} depends on more than the residual; use one such as "
                "huber_loss"
            )
        if not np.array_equal(loss(residuals, 0.0, **each), loss(-residuals, 0.0, **each)):
            raise ValueError(
                f"scipy_rho: {self.name} depends on the sign of the residual, and least_squares "
                "passes its square; use scipy_objective"
            )

    def __repr__(self) -> str:
        return f"scipy_rho({self.summary})"

    def __call__(self, z: Array, /) -> Array:
        """Return rho and its derivatives at squared residuals."""
        options = {"reduction": "sum", **self.parameters}
        residual = np.sqrt(np.asarray(z, dtype=np.float64))
        value = self.loss(residual, 0.0, **{**options, "reduction": "none"})
        away = np.maximum(residual, 1e-150)
        slope = self.loss.grad(away, 0.0, **options) / away
        away = np.maximum(residual, 1e-4)
        gradient, second = self.loss.grad_and_hess(away, 0.0, **options)
        curvature = (second - gradient / away) / (2 * away**2)
        return np.stack([2 * value, slope, curvature])
