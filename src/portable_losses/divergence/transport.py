"""Optimal transport: the least work that turns one distribution into another."""

from math import inf
from typing import Annotated, NamedTuple, Unpack

from annotated_types import Ge, Interval

from .._loss import loss
from .._numerics.loops import Arrays, Stepped
from ..typing import Array, Axis, Domain, Namespace, Number, Positive, SharedReal
from ._row import RowOptions

__all__ = ["sinkhorn_loss"]

Mass = Annotated[
    Array,
    Domain(
        "masses, not negative",
        safe=1.0,
        interval=Interval(ge=0.0),
        hint="logits become masses by `special.softmax`",
    ),
]


@loss("(class),(class),(class,class)->()", steps="iterations")
def sinkhorn_loss(
    xp: Namespace,
    axis: Axis,
    pred: Mass,
    target: Mass,
    /,
    cost: SharedReal | None = None,
    *,
    epsilon: Positive = 1.0,
    iterations: Annotated[int, Ge(1)] = 100,
    **options: Unpack[RowOptions],
) -> Array:
    r"""Optimal transport with an entropic penalty, by Sinkhorn's algorithm.

    Parameters
    ----------
    pred : array
        Predicted masses of the K classes along `class_axis`: not negative. Each row is divided by
        its sum.
    target : array
        Masses of the shape of `pred`: not negative. Each row is divided by its sum.
    cost : array of shape (K, K), optional
        The cost of moving one unit from class i of `pred` to class j of `target`: real numbers, the
        same for all rows. By default it is :math:`|i - j|`, as in `wasserstein_loss`.
    epsilon : float or array, default 1.0
        The weight of the penalty, in units of `cost`: above 0.
    iterations : int, default 100
        How often the marginals are matched, at least once. 100 iterations are enough if `epsilon`
        is a tenth of the largest cost. If it is a thirtieth, they leave a relative error of 1e-3;
        smaller ones need more.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in units of `cost`.

    See Also
    --------
    wasserstein_loss : Without the penalty, for classes in an order.

    Notes
    -----
    With the distributions p and q, the masses divided by their sums, the loss of a row is

    .. math::

        \ell = \min_P \sum_{ij} P_{ij} C_{ij}
        + \varepsilon \sum_{ij} P_{ij} \log \frac{P_{ij}}{p_i q_j}

    over all plans P with the row sums p and the column sums q. It is computed as the value of the
    dual problem [1]_, :math:`\sum_i f_i p_i + \sum_j g_j q_j`, whose potentials are found in turn,
    in the log domain,

    .. math:: f_i = -\varepsilon \log \sum_j q_j \exp \frac{g_j - C_{ij}}{\varepsilon}, \quad
        g_j = -\varepsilon \log \sum_i p_i \exp \frac{f_i - C_{ij}}{\varepsilon},

    so that a small `epsilon` does not underflow. Before convergence the value is too small, never
    too large. For large `epsilon` the plan tends to independent p and q; for small `epsilon` the
    loss tends to the cost without a penalty.

    The derivative with respect to p is the potential f: at the solution the value is stationary in
    f and g. Scaling all masses of a row does not change p, so the derivative with respect to `pred`
    is :math:`(f_i - \sum_k p_k f_k) / \sum_k \mathrm{pred}_k`. There is no second derivative. A row
    without any mass is NaN.

    In POT this is ``ot.solve(C, p, q, reg=epsilon, reg_type="KL").value``. Its ``value_linear`` is
    :math:`\sum P C`, without the penalty. ``ot.sinkhorn2(p, q, C, epsilon)`` has the same plan P,
    and returns that :math:`\sum P C`, which is never larger than the loss: 0.600 in place of 0.628
    for the masses (0.2, 0.3, 0.5) and (0.5, 0.3, 0.2), the default cost and an `epsilon` of 0.1.
    The loss of two equal distributions is above 0: it is not debiased, as the Sinkhorn divergence
    is.

    References
    ----------
    .. [1] M. Cuturi, "Sinkhorn Distances: Lightspeed Computation of Optimal Transport", NeurIPS,
       2013. :doi:`10.48550/arXiv.1306.0895`
    .. [2] G. Peyré and M. Cuturi, "Computational Optimal Transport", Foundations and Trends in
       Machine Learning 11, 2019. :doi:`10.1561/2200000073`

    Examples
    --------
    >>> import portable_losses as pl
    >>> round(float(pl.sinkhorn_loss([0.5, 0.5, 0.0], [0.0, 0.5, 0.5], epsilon=0.01)), 6)
    1.0
    >>> cost = [[0.0, 3.0], [1.0, 0.0]]
    >>> pl.sinkhorn_loss([[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]], cost, reduction="none")
    array([3., 1.])
    """
    found = _potentials(xp, axis, pred, target, cost, epsilon, iterations)
    return xp.sum(found.first * found.pred + found.second * found.target, axis=-1) * epsilon


@sinkhorn_loss.derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Mass,
    target: Mass,
    /,
    cost: SharedReal | None,
    *,
    epsilon: Positive,
    iterations: int,
) -> Array:
    found = _potentials(xp, axis, pred, target, cost, epsilon, iterations)
    # The error of the plan's row sums before convergence; afterwards it is 0.
    again = -_log_sums(xp, found.target, found.second, found.price)
    slope = found.first - xp.expm1(found.first - again)
    centred = slope - xp.sum(found.pred * slope, axis=-1, keepdims=True)
    return xp.moveaxis(centred * (epsilon / found.mass), -1, axis)


_FAR = 60.0
"""An exponent whose exponential is normal in every dtype."""


class _Solution(NamedTuple):
    """The potentials in units of epsilon and their problem, with the classes last."""

    pred: Array
    target: Array
    mass: Array
    """The sum of the predicted masses."""
    first: Array
    second: Array
    price: Array
    """The cost in units of epsilon."""


def _potentials(
    xp: Namespace,
    axis: Axis,
    pred: Array,
    target: Array,
    cost: Array | None,
    epsilon: Number,
    iterations: int,
) -> _Solution:
    pred, target = (xp.moveaxis(x, axis, -1) for x in (pred, target))
    mass = xp.sum(pred, axis=-1, keepdims=True)
    pred, target = pred / mass, target / xp.sum(target, axis=-1, keepdims=True)
    places = xp.numbers(pred.shape[-1], pred, pred.dtype)
    price = (xp.abs(places[:, None] - places) if cost is None else cost) / epsilon
    turned = xp.matrix_transpose(price)

    def step(carried: Arrays, _: Arrays) -> Stepped:
        first = -_log_sums(xp, target, carried[1], price)
        return (first, -_log_sums(xp, pred, first, turned)), ()

    none = xp.zeros_like(pred)
    times = xp.numbers(iterations, pred)
    (first, second), _ = xp.scan(step, (none, none), (times,))
    return _Solution(pred, target, mass, first, second, price)


def _log_sums(xp: Namespace, weight: Array, potential: Array, price: Array) -> Array:
    """Return log(sum(weight * exp(potential - price))) for each row of the price.

    Entries of weight 0 do not count for the maximum. They may exceed it, but at the solution by no
    more than the logarithm of a mass on the other side. So their exponentials, the derivatives with
    respect to the weight, are finite.
    """
    weight, exponent = weight[..., None, :], potential[..., None, :] - price
    top = xp.max(xp.where(weight > 0, exponent, -inf), axis=-1, keepdims=True)
    sums = xp.sum(weight * xp.exp(xp.minimum(exponent - top, _FAR)), axis=-1)
    return xp.log(sums) + top[..., 0]
