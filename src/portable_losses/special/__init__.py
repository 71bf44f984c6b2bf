"""Special functions of losses that the array API standard lacks.

They are accurate over their whole domain, and right at the infinities. Each takes arrays of any
library, or anything that NumPy converts, and returns an array of the same library and dtype.
Functions of single elements have derivatives as well: ``sigmoid.grad(x)``. A function of several
arrays broadcasts them, and has one derivative for each of them.
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
