"""The toolkit of the lesson "Understanding Loss Functions" under its own names, on every library.

``from portable_losses.neural_network import mse_loss, binary_cross_entropy`` replaces the lesson's
import from its own file. The lesson prints 0.1731486847 for its example of the binary
cross-entropy; its formula yields 0.15392626529447747.
"""

from ._engine.arrays import one_library, read_one
from ._numerics.standard import known
from .binary import binary_cross_entropy
from .regression import mse_loss
from .special import sigmoid
from .typing import Array

__all__ = ["binary_cross_entropy", "matrix_multiply", "mse_loss", "normalize", "sigmoid"]


def normalize(x: Array, /) -> Array:
    r"""Shift and scale an array to mean 0 and standard deviation 1.

    Parameters
    ----------
    x : array
        Real numbers of any shape. All of them are taken together, whatever the axes.

    Returns
    -------
    array
        ``(x - mean) / std``, of the shape and dtype of `x`, without a unit. Integers become the
        default real dtype. If all values are equal, the result is 0.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.

    See Also
    --------
    matrix_multiply : The step that usually follows.

    Notes
    -----
    With the mean :math:`\mu` of the n values it is

    .. math:: (x - \mu) \Big/ \sqrt{\tfrac{1}{n} \sum_i (x_i - \mu)^2},

    the standard deviation of a population, as in ``numpy.std``; that of a sample divides by n - 1.

    Rounding makes the mean of ``[0.1, 0.1, 0.1]`` differ from 0.1, and the division by a tiny
    standard deviation would enlarge that error to 1. So the mean is clipped to the range of the
    values: equal values then differ from it by exactly 0. No branch depends on a value, so lazy and
    traced arrays work. The deviations are divided by the largest of them before they are squared:
    the squares neither overflow nor underflow. NaN or infinity in `x` makes the whole result NaN.

    Examples
    --------
    >>> from portable_losses.neural_network import normalize
    >>> normalize([1.0, 2.0, 3.0])
    array([-1.22474487,  0.        ,  1.22474487])
    >>> normalize([0.1, 0.1, 0.1])
    array([0., 0., 0.])
    """
    backend, x, result = read_one("normalize", x)
    xp = backend.xp
    if 0 in x.shape:
        return xp.astype(x, result, copy=False)
    mean = xp.minimum(xp.maximum(xp.mean(x), xp.min(x)), xp.max(x))
    deviation = x - mean
    largest = xp.max(xp.abs(deviation))
    scaled = deviation / xp.where(largest == 0, xp.ones_like(largest), largest)
    variance = xp.mean(scaled * scaled)
    # 0 is replaced under the root, where the derivative would be infinite, and not after it.
    unit = xp.sqrt(xp.where(variance == 0, xp.ones_like(variance), variance))
    return xp.astype(scaled / unit, result, copy=False)


def matrix_multiply(x: Array, w: Array, /) -> Array:
    r"""Multiply two matrices.

    Parameters
    ----------
    x : array of shape (..., m, n)
        Real numbers: in the lesson, a row for each sample and a column for each feature.
    w : array of shape (..., n, p)
        Real numbers of the same library: a row for each feature. `x` or `w` may be a vector of n
        numbers instead.

    Returns
    -------
    array of shape (..., m, p)
        The product, in the unit of `x` times that of `w`, and the dtype to which the two are
        promoted. Integers become the default real dtype first.

    Raises
    ------
    TypeError
        If the arrays are of two libraries, or do not hold real numbers.
    ValueError
        If `x` has not as many columns as `w` has rows.

    See Also
    --------
    normalize : The step that usually comes before.

    Notes
    -----
    :math:`(XW)_{ij} = \sum_k X_{ik} W_{kj}`, by the ``matmul`` of the library, on the
    device of the arrays. float16 and bfloat16 are multiplied in float32 and rounded once.

    Examples
    --------
    >>> from portable_losses.neural_network import matrix_multiply
    >>> matrix_multiply([[1.0], [2.0], [3.0]], [[1.5]]) + 0.5
    array([[2. ],
           [3.5],
           [5. ]])
    """
    left, x, first = read_one("matrix_multiply", x)
    right, w, second = read_one("matrix_multiply", w, "w")
    xp = one_library("matrix_multiply", {"x": (left, x), "w": (right, w)}).xp
    shapes = f"x has shape {tuple(x.shape)} and w has shape {tuple(w.shape)}"
    if not x.ndim or not w.ndim:
        raise ValueError(
            f"matrix_multiply: {shapes}: matrix_multiply needs arrays with at least one axis; "
            "for scalars use `x * w`"
        )
    columns, rows = x.shape[-1], w.shape[max(w.ndim - 2, 0)]
    if known(columns) and known(rows) and columns != rows:
        raise ValueError(
            f"matrix_multiply: {shapes}: x must have as many columns as w has rows, "
            f"{columns} is not {rows}"
        )
    dtype = xp.result_type(x.dtype, w.dtype)
    product = xp.matmul(xp.astype(x, dtype, copy=False), xp.astype(w, dtype, copy=False))
    return xp.astype(product, xp.result_type(first, second), copy=False)
