"""Elementary functions on blocks of float32 and float64, by arithmetic that NumPy has vectorised.

With AVX2 NumPy has vectorised `exp`, `log` and `tanh` of float32. `log1p`, `expm1`, `sinh` and
`atan` run one number at a time through the C library. On real data the processor mispredicts its
branches: 10 to 30 ns an element. With AVX-512 under Linux NumPy has vectorised all of them.

`KERNELS` holds the functions that are faster here than NumPy's own on this processor.
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


class _Series:
    """The function g(z) = slope z + constant + the sum of numerator / (pole - z)."""

    def __init__(self, dtype: npt.DTypeLike, *pairs: tuple[float, float]) -> None:
        # Arrays without axes: a Python number takes NumPy as long as some thousand elements.
        (self._slope, self._constant), *self._poles = (
            (np.asarray(first, dtype), np.asarray(second, dtype)) for first, second in pairs
        )

    def times(self, z: Floats) -> Floats:
        """Return z g(z)."""
        total: Floats = z * self._slope
        total += self._constant
        term = np.empty_like(total)
        for numerator, pole in self._poles:
            np.subtract(pole, z, out=term)
            np.divide(numerator, term, out=term)
            total += term
        total *= z
        return total


class _Format(NamedTuple):
    """Constants of a dtype: its layout, log(2) in two parts, and fitted series."""

    mantissa: Floats
    """The bits of the mantissa, as an integer of the same size, and so the bits of 1/2."""
    half: Floats
    shift: Floats
    """Next to this number floats are 1 apart."""
    range: tuple[float, float]
    """Before it exp(x) - 1 is -1, beyond it inf."""
    per_log2: Floats
    log2_high: Floats
    log2_low: Floats
    coth: _Series
    """r/2 coth(r/2) - 1 of the square of r, |r| <= log(2) / 2."""
    atanh: _Series
    """atanh(s) / s - 1 of the square of s, |s| <= 1/3."""
    atan: _Series
    """atan(s) / s - 1 of the square of s, |s| <= 1."""


_F4, _F8 = np.dtype(np.float32), np.dtype(np.float64)
_FORMATS: Final = {
    _F4: _Format(
        mantissa=np.asarray(23, np.int32),
        half=np.asarray(0.5, _F4).view(np.int32),
        shift=np.asarray(1.5 * 2**23, _F4),
        range=(-80.0, 89.0),
        per_log2=np.asarray(1 / math.log(2), _F4),
        log2_high=np.asarray(0.693359375, _F4),
        log2_low=np.asarray(-2.12194440e-4, _F4),
        coth=_Series(_F4, (-0.00138492335, 0.0833332738)),
        atanh=_Series(_F4, (0.0181259442, 0.10165869), (0.295108716, 1.27380675)),
        atan=_Series(
            _F4,
            (0.00146086322, -0.0258919089),
            (0.354354804, -2.37318578),
            (0.184366446, -1.16595149),
        ),
    ),
    _F8: _Format(
        mantissa=np.asarray(52, np.int64),
        half=np.asarray(0.5, _F8).view(np.int64),
        shift=np.asarray(1.5 * 2**52, _F8),
        range=(-700.0, 710.0),
        per_log2=np.asarray(1 / math.log(2), _F8),
        log2_high=np.asarray(6.93147180369123816490e-01, _F8),
        log2_low=np.asarray(1.90821492927058770002e-10, _F8),
        coth=_Series(
            _F8,
            (-6.6057320019165845e-5, 0.030416854510440751),
            (-2.1167878036037052, -40.002431202734522),
        ),
        atanh=_Series(
            _F8,
            (0.0010829726294062454, 0.020755816581646115),
            (0.083441648748438202, 1.0684578096000765),
            (0.19172951668044185, 1.453151204403161),
            (0.30017197299543106, 2.9273191421342149),
        ),
        atan=_Series(
            _F8,
            (6.7202896808057371e-5, -0.0041003138528219751),
            (0.21349301659968918, -7.7481977743599087),
            (0.19257759801782782, -3.1698402926961143),
            (0.16600575775434304, -1.8154421140979204),
            (0.12109042457986364, -1.2696945767500034),
            (0.056610819098061822, -1.0461138035092177),
        ),
    ),
}

_Function: TypeAlias = Callable[[Floats], Floats]


def _instead_of(function: _Function, short: int = SHORT) -> Callable[[_Function], _Function]:
    """Leave short arrays and other dtypes to NumPy's own function."""

    def decorated(formula: _Function) -> _Function:
        @wraps(formula)
        def kernel(x: Floats, /) -> Floats:
            return formula(x) if x.size > short and x.dtype in _FORMATS else function(x)

        return kernel

    return decorated


@_instead_of(np.expm1, 4 * SHORT)
def expm1(x: Floats, /) -> Floats:
    """Return exp(x) - 1. Within 2.5 ulp; of -0 it is 0.

    With x = n log(2) + r and |r| <= log(2) / 2 it is 2**n (exp(r) - 1) + (2**n - 1), and
    exp(r) - 1 = r + r w / (1 - w) with w = r/2 - (r/2 coth(r/2) - 1).
    """
    constants = _FORMATS[x.dtype]
    x = x.clip(*constants.range)
    # Adding `shift` rounds to an integer, which the last bits then hold. Moved to the exponent they
    # make a power of 2: that of n - 1, since 2**n can overflow where the result does not.
    n = x * constants.per_log2
    n += constants.shift
    bits = np.left_shift(n.view(constants.half.dtype), constants.mantissa)
    bits += constants.half
    half = bits.view(x.dtype)
    n -= constants.shift
    r = n * constants.log2_high
    np.subtract(x, r, out=r)
    n *= constants.log2_low
    r -= n
    np.multiply(r, r, out=n)
    series = constants.coth.times(n)
    w: Floats = np.multiply(r, 0.5, out=n)
    w -= series
    np.subtract(1.0, w, out=series)
    w /= series
    w *= r
    w += r
    w *= half
    half -= 0.5
    w += half
    w += w
    return w


@_instead_of(np.sinh, 4 * SHORT)
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

    Within 4.1 ulp in float32, of which `np.log` has 3.8, and 1.5 in float64; of -0 it is 0.
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


def log1pmx(x: Floats, /) -> Any:
    """Return log(1 + x) - x: from -1/2 to 1 it is 2 (atanh(s) - s) - s x with s = x / (2 + x).

    Within 5 ulp in float32, 3 in float64.
    """
    if x.dtype not in _FORMATS:
        return log1pmx(x.astype(_F8)).astype(x.dtype)
    s = x / (x + 2.0)
    near = s * (2.0 * _FORMATS[x.dtype].atanh.times(s * s) - x)
    far = KERNELS.get("log1p", np.log1p)(minimum(x, 1e30)) - x  # -inf at inf
    return where((x > -0.5) & (x < 1.0), near, far)


def softplus(x: Floats, /) -> Any:
    """Return log(1 + exp(x)), 0 at -inf. Within 4 ulp in float32, 3 in float64."""
    return maximum(x, 0.0) + _log1p_tail(np.exp(-np.abs(x)))


def log_sigmoid(x: Floats, /) -> Any:
    """Return log(1 / (1 + exp(-x))), 0 at inf. Within 4 ulp in float32, 3 in float64."""
    return minimum(x, 0.0) - _log1p_tail(np.exp(-np.abs(x)))


def sigmoid(x: Floats, /) -> Any:
    """Return 1 / (1 + exp(-x)); see `sigmoids`."""
    e = np.exp(-np.abs(x))
    return np.maximum(e, (x >= 0).astype(x.dtype)) / (1.0 + e)


def sigmoids(x: Floats, /) -> tuple[Any, Any]:
    """Return sigmoid(x) and sigmoid(-x). Within 4 ulp in float32, 2.5 in float64.

    With e = exp(-abs(x)) one is 1 / (1 + e), the other e / (1 + e). Since e is at most 1, the
    larger of e and a step stands for the selection, and is faster.
    """
    e = np.exp(-np.abs(x))
    total = 1.0 + e
    step = (x >= 0).astype(x.dtype)
    return np.maximum(e, step) / total, np.maximum(e, 1.0 - step) / total


@_instead_of(np.atan, 4 * SHORT)
def atan(x: Floats, /) -> Floats:
    r"""Return the arc tangent: for \|x\| > 1 it is pi/2 less that of 1 / \|x\|. Within 2.1 ulp."""
    size = np.abs(x)
    small = np.divide(1.0, size)
    np.minimum(size, small, out=small)
    total = _FORMATS[x.dtype].atan.times(small * small)
    total *= small
    total += small
    total -= np.multiply(size > 1.0, math.pi / 2, dtype=x.dtype)
    return np.copysign(total, x, out=total)  # which also drops the sign of the difference


def where(condition: Floats, x1: Any, x2: Any, /) -> Any:
    """Select without a branch: `np.where` takes 4 ns an element on a mask without pattern.

    This takes 0.6 (float32) or 1. The mask, spread to all bits, selects between two bit patterns.
    """
    if condition.size <= SHORT or (dtype := np.result_type(x1, x2)) not in _FORMATS:
        return np.where(condition, x1, x2)
    integers = _FORMATS[dtype].half.dtype
    mask = np.negative(condition.view(np.int8)).astype(integers)
    first, second = (np.asarray(x, dtype).view(integers) for x in (x1, x2))
    return (second ^ ((first ^ second) & mask)).view(dtype)


def minimum(x1: Floats, x2: Any, /) -> Any:
    """Compare with a number as fast as with an array: NumPy has vectorised its clip for that."""
    if x1.size > SHORT and isinstance(x2, (int, float)) and x1.dtype in _FORMATS:
        return x1.clip(-math.inf, x2)
    return np.minimum(x1, x2)


def maximum(x1: Floats, x2: Any, /) -> Any:
    """Compare with a number as fast as with an array; see `minimum`."""
    if x1.size > SHORT and isinstance(x2, (int, float)) and x1.dtype in _FORMATS:
        return x1.clip(x2, math.inf)
    return np.maximum(x1, x2)


def kernels_for(features: Mapping[str, bool], platform: str) -> dict[str, Callable[..., Any]]:
    """Return the functions that are faster than NumPy's own on a processor, by name.

    What NumPy calls X86_V3 and X86_V4 since 2.4 were AVX2 with FMA3 and AVX512_SKX before. Only
    under Linux has it the vectorised functions for AVX-512 (Intel's SVML).
    """
    kernels: dict[str, Callable[..., Any]] = {
        function.__name__: function
        for function in (where, minimum, maximum, sigmoid, sigmoids, log1pmx)
    }
    avx2 = features.get("X86_V3") or (features.get("AVX2") and features.get("FMA3"))
    avx512 = features.get("X86_V4") or features.get("AVX512_SKX")
    if avx2 and not (avx512 and platform == "linux"):
        for function in (expm1, sinh, log1p, softplus, log_sigmoid, atan):
            kernels[function.__name__] = function
    return kernels


KERNELS: Final = kernels_for(
    getattr(import_module("numpy._core._multiarray_umath"), "__cpu_features__", {}), sys.platform
)
