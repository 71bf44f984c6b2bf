"""Cross-entropy: minus the logarithm of the softmax of the observed class."""

from typing import Annotated, Any, Unpack

from .._loss import loss
from .._numerics.logits import LogitScale
from .._numerics.rows import LabelParts, SoftmaxParts
from .._numerics.standard import is_exactly
from ..typing import (
    Array,
    Axis,
    ClassLogit,
    ClassOptions,
    LabelsOrProbability,
    Namespace,
    NonNegative,
    Number,
    OneOfSeveral,
    Positive,
    UnitInterval,
)
from ._surprise import parts_of

__all__ = ["cross_entropy"]


@loss("(class),()->()", "(class),(class)->()")
def cross_entropy(
    xp: Namespace,
    axis: Axis,
    logits: Annotated[ClassLogit, OneOfSeveral("binary_cross_entropy_with_logits")],
    target: LabelsOrProbability,
    /,
    *,
    label_smoothing: UnitInterval = 0.0,
    softcap: Positive | None = None,
    temperature: Positive = 1.0,
    z_loss: NonNegative = 0.0,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Cross-entropy of logits with class labels, or with probabilities.

    Parameters
    ----------
    logits : array
        Logits of the K classes along `class_axis`: real numbers; -inf masks a class.
    target : array or int
        Class labels, of the shape of `logits` without the class axis: integers of any dtype from 0
        to K - 1. Or probabilities, of the shape of `logits`: in [0, 1]. The number of axes decides
        between the two.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over all classes, in [0, 1]: targets become
        (1 - s) * target + s / K.
    softcap : float or array, optional
        A bound c of the logits: z becomes c * tanh(z / c), and a masked class stays masked. There
        is none by default.
    temperature : float or array, default 1.0
        The divisor of the logits, after `softcap`: positive.
    z_loss : float or array, default 0.0
        The factor of a penalty that keeps logits from drifting: the square of the logarithm of the
        sum of the exponentials.

    Returns
    -------
    array
        The reduced loss, in the dtype of `logits`, in nats.

    See Also
    --------
    binary_cross_entropy_with_logits : For two classes and one logit.
    linear_cross_entropy : From the features and weights of a last layer, with the same options.

    Notes
    -----
    The loss of a row is

    .. math:: \ell = -\sum_k y_k \log \frac{\exp z_k}{\sum_j \exp z_j}.

    With the largest logit :math:`z_m` it is computed as

    .. math:: \ell = \Big(\sum_k y_k\Big) \mathrm{log1p} \sum_{j \ne m} \exp(z_j - z_m)
        + \sum_k y_k (z_m - z_k).

    No term is negative, so nothing cancels. The loss is accurate where the right class dominates:
    for [16.94, 0] in float32 it is 4.396e-08, where torch, SciPy and JAX return 0. A class that is
    masked by -inf costs nothing if its target is 0.

    The derivative is :math:`p_k \sum_j y_j - y_k`. In it :math:`1 - p_k` is computed as the
    probability of the other classes, so it does not round to 0. The diagonal of the second
    derivative is :math:`p_k (1 - p_k) \sum_j y_j`.

    `softcap` and `temperature` scale the logits first: everything else applies to the scaled ones.
    A masked class stays masked. The derivative has the factor :math:`(1 - \tanh^2(z / c)) / T`,
    computed from one exponential, so it does not round to 0 for a logit far beyond the bound. With
    :math:`Z = \sum_j \exp z_j` and the factor :math:`\lambda`, `z_loss` adds
    :math:`\lambda \log^2 Z` to the loss of a row and :math:`2 \lambda p_k \log Z` to its
    derivative, whatever the target.

    Labels and the same labels as rows of 0 and 1 have the same loss, also with class weights: the
    mean divides by the sum of the weights of the rows. If targets are probabilities, torch divides
    by the number of rows and applies class weights inside the sum over classes. The result differs
    for targets other than 0 and 1, and with label smoothing. In torch rows with the label -100 are
    left out by default; here say ``ignore_index=-100``. Otherwise such a label is an error on
    NumPy, and makes the loss NaN elsewhere.

    References
    ----------
    .. [1] J. S. Bridle, "Probabilistic Interpretation of Feedforward Classification Network
       Outputs", Neurocomputing, 1990. :doi:`10.1007/978-3-642-76153-9_28`
    .. [2] P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
       softmax functions", IMA Journal of Numerical Analysis 41, 2021. :doi:`10.1093/imanum/draa038`
    .. [3] C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR,
       2016. :doi:`10.1109/CVPR.2016.308`
    .. [4] A. Chowdhery et al., "PaLM: Scaling Language Modeling with Pathways", Journal of Machine
       Learning Research 24, 2023, for the penalty. :doi:`10.48550/arXiv.2204.02311`

    Examples
    --------
    >>> import portable_losses as pl
    >>> logits = [[2.0, -1.0, 0.5], [0.0, 0.0, 0.0]]
    >>> pl.cross_entropy(logits, [0, 2], reduction="none")
    array([0.24131..., 1.09861...])
    >>> pl.cross_entropy(logits, [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], reduction="none")
    array([0.24131..., 1.09861...])
    >>> pl.cross_entropy.grad([0.0, 0.0], 1)
    array([ 0.5, -0.5])
    >>> pl.cross_entropy(logits, [0, 2], softcap=1.0, temperature=0.5, reduction="none")
    array([0.33517..., 1.09861...])
    >>> pl.cross_entropy(logits, [0, 2], z_loss=0.01, reduction="none")
    array([0.29..., 1.11...])
    """
    logits, origin = LogitScale(softcap, temperature).relative(xp, logits, axis)
    parts = parts_of(xp, axis, logits, target)
    return _value(xp, axis, parts, origin, target, label_smoothing, z_loss)


def _value(
    xp: Namespace,
    axis: Axis,
    parts: LabelParts | SoftmaxParts,
    origin: Any,
    target: Array,
    label_smoothing: Number,
    z_loss: Number,
) -> Array:
    """Return mass * log(sum(exp(z))) - sum(y * z), with logits relative to the largest."""
    mass, gap = 1.0, parts.gap
    if isinstance(parts, SoftmaxParts):
        mass = xp.row_sum(target, axis)
        gap = xp.row_sum(xp.weighted(target, gap), axis)
    if not is_exactly(label_smoothing, 0):
        mean = xp.row_sum(parts.top - parts.entries, axis) / parts.entries.shape[axis]
        gap = (1 - label_smoothing) * gap + label_smoothing * mean
        mass = (1 - label_smoothing) * mass + label_smoothing
    value = mass * xp.log1p(parts.rest) + gap
    if not is_exactly(z_loss, 0):
        value = value + z_loss * _log_total(xp, parts, origin) ** 2
    return xp.squeeze(value, axis=axis)


def _log_total(xp: Namespace, parts: LabelParts | SoftmaxParts, origin: Any) -> Array:
    """Return the logarithm of the sum of all exponentials."""
    return origin + parts.top + xp.log1p(parts.rest)


def _derivative(
    xp: Namespace,
    axis: Axis,
    parts: LabelParts | SoftmaxParts,
    origin: Any,
    target: Array,
    label_smoothing: Number,
    z_loss: Number,
) -> Array:
    """Return mass * p - y, with 1 - p computed as the probability of the other classes.

    The penalty is a mass without a target.
    """
    spread = label_smoothing / parts.entries.shape[axis]
    penalised = not is_exactly(z_loss, 0)
    drift = 2 * z_loss * _log_total(xp, parts, origin) if penalised else 0.0
    if isinstance(parts, LabelParts):
        of_label = label_smoothing * parts.total - parts.others
        exponential = parts.exponential
        if penalised:
            of_label, exponential = of_label + drift * parts.own, exponential * (1 + drift)
        of_label = xp.squeeze(of_label, axis=axis)
        slope = xp.with_entry(exponential, target, of_label, axis) / parts.total
        return slope if is_exactly(label_smoothing, 0) else slope - spread
    target = (1 - label_smoothing) * target + spread
    mass = xp.row_sum(target, axis)
    if penalised:
        mass = mass + drift
    return (parts.exponential * (mass - target) - target * parts.others) / parts.total


@cross_entropy.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    /,
    *,
    label_smoothing: UnitInterval,
    softcap: Positive | None,
    temperature: Positive,
    z_loss: NonNegative,
) -> tuple[Array, Array]:
    scale = LogitScale(softcap, temperature)
    scaled, origin = scale.relative(xp, logits, axis)
    parts = parts_of(xp, axis, scaled, target)
    value = _value(xp, axis, parts, origin, target, label_smoothing, z_loss)
    slope = _derivative(xp, axis, parts, origin, target, label_smoothing, z_loss)
    return value, scale.slope(xp, logits, slope)


@cross_entropy.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    /,
    *,
    label_smoothing: UnitInterval,
    softcap: Positive | None,
    temperature: Positive,
    z_loss: NonNegative,
) -> Array:
    scale = LogitScale(softcap, temperature)
    scaled, origin = scale.relative(xp, logits, axis)
    parts = xp.softmax_parts(scaled, axis)
    bend = parts.prob * parts.complement
    if target.ndim == logits.ndim:
        bend = bend * ((1 - label_smoothing) * xp.row_sum(target, axis) + label_smoothing)
    if not is_exactly(z_loss, 0):
        drift = 2 * z_loss * _log_total(xp, parts, origin)
        bend = bend + parts.prob * (drift * parts.complement + 2 * z_loss * parts.prob)
    slope = bend  # which only a bound needs
    if softcap is not None:
        parts = parts_of(xp, axis, scaled, target)
        slope = _derivative(xp, axis, parts, origin, target, label_smoothing, z_loss)
    return scale.bend(xp, logits, bend, slope)


@cross_entropy.second_derivative_along
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    vector: Array,
    /,
    *,
    label_smoothing: UnitInterval,
    softcap: Positive | None,
    temperature: Positive,
    z_loss: NonNegative,
) -> Array:
    scale = LogitScale(softcap, temperature)
    scaled, origin = scale.relative(xp, logits, axis)
    moved = scale.slope(xp, logits, vector)
    parts = xp.softmax_parts(scaled, axis)
    product = parts.prob * xp.centred(moved, parts, axis)
    if target.ndim == logits.ndim:
        product = product * ((1 - label_smoothing) * xp.row_sum(target, axis) + label_smoothing)
    if not is_exactly(z_loss, 0):
        mean = xp.row_dot(parts.prob, moved, axis)
        turn = mean + _log_total(xp, parts, origin) * xp.centred(moved, parts, axis)
        product = product + 2 * z_loss * parts.prob * turn
    product = scale.slope(xp, logits, product)
    if softcap is None:
        return product
    parts = parts_of(xp, axis, scaled, target)
    slope = _derivative(xp, axis, parts, origin, target, label_smoothing, z_loss)
    return product + vector * scale.bend(xp, logits, xp.zeros_like(slope), slope)
