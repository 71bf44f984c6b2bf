"""Losses of a margin: the product of a score, whose sign decides, and the observed sign."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Logit, Namespace, Options, Sign

__all__ = [
    "exponential_loss",
    "hinge_loss",
    "perceptron_loss",
    "soft_margin_loss",
    "squared_hinge_loss",
]


@loss(temporaries=8)
def soft_margin_loss(
    xp: Namespace, pred: Logit, target: Sign, /, **options: Unpack[Options]
) -> Array:
    r"""Logistic loss of a margin.

    Parameters
    ----------
    pred : array
        Predicted scores, of any shape: real numbers, -inf and inf included. They are the logits of
        +1.
    target : array or number
        Observed signs, of the shape of `pred`: -1 or +1.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    binary_cross_entropy_with_logits : The same number for targets 0 and 1, which may be soft.
    hinge_loss : Equal for large scores up to a shift by 1; 0 beyond a margin.

    Notes
    -----
    With the margin :math:`m = y z` the loss of an element is

    .. math:: \ell = \log(1 + \exp(-m)) = \max(-m, 0) + \mathrm{log1p}(\exp(-|m|)),

    computed in the second form, in which nothing overflows and nothing cancels. The derivative is
    :math:`-y \sigma(-m)`, the second derivative :math:`\sigma(m) \sigma(-m)`. At infinite scores
    the loss is exact: 0 where the sign is right, inf where it is wrong.

    torch has the same loss. A target of 0 is outside the domain; in torch it has loss log 2 and no
    gradient.

    References
    ----------
    .. [1] J. Friedman, T. Hastie and R. Tibshirani, "Additive Logistic Regression: a Statistical
       View of Boosting", The Annals of Statistics 28, 2000. :doi:`10.1214/aos/1016218223`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.soft_margin_loss([0.0, 800.0, 800.0], [1.0, 1.0, -1.0], reduction="none")
    array([6.93147181e-01, 0.00000000e+00, 8.00000000e+02])
    >>> pl.soft_margin_loss.grad([0.0, 800.0], [1.0, -1.0], reduction="sum")
    array([-0.5,  1. ])
    """
    return xp.softplus(-target * pred)


@soft_margin_loss.value_and_derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> tuple[Array, Array]:
    wrong = -target * pred
    tail, slope_of_tail = xp.logistic_tail(wrong)
    return xp.relu(wrong) + tail, -target * (xp.unit_step(wrong) + slope_of_tail)


@soft_margin_loss.second_derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> Array:
    return xp.logistic_density(target * pred)


@loss(temporaries=8)
def hinge_loss(xp: Namespace, pred: Logit, target: Sign, /, **options: Unpack[Options]) -> Array:
    r"""Hinge loss of a margin, as in support vector machines.

    Parameters
    ----------
    pred : array
        Predicted scores, of any shape: real numbers, -inf and inf included.
    target : array or number
        Observed signs, of the shape of `pred`: -1 or +1.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the scores.

    See Also
    --------
    squared_hinge_loss : Its square, which is smooth.
    perceptron_loss : Without the margin.
    soft_margin_loss : Smooth, and of a probability.

    Notes
    -----
    The loss of an element is :math:`\max(0, 1 - y z)`: 0 for a score with the right sign and a size
    of at least 1. Its derivative is :math:`-y` up to :math:`y z = 1`, and 0 beyond. At 1 itself,
    where any number between the two is a subgradient, it is :math:`-y`, as in torch and
    scikit-learn; in JAX it is half of that. The second derivative is 0: it leaves out the kink.

    Targets 0 and 1 are outside the domain. For a target 0 optax, MLX and torch return a constant 1
    without a gradient; Keras and torchmetrics convert it to -1.
    ``torch.nn.functional.hinge_embedding_loss`` is another loss.

    References
    ----------
    .. [1] C. Cortes and V. Vapnik, "Support-Vector Networks", Machine Learning 20, 1995.
       :doi:`10.1007/BF00994018`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.hinge_loss([0.25, 3.0, 0.5], [1.0, 1.0, -1.0], reduction="none")
    array([0.75, 0.  , 1.5 ])
    >>> pl.hinge_loss.grad([0.25, 3.0, 0.5], [1.0, 1.0, -1.0], reduction="sum")
    array([-1.,  0.,  1.])
    """
    return xp.relu(1 - target * pred)


@hinge_loss.derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> Array:
    return 0 - target * xp.unit_step(1 - target * pred)  # 0 has no sign


@hinge_loss.second_derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> Array:
    return xp.zeros_like(pred)


@loss(temporaries=8)
def squared_hinge_loss(
    xp: Namespace, pred: Logit, target: Sign, /, **options: Unpack[Options]
) -> Array:
    r"""Squared hinge loss of a margin.

    Parameters
    ----------
    pred : array
        Predicted scores, of any shape: real numbers, -inf and inf included.
    target : array or number
        Observed signs, of the shape of `pred`: -1 or +1.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the scores, squared.

    See Also
    --------
    hinge_loss : Its root, less sensitive to scores far on the wrong side.

    Notes
    -----
    The loss of an element is :math:`\max(0, 1 - y z)^2`, without a factor one half, as in Keras and
    LIBLINEAR. Its derivative is :math:`-2 y \max(0, 1 - y z)`. The second derivative is 2 below
    :math:`y z = 1`, and 0 there and beyond.

    Targets 0 and 1 are outside the domain. Keras converts them if the whole batch consists of them;
    torchmetrics always converts them.

    References
    ----------
    .. [1] T. Zhang, "Statistical Behavior and Consistency of Classification Methods Based on Convex
       Risk Minimization", The Annals of Statistics 32, 2004. :doi:`10.1214/aos/1079120130`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.squared_hinge_loss([0.5, 3.0, 0.5], [1.0, 1.0, -1.0], reduction="none")
    array([0.25, 0.  , 2.25])
    >>> pl.squared_hinge_loss.grad([0.5, 3.0, 0.5], [1.0, 1.0, -1.0], reduction="sum")
    array([-1.,  0.,  3.])
    """
    return xp.relu(1 - target * pred) ** 2


@squared_hinge_loss.derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> Array:
    return 0 - 2 * target * xp.relu(1 - target * pred)


@squared_hinge_loss.second_derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> Array:
    return 2 - 2 * xp.unit_step(target * pred - 1)


@loss(temporaries=8)
def perceptron_loss(
    xp: Namespace, pred: Logit, target: Sign, /, **options: Unpack[Options]
) -> Array:
    r"""Perceptron loss: the distance of a score on the wrong side from 0.

    Parameters
    ----------
    pred : array
        Predicted scores, of any shape: real numbers, -inf and inf included.
    target : array or number
        Observed signs, of the shape of `pred`: -1 or +1.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the scores.

    See Also
    --------
    hinge_loss : The same with a margin of 1.

    Notes
    -----
    The loss of an element is :math:`\max(0, -y z)`. Its derivative is :math:`-y` on the wrong side,
    and 0 on the right one. At a score of 0 it is :math:`-y` as well, as in Rosenblatt's rule and in
    scikit-learn: otherwise a perceptron that starts with weights of 0 would never move. In JAX it
    is half of that. The second derivative is 0: it leaves out the kink.

    References
    ----------
    .. [1] F. Rosenblatt, "The Perceptron: A Probabilistic Model for Information Storage and
       Organization in the Brain", Psychological Review 65, 1958. :doi:`10.1037/h0042519`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.perceptron_loss([0.25, 3.0, 0.5], [1.0, 1.0, -1.0], reduction="none")
    array([0. , 0. , 0.5])
    >>> pl.perceptron_loss.grad([0.0, 3.0, 0.5], [1.0, 1.0, -1.0], reduction="sum")
    array([-1.,  0.,  1.])
    """
    return xp.relu(-target * pred)


@perceptron_loss.derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> Array:
    return 0 - target * xp.unit_step(-target * pred)


@perceptron_loss.second_derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> Array:
    return xp.zeros_like(pred)


@loss(temporaries=8)
def exponential_loss(
    xp: Namespace, pred: Logit, target: Sign, /, **options: Unpack[Options]
) -> Array:
    r"""Exponential loss of a margin, as in AdaBoost.

    Parameters
    ----------
    pred : array
        Predicted scores, of any shape: real numbers, -inf and inf included. At the minimum they are
        half the logits of +1.
    target : array or number
        Observed signs, of the shape of `pred`: -1 or +1.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`: a number without a unit.

    See Also
    --------
    soft_margin_loss : Grows in proportion to a score on the wrong side, not exponentially.

    Notes
    -----
    The loss of an element is :math:`\exp(-y z)`. It is inf where it exceeds the largest number of
    the dtype: from a score of about 89 on the wrong side in float32, 710 in float64. Its derivative
    is :math:`-y \exp(-y z)`, its second derivative :math:`\exp(-y z)`.

    scikit-learn's ``GradientBoostingClassifier(loss="exponential")`` has the same loss, with
    targets 0 and 1.

    References
    ----------
    .. [1] Y. Freund and R. E. Schapire, "A Decision-Theoretic Generalization of On-Line Learning
       and an Application to Boosting", Journal of Computer and System Sciences 55, 1997.
       :doi:`10.1006/jcss.1997.1504`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.exponential_loss([0.0, 1.0, 1.0, 800.0], [1.0, 1.0, -1.0, -1.0], reduction="none")
    array([1.        , 0.36787944, 2.71828183,        inf])
    >>> pl.exponential_loss.grad([0.0, 1.0], [1.0, -1.0], reduction="sum")
    array([-1.        ,  2.71828183])
    """
    return xp.exp(-target * pred)


@exponential_loss.derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> Array:
    return -target * xp.exp(-target * pred)


@exponential_loss.second_derivative
def _(xp: Namespace, pred: Logit, target: Sign, /) -> Array:
    return xp.exp(-target * pred)
