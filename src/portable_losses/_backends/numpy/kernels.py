"""Elementary functions on blocks of float32 and float64, by arithmetic that NumPy has vectorised.

With AVX2 NumPy has vectorised `exp`, `log` and `tanh` of float32. `log1p`, `expm1`, `sinh` and
`arctan` run one number at a time through the C library, whose branches the processor guesses wrong
on real data: 10 to 30 ns an element. With AVX-512 under Linux NumPy has vectorised all of them.

`KERNELS` holds what is faster here than NumPy's own on the processor at hand.
`benchmarks/kernels.py` prints the times, `benchmarks/fit_kernels.py` fits the coefficients.

A kernel takes arrays of any shape, never writes into them, and leaves short arrays and other dtypes
to NumPy's own function. The caller ignores floating-point warnings (`np.errstate`). The errors
named below are the largest measured, in units in the last place (ulp). NumPy's own functions of
float32 have up to 3.8 ulp (`log`), 2.5 (`exp`) and 1.4 (`tanh`).
"""

import math
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[Any]

SHORT: Final = 512
"""Up to this many elements the calls of a kernel cost more than they save."""


class _Series(NamedTuple):
    """The function g(z) = slope z + constant + sum of numerator / (pole - z)."""

    slope: float
    constant: float
    poles: tuple[tuple[float, float], ...] = ()

    def times(self, z: Floats) -> Floats:
        """Return z g(z)."""
        total = z * self.slope
        total += self.constant
        term = np.empty_like(total)
        for numerator, pole in self.poles:
            np.subtract(pole, z, out=term)
            np.divide(numerator, term, out=term)
            total += term
        total *= z
        return total


class _Format(NamedTuple):
    """What the arithmetic of a dtype needs: its layout, log(2) in two parts, and fitted series."""

    integers: type[np.signedinteger[Any]]
    mantissa: int
    bias: int
    lowest: float
    highest: float
    log2_high: float
    log2_low: float
    coth: _Series
    """r/2 coth(r/2) - 1 of the square of r, |r| <= log(2) / 2."""
    atanh: _Series
    """atanh(s) / s - 1 of the square of s, |s| <= 1/3."""
    atan: _Series
    """atan(s) / s - 1 of the square of s, |s| <= 1."""


_FORMATS: Final = {
    np.dtype(np.float32): _Format(
        integers=np.int32,
        mantissa=23,
        bias=127,
        lowest=-80.0,
        highest=89.0,
        log2_high=0.693359375,
        log2_low=-2.12194440e-4,
        coth=_Series(-0.00138492335, 0.0833332738),
        atanh=_Series(0.0181259442, 0.10165869, ((0.295108716, 1.27380675),)),
        atan=_Series(
            0.00146086322,
            -0.0258919089,
            ((0.354354804, -2.37318578), (0.184366446, -1.16595149)),
        ),
    ),
    np.dtype(np.float64): _Format(
        integers=np.int64,
        mantissa=52,
        bias=1023,
        lowest=-700.0,
        highest=710.0,
        log2_high=6.93147180369123816490e-01,
        log2_low=1.90821492927058770002e-10,
        coth=_Series(
            -6.6057320019165845e-5,
            0.030416854510440751,
            ((-2.1167878036037052, -40.002431202734522),),
        ),
        atanh=_Series(
            0.0010829726294062454,
            0.020755816581646115,
            (
                (0.083441648748438202, 1.0684578096000765),
                (0.19172951668044185, 1.453151204403161),
                (0.30017197299543106, 2.9273191421342149),
            ),
        ),
        atan=_Series(
            6.7202896808057371e-5,
            -0.0041003138528219751,
            (
                (0.21349301659968918, -7.7481977743599087),
                (0.19257759801782782, -3.1698402926961143),
                (0.16600575775434304, -1.8154421140979204),
                (0.12109042457986364, -1.2696945767500034),
                (0.056610819098061822, -1.0461138035092177),
            ),
        ),
    ),
}

_Function: TypeAlias = Callable[[Floats], Floats]


def _instead_of(function: _Function) -> Callable[[_Function], _Function]:
    """Leave short arrays and other dtypes to NumPy's own function."""

    def decorated(formula: _Function) -> _Function:
        @wraps(formula)
        def kernel(x: Floats, /) -> Floats:
            return formula(x) if x.size > SHORT and x.dtype in _FORMATS else function(x)

        return kernel

    return decorated


@_instead_of(np.expm1)
def expm1(x: Floats, /) -> Floats:
    """Return exp(x) - 1. Within 2 ulp.

    With x = n log(2) + r and |r| <= log(2) / 2 it is 2**n (exp(r) - 1) + (2**n - 1), and
    exp(r) - 1 = r + r w / (1 - w) with w = r/2 - (r/2 coth(r/2) - 1).
    """
    format_ = _FORMATS[x.dtype]
    x = np.clip(x, format_.lowest, format_.highest)  # beyond it is -1 or inf, and n too large
    # Next to the number `shift` floats are 1 apart. So adding it rounds to an integer, which the
    # last bits hold; moved to where the exponent is they make the power of 2: here 2**(n - 1),
    # since 2**n can overflow where the result does not.
    shift = 1.5 * 2.0**format_.mantissa
    n = x * (1 / math.log(2))
    n += shift
    bits = np.left_shift(n.view(format_.integers), format_.mantissa)
    bits += (format_.bias - 1) << format_.mantissa
    half = bits.view(x.dtype)
    n -= shift
    r = n * -format_.log2_high
    r += x
    n *= format_.log2_low
    r -= n
    np.multiply(r, r, out=n)
    series = format_.coth.times(n)
    w = np.multiply(r, 0.5, out=n)
    w -= series
    np.subtract(1.0, w, out=series)
    w /= series
    w *= r
    w += r
    w *= half
    np.subtract(0.5, half, out=half)
    w -= half
    w += w
    return w


@_instead_of(np.sinh)
def sinh(x: Floats, /) -> Floats:
    r"""Return the hyperbolic sine: e (1 + 1 / (e + 1)) / 2 with e = exp(\|x\|) - 1. Within 3 ulp.

    It is inf where exp(\|x\|) is.
    """
    total = expm1(np.abs(x))
    factor = total + 1.0
    np.divide(0.5, factor, out=factor)
    factor += 0.5
    total *= factor
    return np.copysign(total, x, out=total)


@_instead_of(np.log1p)
def log1p(x: Floats, /) -> Floats:
    """Return log(1 + x): the logarithm of the rounded sum, and what rounding took from the sum.

    Within 4.1 ulp in float32, of which `np.log` has 3.8, and 1.5 in float64. Of -0 it is 0.
    """
    total = x + 1.0
    lost = total - 1.0
    np.subtract(x, lost, out=lost)
    lost /= total
    if math.isnan(np.maximum.reduce(lost, axis=None)):  # at -1 and inf, which data seldom have
        lost[np.isnan(lost)] = 0.0
    np.log(total, out=total)
    total += lost
    return total


@_instead_of(np.log1p)
def _log1p_tail(x: Floats, /) -> Floats:
    """Return log(1 + x) for x from -1/2 to 1: 2 atanh(s) with s = x / (2 + x). Within 2 ulp."""
    s = x + 2.0
    np.divide(x, s, out=s)
    total = _FORMATS[x.dtype].atanh.times(s * s)
    total *= s
    total += s
    total += total
    return total


def log1pmx(x: Floats, /) -> Floats:
    """Return log(1 + x) - x: from -1/2 to 1 it is 2 (atanh(s) - s) - s x with s = x / (2 + x)."""
    series = _FORMATS.get(x.dtype, _FORMATS[np.dtype(np.float64)]).atanh
    s = x / (x + 2.0)
    near = s * (2.0 * series.times(s * s) - x)
    far = log1p(minimum(x, 1e30)) - x  # -inf at inf
    return where((x > -0.5) & (x < 1.0), near, far)


def softplus(x: Floats, /) -> Floats:
    """Return log(1 + exp(x)), 0 at -inf."""
    return maximum(x, 0.0) + _log1p_tail(np.exp(-np.abs(x)))


def log_sigmoid(x: Floats, /) -> Floats:
    """Return log(1 / (1 + exp(-x))), 0 at inf."""
    return minimum(x, 0.0) - _log1p_tail(np.exp(-np.abs(x)))


@_instead_of(np.arctan)
def arctan(x: Floats, /) -> Floats:
    r"""Return the arc tangent: for \|x\| > 1 it is pi/2 less that of 1 / \|x\|. Within 2 ulp."""
    size = np.abs(x)
    small = np.divide(1.0, size)
    np.minimum(size, small, out=small)
    total = _FORMATS[x.dtype].atan.times(small * small)
    total *= small
    total += small
    total -= np.multiply(size > 1.0, math.pi / 2, dtype=x.dtype)
    return np.copysign(total, x, out=total)  # which also drops the sign of the difference


def where(condition: Floats, x1: Any, x2: Any, /) -> Floats:
    """Select without a branch: `np.where` takes 4 ns an element on a mask without pattern.

    This takes 0.6 (float32) or 1. The mask, spread to all bits, selects between two bit patterns.
    """
    dtype = np.result_type(x1, x2)
    if condition.size <= SHORT or dtype not in _FORMATS:
        return np.asarray(np.where(condition, x1, x2))
    integers = _FORMATS[dtype].integers
    mask = np.negative(condition.view(np.int8)).astype(integers)
    first, second = (np.asarray(x, dtype).view(integers) for x in (x1, x2))
    return np.asarray(second ^ ((first ^ second) & mask)).view(dtype)


def minimum(x1: Floats, x2: Any, /) -> Floats:
    """Compare with a number as fast as with an array: NumPy has vectorised its clip for that."""
    by_number = isinstance(x2, (int, float)) and x1.size > SHORT
    return np.asarray(np.clip(x1, -math.inf, x2) if by_number else np.minimum(x1, x2))


def maximum(x1: Floats, x2: Any, /) -> Floats:
    """Compare with a number as fast as with an array; see `minimum`."""
    by_number = isinstance(x2, (int, float)) and x1.size > SHORT
    return np.asarray(np.clip(x1, x2, math.inf) if by_number else np.maximum(x1, x2))


def kernels_for(features: Mapping[str, bool], platform: str) -> dict[str, Callable[..., Floats]]:
    """Return what is faster than NumPy's own functions on a processor, by name.

    What NumPy calls X86_V3 and X86_V4 since 2.4 were AVX2 with FMA3 and AVX512_SKX before. Only
    under Linux has it the vectorised functions for AVX-512 (Intel's SVML).
    """
    kernels: dict[str, Callable[..., Floats]] = {
        function.__name__: function for function in (where, minimum, maximum)
    }
    avx2 = features.get("X86_V3") or (features.get("AVX2") and features.get("FMA3"))
    avx512 = features.get("X86_V4") or features.get("AVX512_SKX")
    if avx2 and not (avx512 and platform == "linux"):
        for function in (expm1, sinh, log1p, log1pmx, softplus, log_sigmoid, arctan):
            kernels[function.__name__] = function
        kernels["atan"] = kernels.pop("arctan")
    return kernels


KERNELS: Final = kernels_for(
    getattr(import_module("numpy._core._multiarray_umath"), "__cpu_features__", {}), sys.platform
)
