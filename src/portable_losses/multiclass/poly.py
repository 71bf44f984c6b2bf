"""Cross-entropy with another first coefficient in its series."""

from dataclasses import dataclass
from math import inf
from typing import Annotated, Unpack

from annotated_types import Gt, Lt

from .._loss import loss
from .._numerics.standard import is_array
from ..typing import (
    Array,
    Axis,
    ClassLogit,
    ClassOptions,
    LabelsOrProbability,
    Namespace,
    Number,
    OneOfSeveral,
    UnitInterval,
)
from ._surprise import Surprise, along, diagonal, value, value_and_gradient

__all__ = ["poly_cross_entropy"]

Finite = Annotated[Number, Gt(-inf), Lt(inf)]


@dataclass(frozen=True)
class Poly:
    """s + epsilon * (1 - p)."""

    epsilon: Number

    @property
    def adds(self) -> bool:
        """Whether nothing is subtracted, so that nothing cancels."""
        return not is_array(self.epsilon) and self.epsilon >= 0

    def value(self, seen: Surprise) -> Array:
        """Return f, for negative epsilon as (1 + epsilon) * (1 - p) + (s - (1 - p))."""
        nats, complement = seen.nats, seen.complement
        if self.adds:
            return nats + self.epsilon * complement
        likely = complement < 0.5
        series = -seen.xp.log1pmx(seen.xp.where(likely, -complement, 0.0))
        return (1 + self.epsilon) * complement + seen.xp.where(likely, series, nats - complement)

    def slope(self, seen: Surprise) -> Array:
        """Return 1 + epsilon * p."""
        if self.adds:
            return 1 + self.epsilon * seen.prob
        return (1 + self.epsilon) - self.epsilon * seen.complement

    def bend(self, seen: Surprise) -> Array:
        """Return -epsilon * p * (1 - p)."""
        return -self.epsilon * seen.prob * seen.complement

    def own(self, seen: Surprise) -> Array:
        """Return p * (1 + epsilon * (p - (1 - p)))."""
        if self.adds:
            return seen.prob * ((1 - self.epsilon) + 2 * self.epsilon * seen.prob)
        return seen.prob * ((1 + self.epsilon) - 2 * self.epsilon * seen.complement)


@loss("(class),()->()", "(class),(class)->()")
def poly_cross_entropy(
    xp: Namespace,
    axis: Axis,
    logits: Annotated[ClassLogit, OneOfSeveral("poly_binary_cross_entropy")],
    target: LabelsOrProbability,
    /,
    *,
    epsilon: Finite = 1.0,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Poly-1 loss of logits: cross-entropy plus a multiple of the other classes' probability.

    Parameters
    ----------
    logits : array
        Logits of the K classes along `class_axis`: real numbers; -inf masks a class.
    target : array or int
        Class labels, of the shape of `logits` without the class axis: integers of any dtype from 0
        to K - 1. Or probabilities, of the shape of `logits`: in [0, 1]. The number of axes decides
        between the two.
    epsilon : float or array, default 1.0
        Added to the first coefficient of the series of the cross-entropy, which is 1. From -1 on
        the loss is not negative.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over all classes, in [0, 1]: targets become
        (1 - s) * target + s / K.

    Returns
    -------
    array
        The reduced loss, in the dtype of `logits`, in nats.

    See Also
    --------
    cross_entropy : This loss with `epsilon` 0.
    poly_binary_cross_entropy : For two classes and one logit.
    softmax_focal_loss : Has less weight where the prediction is right.

    Notes
    -----
    Cross-entropy is the series :math:`\sum_i (1 - p)^i / i` in the softmax `p` of the observed
    class. This loss adds :math:`\varepsilon` to its first coefficient:

    .. math:: \ell = \sum_k y_k (-\log p_k + \varepsilon (1 - p_k)),

    of which a label selects one term. The surprise :math:`s = -\log p` is computed as in
    `cross_entropy`, and :math:`1 - p` is the softmax of the other classes. For negative
    :math:`\varepsilon` the loss is :math:`(1 + \varepsilon)(1 - p) + (s - (1 - p))`. Where a label
    is likely, the last term is a series that begins with :math:`(1 - p)^2 / 2`. A masked class
    costs nothing if its target is 0, and inf otherwise.

    For a label y the derivative is :math:`-(1 + \varepsilon p_y)(1 - p_y)` with respect to its own
    logit, and :math:`(1 + \varepsilon p_y) p_j` with respect to another. The second derivatives are
    :math:`p_y (1 - p_y) (1 + \varepsilon (2 p_y - 1))` and
    :math:`p_j (1 - p_j - \varepsilon p_y (2 p_j - 1))`.

    The default of `epsilon` is 2 in optax and timm.

    References
    ----------
    .. [1] Z. Leng, M. Tan, C. Liu, E. D. Cubuk, X. Shi, S. Cheng and D. Anguelov, "PolyLoss: A
       Polynomial Expansion Perspective of Classification Loss Functions", ICLR 2022.
       :doi:`10.48550/arXiv.2204.12511`

    Examples
    --------
    >>> import portable_losses as pl
    >>> logits = [[2.0, -1.0, 0.5], [0.0, 0.0, 0.0]]
    >>> pl.poly_cross_entropy(logits, [0, 2], reduction="none")
    array([0.45571..., 1.76527...])
    >>> pl.poly_cross_entropy.grad([0.0, 0.0], 1)
    array([ 0.75, -0.75])
    >>> pl.poly_cross_entropy(logits, [0, 2], label_smoothing=0.1, reduction="none")
    array([0.65094..., 1.76527...])
    """
    return value(xp, axis, logits, target, Poly(epsilon), label_smoothing)


@poly_cross_entropy.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    /,
    *,
    epsilon: Finite,
    label_smoothing: UnitInterval,
) -> tuple[Array, Array]:
    return value_and_gradient(xp, axis, logits, target, Poly(epsilon), label_smoothing)


@poly_cross_entropy.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    /,
    *,
    epsilon: Finite,
    label_smoothing: UnitInterval,
) -> Array:
    return diagonal(xp, axis, logits, target, Poly(epsilon), label_smoothing)


@poly_cross_entropy.second_derivative_along
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    vector: Array,
    /,
    *,
    epsilon: Finite,
    label_smoothing: UnitInterval,
) -> Array:
    return along(xp, axis, logits, target, vector, Poly(epsilon), label_smoothing)
