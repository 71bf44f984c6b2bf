"""Fit the coefficients of `_backends/numpy/kernels.py`: ``python benchmarks/fit_kernels.py``.

Each series is z g(z), where z is the square of the argument:

    atanh(s) / s - 1,           |s| <= 1/3; log(1 + t) with s = t / (2 + t), from -1/2 to 1
    atan(s) / s - 1,            |s| <= 1
    r/2 coth(r/2) - 1,          |r| <= log(2) / 2

The singularities of g lie on a line outside the interval. So a few terms numerator / (pole - z)
reach what a polynomial needs twice as many coefficients for. With slope z + constant they are the
rational function that equals g at the Chebyshev nodes of the interval, which is close to the best.
It needs mpmath.
"""

import mpmath as mp

mp.mp.dps = 60


def atanh(z):
    """Return g of atanh(s) / s - 1."""
    s = mp.sqrt(z)
    return (mp.atanh(s) / s - 1) / z


def atan(z):
    """Return g of atan(s) / s - 1."""
    s = mp.sqrt(z)
    return (mp.atan(s) / s - 1) / z


def coth(z):
    """Return g of r/2 coth(r/2) - 1."""
    half = mp.sqrt(z) / 2
    return (half * mp.coth(half) - 1) / z


def fitted(function, end, poles):
    """Return slope, constant, the pairs (numerator, pole), and the largest error of z g(z)."""
    count = 2 * poles + 2
    nodes = [end * (1 - mp.cos(mp.pi * (2 * k + 1) / (2 * count))) / 2 for k in range(count)]
    # numerator(z) = g(z) * denominator(z), whose constant is 1: linear equations
    system, right = mp.matrix(count, count), mp.matrix(count, 1)
    for row, z in enumerate(nodes):
        right[row] = function(z)
        for k in range(poles + 2):
            system[row, k] = z**k
        for k in range(1, poles + 1):
            system[row, poles + 1 + k] = -right[row] * z**k
    solution = list(mp.lu_solve(system, right))
    top, bottom = solution[: poles + 2][::-1], [*solution[poles + 2 :][::-1], mp.mpf(1)]
    pairs = []
    for pole in mp.polyroots(bottom, maxsteps=500, extraprec=400):
        slope_there = mp.polyval(bottom, pole, derivative=True)[1]
        pairs.append((mp.re(-mp.polyval(top, pole) / slope_there), mp.re(pole)))
    # what the poles leave is a line: it goes through two points
    rest = [
        mp.polyval(top, z) / mp.polyval(bottom, z) - sum(a / (p - z) for a, p in pairs)
        for z in (mp.mpf(0), end)
    ]
    constant, slope = rest[0], (rest[1] - rest[0]) / end

    def error(z):
        approximation = constant + slope * z + sum(a / (p - z) for a, p in pairs)
        return abs(approximation - function(z)) * z

    return slope, constant, pairs, max(error(end * k / 500) for k in range(1, 501))


if __name__ == "__main__":
    reduced = (mp.log(2) / 2) ** 2 * 1.001  # the rounded quotient may be a little beyond
    for name, function, end, poles in (
        ("coth, float32", coth, reduced, 0),
        ("coth, float64", coth, reduced, 1),
        ("atanh, float32", atanh, mp.mpf(1) / 9, 1),
        ("atanh, float64", atanh, mp.mpf(1) / 9, 3),
        ("atan, float32", atan, mp.mpf(1), 2),
        ("atan, float64", atan, mp.mpf(1), 5),
    ):
        slope, constant, pairs, error = fitted(function, end, poles)
        digits = 9 if "32" in name else 17
        print(f"{name}: largest error {mp.nstr(error, 2)}")
        for pair in ((slope, constant), *pairs):
            print("   ", *(mp.nstr(number, digits) for number in pair))
