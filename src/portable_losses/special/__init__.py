"""Special functions of losses that the array API standard lacks: accurate to the last digits, right at the infinities.

Each takes arrays of any library, or what NumPy reads as such, and gives one of the same library and
dtype. Functions of single elements have derivatives as well: ``sigmoid.grad(x)``; those of several
arrays broadcast them, and have one derivative for each of them.
"""

from ._function import Special
from .gamma import lgamma
from .logarithms import log1mexp, rel_entr, xlog1py, xlogy
from .rows import log_softmax, logsumexp, softmax
from .sigmoids import log_sigmoid, logit, sigmoid, softplus

__all__ = [
    "Special",
    "lgamma",
    "log1mexp",
    "log_sigmoid",
    "log_softmax",
    "logit",
    "logsumexp",
    "rel_entr",
    "sigmoid",
    "softmax",
    "softplus",
    "xlog1py",
    "xlogy",
]
