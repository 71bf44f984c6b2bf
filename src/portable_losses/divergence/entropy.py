"""Relative entropies: the cost, in nats, of mistaking one distribution for another."""

from math import inf
from typing import Annotated, Unpack

from annotated_types import Gt, Interval, Lt

from .._loss import loss
from ..typing import Array, Axis, DependentDomain, Domain, Namespace, Number
from ._row import (
    LOG_PROBABILITIES,
    PROBABILITIES,
    Distribution,
    LogDistribution,
    SumOptions,
)

__all__ = ["generalized_kl_loss", "js_divergence_loss", "kl_div"]

Share = Annotated[Number, Gt(0.0), Lt(1.0)]

Amount = Annotated[
    Array,
    Domain(
        "finite numbers that are not negative",
        safe=1.0,
        interval=Interval(ge=0.0, lt=inf),
        sharp=True,
        hint="logarithms of amounts go through `exp` first",
    ),
]


_LOWEST = -745.0
"""It is below the logarithm of every positive number, and finite, so that 0 times it is 0."""


def _target_domain(log_target: bool) -> Domain:
    return LOG_PROBABILITIES if log_target else PROBABILITIES


TargetDistribution = Annotated[Array, DependentDomain(_target_domain)]


@loss("(class),(class)->()", absent=(0.0, 0.0), diagonal=True)
def kl_div(
    xp: Namespace,
    axis: Axis,
    log_pred: LogDistribution,
    target: TargetDistribution,
    /,
    *,
    log_target: bool = False,
    **options: Unpack[SumOptions],
) -> Array:
    r"""Kullback-Leibler divergence of the target from predicted log-probabilities.

    Parameters
    ----------
    log_pred : array
        Logarithms of the predicted probabilities of the K classes along `class_axis`: 0 at most,
        -inf included.
    target : array
        Probabilities in [0, 1], of the shape of `log_pred`; their logarithms, -inf included, if
        `log_target` is set.
    log_target : bool, default False
        Whether `target` holds logarithms.

    Returns
    -------
    array
        The reduced loss, in the dtype of `log_pred`, in nats.

    See Also
    --------
    cross_entropy : From logits; it is larger by the entropy of the target, which does not depend on
        the prediction.
    generalized_kl_loss : From probabilities, or from amounts that do not sum to 1.
    js_divergence_loss : Finite and symmetric.

    Notes
    -----
    With :math:`q` for the predicted probabilities the loss of a row is

    .. math:: \ell = \sum_k y_k (\log y_k - \log q_k).

    A class with target 0 costs nothing for any prediction, -inf included. A class with a positive
    target and prediction -inf costs inf. torch and optax return NaN where both probabilities are 0.

    The derivative with respect to :math:`\log q_k` is :math:`-y_k`, and the second derivative is 0.
    Autodiff with respect to the target is finite where the target is 0, so both sides can be
    learnt; in torch and optax it is NaN.

    Rows need not sum to 1; if they do not, the loss may be negative. The logarithms of `y` and `q`
    are rounded before they are subtracted. So the error for two similar distributions is the
    rounding error of their entropies, which cancel. With `log_target` only the difference is
    rounded.

    The mean is over rows, which torch calls "batchmean". With ``class_axis=None`` each class has a
    loss: "mean" is that of torch, and "none" returns the terms of the sum. The order of the
    arguments is that of torch and optax. Keras and SciPy's ``rel_entr`` have the target first and
    take probabilities; MLX takes two logarithms.

    References
    ----------
    .. [1] S. Kullback and R. A. Leibler, "On Information and Sufficiency", The Annals of
       Mathematical Statistics 22, 1951. :doi:`10.1214/aoms/1177729694`

    Examples
    --------
    >>> import numpy as np
    >>> import portable_losses as pl
    >>> pred = np.asarray([[0.25, 0.5, 0.25], [0.0, 0.5, 0.5]])
    >>> with np.errstate(divide="ignore"):
    ...     log_pred = np.log(pred)
    >>> pl.kl_div(log_pred, np.asarray([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]), reduction="none")
    array([0.34657359, 0.        ])
    >>> pl.kl_div.grad(log_pred[0], [0.5, 0.5, 0.0])
    array([-0.5, -0.5,  0. ])
    >>> pl.kl_div(log_pred[0], [0.5, 0.5, 0.0], class_axis=None, reduction="none")
    array([0.34657359, 0.        , 0.        ])
    """
    if log_target:
        absent = (target == -inf) & (log_pred == log_pred)
        gap = xp.where(absent, 0.0, target - log_pred)
        impossible = xp.isinf(gap)  # also where exp(target) underflows
        terms = xp.where(impossible, gap, xp.exp(target) * xp.where(impossible, 0.0, gap))
    else:
        terms = xp.weighted(target, xp.floored_log(target, _LOWEST) - log_pred)
    return xp.squeeze(xp.row_sum(terms, axis), axis=axis)


@kl_div.derivative
def _(
    xp: Namespace,
    axis: Axis,
    log_pred: LogDistribution,
    target: TargetDistribution,
    /,
    *,
    log_target: bool,
) -> Array:
    prob = xp.exp(target) if log_target else target
    return xp.where(xp.isnan(log_pred), log_pred, 0 - prob)


@kl_div.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    log_pred: LogDistribution,
    target: TargetDistribution,
    /,
    *,
    log_target: bool,
) -> Array:
    return xp.zeros_like(log_pred)


@loss("(class),(class)->()", absent=(0.0, 0.0), diagonal=True)
def generalized_kl_loss(
    xp: Namespace, axis: Axis, pred: Amount, target: Amount, /, **options: Unpack[SumOptions]
) -> Array:
    r"""Generalized Kullback-Leibler divergence, or I-divergence, of amounts.

    The amounts need not sum to 1.

    Parameters
    ----------
    pred : array
        Predicted amounts of the K classes along `class_axis`, such as probabilities: finite and not
        negative.
    target : array
        Observed amounts, of the shape of `pred`: finite and not negative.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`: in nats for probabilities, in nats times their
        unit for other amounts.

    See Also
    --------
    kl_div : From log-probabilities, without the last two terms.
    js_divergence_loss : Finite and symmetric.
    poisson_deviance_loss : Twice this loss for each number, without rows.

    Notes
    -----
    With :math:`q` for the predicted amounts the loss of a row is

    .. math:: \ell = \sum_k \left( y_k \log \frac{y_k}{q_k} - y_k + q_k \right).

    Each term is at least 0, and 0 only where the two amounts are equal; where both rows sum to 1 it
    is the Kullback-Leibler divergence. With :math:`x = (q - y) / y` a term is :math:`y (x - \log(1
    + x))`, computed by a series near :math:`x = 0`, so the loss is accurate for similar rows.
    Further away the logarithm is that of the quotient of :math:`q` and `y`.

    A target of 0 costs `q`. A prediction of 0 costs inf, unless the target is 0. The derivative
    is :math:`(q - y) / q`, the second :math:`y / q^2`. At `q` = 0 these are -inf and inf, and for a
    target of 0, where the term is `q` itself, 1 and 0.

    It is ``scipy.special.kl_div`` with the arguments exchanged, summed over the row.
    ``optax.generalized_kl_divergence`` takes the logarithm of the predictions.

    References
    ----------
    .. [1] I. Csiszár, "Why Least Squares and Maximum Entropy? An Axiomatic Approach to Inference
       for Linear Inverse Problems", The Annals of Statistics 19, 1991.
       :doi:`10.1214/aos/1176348385`
    .. [2] D. D. Lee and H. S. Seung, "Algorithms for Non-negative Matrix Factorization", NIPS 13,
       2000.

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.generalized_kl_loss([[0.2, 0.2], [3.0, 1.0]], [[0.6, 0.3], [3.0, 0.0]], reduction="none")
    array([0.28080..., 1.        ])
    >>> pl.generalized_kl_loss.grad([0.5, 2.0], [1.0, 1.0])
    array([-1. ,  0.5])
    """
    return xp.squeeze(xp.row_sum(xp.i_divergence(target, pred, pred - target), axis), axis=axis)


@generalized_kl_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Amount, target: Amount, /) -> Array:
    return xp.relative_difference(pred, target)


@generalized_kl_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Amount, target: Amount, /) -> Array:
    return xp.over_square(target, pred)


@loss("(class),(class)->()", absent=(0.0, 0.0), diagonal=True)
def js_divergence_loss(
    xp: Namespace,
    axis: Axis,
    pred: Distribution,
    target: Distribution,
    /,
    *,
    beta: Share = 0.5,
    **options: Unpack[SumOptions],
) -> Array:
    r"""Jensen-Shannon divergence: the mean divergence of two distributions from their mixture.

    Parameters
    ----------
    pred : array
        Predicted probabilities of the K classes along `class_axis`: in [0, 1].
    target : array
        Probabilities of the shape of `pred`: in [0, 1].
    beta : float or array, default 0.5
        The share of the target in the mixture, in (0, 1). With 1/2 the loss is symmetric.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats: from 0 to the entropy of `beta`, which is
        log 2 for 1/2.

    See Also
    --------
    kl_div : The limit of this loss divided by `beta` as `beta` goes to 0, from log-probabilities.
    hellinger_loss : Bounded as well, and a distance.
    total_variation_loss : Bounded as well, and linear.

    Notes
    -----
    With :math:`q` for the predicted probabilities and the mixture :math:`m = \beta y + (1 - \beta)
    q` the loss of a row is

    .. math::

        \ell = \beta \sum_k y_k \log \frac{y_k}{m_k} + (1 - \beta) \sum_k q_k \log \frac{q_k}{m_k}.

    Add :math:`m - y` to the first terms and :math:`m - q` to the second; with their weights these
    cancel. All terms are then at least 0, and :math:`m - y = (1 - \beta)(q - y)` and :math:`m - q =
    \beta (y - q)` are accurate. So the loss is accurate for similar distributions. Rows need not
    sum to 1, and no term is infinite.

    The derivative is :math:`(1 - \beta) \log(q / m)`, computed as :math:`-(1 - \beta)
    \mathrm{log1p}(\beta (y - q) / q)`, the second :math:`\beta (1 - \beta) y / (q m)`. For a target
    of 0 these are :math:`-(1 - \beta) \log(1 - \beta)` and 0, at `q` = 0 too. For any other target
    they are -inf and inf at `q` = 0.

    At 1/2 it is the square of ``scipy.spatial.distance.jensenshannon``, which divides rows by their
    sums.

    References
    ----------
    .. [1] J. Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Transactions on
       Information Theory 37, 1991. :doi:`10.1109/18.61115`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.js_divergence_loss([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]], reduction="none")
    array([0.        , 0.69314718])
    >>> pl.js_divergence_loss.grad([0.5, 0.5], [1.0, 0.0])
    array([-0.20273255,  0.34657359])
    """
    mixture, gap = pred + beta * (target - pred), pred - target
    of_target = xp.i_divergence(target, mixture, (1 - beta) * gap)
    of_pred = xp.i_divergence(pred, mixture, -beta * gap)
    terms = beta * of_target + (1 - beta) * of_pred
    return xp.squeeze(xp.row_sum(terms, axis), axis=axis)


@js_divergence_loss.derivative
def _(
    xp: Namespace, axis: Axis, pred: Distribution, target: Distribution, /, *, beta: Share
) -> Array:
    pred = xp.where(target == 0, 1.0, pred)  # the ratio to the mixture does not depend on it
    return (beta - 1) * xp.log1p(beta * xp.safe_divide(target - pred, pred))


@js_divergence_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, pred: Distribution, target: Distribution, /, *, beta: Share
) -> Array:
    mixture = pred + beta * (target - pred)
    return xp.safe_divide(xp.safe_divide(beta * (1 - beta) * target, pred), mixture)
