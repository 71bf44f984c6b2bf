"""Robust losses that are convex: linear where the residual is large."""

from typing import Any, Unpack

from .._loss import loss
from .._numerics.standard import is_array, is_exactly
from ..typing import Array, Namespace, NonNegative, Options, Positive, Real
from ._far import within_far

__all__ = ["fair_loss", "huber_loss", "pseudo_huber_loss", "smooth_l1_loss"]


@loss(temporaries=8)
def huber_loss(
    xp: Namespace, pred: Real, target: Real, /, *, delta: Positive = 1.0, **options: Unpack[Options]
) -> Array:
    r"""Huber loss: quadratic for residuals up to `delta`, linear beyond.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    delta : float or array, default 1.0
        Where the loss turns from quadratic to linear: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    mse_loss : Twice this loss, as `delta` grows.
    l1_loss : This loss divided by `delta`, as `delta` goes to 0.
    smooth_l1_loss : This loss divided by `delta`.
    pseudo_huber_loss : Similar, and smooth everywhere.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is

    .. math::

        \ell = \begin{cases}
            r^2 / 2 & |r| \le \delta \\ \delta (|r| - \delta / 2) & |r| > \delta,
        \end{cases}

    computed without a branch as :math:`q (|r| - q / 2)` with :math:`q = \min(|r|, \delta)`, in
    which nothing cancels. The derivative is :math:`r` clipped to :math:`\pm\delta`. The second
    derivative is 1 up to `delta` (and there), 0 beyond.

    torch and optax have the same factor. ``smooth_l1_loss`` in torch is this loss divided by
    `delta`. In ``scipy.special.huber`` `delta` is the first argument. A weighted mean divides by
    the sum of the weights; that of ``torch.nn.functional.huber_loss`` by the number of elements.

    References
    ----------
    .. [1] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical
       Statistics 35, 1964. :doi:`10.1214/aoms/1177703732`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.huber_loss([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.125, 1.5  , 3.5  ])
    >>> pl.huber_loss.grad([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], delta=3.0, reduction="sum")
    array([ 0.5,  2. , -3. ])
    """
    size = xp.abs(pred - target)
    quadratic = xp.minimum(size, delta)
    return quadratic * (size - 0.5 * quadratic)


@huber_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, delta: Positive) -> Array:
    return xp.clip(pred - target, -delta, delta)


@huber_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, delta: Positive) -> Array:
    return xp.astype(xp.abs(pred - target) <= delta, pred.dtype)


@loss(temporaries=8)
def smooth_l1_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    beta: NonNegative = 1.0,
    **options: Unpack[Options],
) -> Array:
    r"""Smooth L1 loss: the absolute error, quadratic for residuals up to `beta`.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    beta : float or array, default 1.0
        Where the loss turns from quadratic to linear: not negative, in the unit of the target. With
        0 it is the absolute error.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target.

    See Also
    --------
    huber_loss : This loss times `beta`. Its quadratic part does not depend on the parameter; in
        this loss the slope of the linear part does not.
    l1_loss : The limit for `beta` to 0.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is

    .. math::

        \ell = \begin{cases}
            r^2 / (2 \beta) & |r| \le \beta \\ |r| - \beta / 2 & |r| > \beta,
        \end{cases}

    computed without a branch as :math:`(q / \beta) (|r| - q / 2)` with :math:`q = \min(|r|,
    \beta)`, in which nothing cancels. The derivative is :math:`r / \beta` clipped to :math:`\pm 1`.
    The second derivative is :math:`1 / \beta` up to `beta` (and there), 0 beyond. For `beta` = 0
    the derivative is the sign of the residual, 0 at 0, and the second derivative 0.

    torch and MLX have the same factor and default. They return the absolute error for `beta` = 0
    as well.

    References
    ----------
    .. [1] R. Girshick, "Fast R-CNN", IEEE International Conference on Computer Vision, 2015.
       :doi:`10.1109/ICCV.2015.169`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.smooth_l1_loss([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.125, 1.5  , 3.5  ])
    >>> pl.smooth_l1_loss.grad([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], beta=2.0, reduction="sum")
    array([ 0.25,  1.  , -1.  ])
    """
    size = xp.abs(pred - target)
    if is_exactly(beta, 0):
        return size
    width = _width(xp, beta)
    quadratic = xp.minimum(size, width)
    return quadratic / width * (size - 0.5 * quadratic)


def _width(xp: Namespace, beta: Any) -> Any:
    """Return `beta`, in an array the smallest number instead of 0."""
    return xp.maximum(beta, float(xp.finfo(beta.dtype).smallest_normal)) if is_array(beta) else beta


@smooth_l1_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, beta: NonNegative) -> Array:
    residual = pred - target
    if is_exactly(beta, 0):
        return xp.sign(residual)
    return xp.clip(residual / _width(xp, beta), -1.0, 1.0)


@smooth_l1_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, beta: NonNegative) -> Array:
    if is_exactly(beta, 0):
        return xp.zeros_like(pred)
    inside = xp.astype((xp.abs(pred - target) <= beta) & (beta > 0), pred.dtype)
    return inside / _width(xp, beta)


@loss(temporaries=8)
def pseudo_huber_loss(
    xp: Namespace, pred: Real, target: Real, /, *, delta: Positive = 1.0, **options: Unpack[Options]
) -> Array:
    r"""Pseudo-Huber loss, also named after Charbonnier: the Huber loss without its corner.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    delta : float or array, default 1.0
        Where the loss turns from quadratic to linear: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    huber_loss : Exactly quadratic, then exactly linear.
    log_cosh_loss : Similar to ``delta=1``, without a parameter.
    barron_loss : With ``alpha=1``, divided by the square of the scale.

    Notes
    -----
    With :math:`x = r / \delta`, the residual :math:`r = \hat y - y` in units of `delta`, the loss
    of an element is

    .. math:: \ell = \delta^2 \left( \sqrt{1 + x^2} - 1 \right)
        = \delta\, |r|\, \frac{|x|}{1 + \sqrt{1 + x^2}},

    about :math:`r^2 / 2` for small residuals and :math:`\delta |r|` for large ones. It is computed
    in the second form, in which nothing cancels. From :math:`10^{18}` on the fraction is 1 in every
    dtype. So `x` is clipped there, and its square does not overflow.

    The derivative is :math:`r / \sqrt{1 + x^2}`, the second :math:`(1 + x^2)^{-3/2}`.

    ``scipy.special.pseudo_huber`` has the same factor, and `delta` as its first argument; the
    ``soft_l1`` of ``scipy.optimize.least_squares`` has `delta` as ``f_scale``. XGBoost's
    ``huber_slope`` is `delta`. kornia's ``charbonnier_loss`` has ``delta=1``; elsewhere a
    Charbonnier loss is the root without the 1 subtracted.

    References
    ----------
    .. [1] P. Charbonnier, L. Blanc-Féraud, G. Aubert and M. Barlaud, "Deterministic Edge-Preserving
       Regularization in Computed Imaging", IEEE Transactions on Image Processing 6, 1997.
       :doi:`10.1109/83.551699`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.pseudo_huber_loss([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.11803399, 1.23606798, 3.12310563])
    >>> pl.pseudo_huber_loss.grad([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], delta=3.0, reduction="sum")
    array([ 0.49319696,  1.66410059, -2.4       ])
    """
    size = xp.abs(pred - target)
    x = within_far(xp, size / delta)
    return delta * size * (x / (1 + xp.sqrt(1 + x * x)))


@pseudo_huber_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, delta: Positive) -> Array:
    x = within_far(xp, (pred - target) / delta)
    return delta * (x / xp.sqrt(1 + x * x))


@pseudo_huber_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, delta: Positive) -> Array:
    x = (pred - target) / delta
    q = 1 / xp.sqrt(1 + x * x)
    return q * q * q


@loss(temporaries=8)
def fair_loss(
    xp: Namespace, pred: Real, target: Real, /, *, scale: Positive = 1.0, **options: Unpack[Options]
) -> Array:
    r"""Fair loss: approaches linear growth slowly.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    scale : float or array, default 1.0
        Where the loss turns from quadratic to linear: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    huber_loss : Exactly linear from one point on.
    pseudo_huber_loss : Approaches linear growth faster.

    Notes
    -----
    With :math:`x = |r| / c`, the size of the residual :math:`r = \hat y - y` over the `scale`, the
    loss of an element is

    .. math:: \ell = c^2 \left( x - \log(1 + x) \right),

    about :math:`r^2 / 2` for small residuals and :math:`c |r|` for large ones. The difference
    cancels for small residuals, where it is computed by a series.

    The derivative is :math:`r / (1 + x)`, the second :math:`1 / (1 + x)^2`, which has a corner at
    0.

    LightGBM has the same factor, with `scale` as ``fair_c``.

    References
    ----------
    .. [1] R. C. Fair, "On the Robust Estimation of Econometric Models", Annals of Economic and
       Social Measurement 3, 1974.

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.fair_loss([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.09453489, 0.90138771, 2.39056209])
    >>> pl.fair_loss.grad([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], scale=4.0, reduction="sum")
    array([ 0.44444444,  1.33333333, -2.        ])
    """
    return -scale * scale * xp.log1pmx(xp.abs(pred - target) / scale)


@fair_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = within_far(xp, (pred - target) / scale)
    return scale * (x / (1 + xp.abs(x)))


@fair_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    q = 1 / (1 + xp.abs(pred - target) / scale)
    return q * q
