"""Times of NumPy's functions, of our kernels and of torch: ``python benchmarks/kernels.py``.

Nanoseconds an element, one thread: the best of interleaved repeats, by the clock of the process.
The numbers are 2**20 different ones, in blocks: on a short array that comes again and again the
processor learns which way the branches go, and the C library looks three times as fast as it is.
Most users have no AVX-512. This leaves it out, since NumPy 2.4:

    export ATEN_CPU_CAPABILITY=avx2 NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR"

Before, the names were "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR";
NumPy 2.4 only warns of most of them, and keeps AVX-512.
"""

import os
import sys
import time
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch

from portable_losses._backends.numpy import kernels

torch.set_num_threads(1)
np.seterr(all="ignore")
TOTAL = 1 << 20
DTYPES = np.float32, np.float64
random = np.random.default_rng(0)


def best(contestants, repeats=9):
    """Return the shortest time of each contestant, in ns."""
    times = dict.fromkeys(contestants, float("inf"))
    for _ in range(repeats):
        for name, function in contestants.items():
            start = time.process_time_ns()
            function()
            times[name] = min(times[name], time.process_time_ns() - start)
    return times


def in_blocks(function, *arrays, size=1 << 14):
    """Return a contestant that goes through all numbers in blocks."""
    pieces = [tuple(x[i : i + size] for x in arrays) for i in range(0, TOTAL, size)]

    def run():
        for piece in pieces:
            function(*piece)

    return run


def row(label, times, count=TOTAL):
    print(f"{label:30}", "  ".join(f"{name} {ns / count:.2f}" for name, ns in times.items()))


def softplus(x):
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def log_sigmoid(x):
    return np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x)))


FUNCTIONS = {  # name: NumPy's, torch's, whether of positive numbers
    "expm1": (np.expm1, torch.expm1, False),
    "sinh": (np.sinh, torch.sinh, False),
    "log1p": (np.log1p, torch.log1p, True),
    "log1pmx": (lambda x: np.log1p(x) - x, lambda x: torch.log1p(x) - x, True),
    "softplus": (softplus, torch.nn.functional.softplus, False),
    "log_sigmoid": (log_sigmoid, torch.nn.functional.logsigmoid, False),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), torch.sigmoid, False),
    "atan": (np.atan, torch.atan, False),
}
UNCHANGED = {
    "exp": (np.exp, torch.exp, False),
    "log": (np.log, torch.log, True),
    "tanh": (np.tanh, torch.tanh, False),
}


def functions():
    print("\n== functions, in blocks")
    for dtype in DTYPES:
        x = (2 * random.standard_normal(TOTAL)).astype(dtype)
        for name, (own, peer, positive) in {**FUNCTIONS, **UNCHANGED}.items():
            data = np.abs(x) if positive else x
            contestants = {"numpy": in_blocks(own, data)}
            if name in FUNCTIONS:
                kernel = getattr(kernels, name)
                for power in (13, 14, 15):
                    contestants[f"ours 2**{power}"] = in_blocks(kernel, data, size=1 << power)
            contestants["torch"] = in_blocks(peer, torch.from_numpy(data))
            row(f"{name} {np.dtype(dtype)}", best(contestants))


def short():
    print("\n== short arrays, ns an element: where a kernel leaves them to NumPy, and beyond")
    for dtype in DTYPES:
        for count in (100, 512, 1000, 1500, 2000, 3000, 10_000):
            numbers = np.abs(random.standard_normal((TOTAL // count, count))).astype(dtype)
            for name in ("log1p", "expm1", "atan"):
                formula = getattr(kernels, name).__wrapped__
                tensor = torch.from_numpy(numbers)
                contestants = {
                    "numpy": partial(each, getattr(np, name), numbers),
                    "ours": partial(each, formula, numbers),
                    "torch": partial(each, getattr(torch, name), tensor),
                }
                row(f"{name} {np.dtype(dtype)} {count}", best(contestants, 3), numbers.size)


def each(function, rows):
    for x in rows:
        function(x)


def formula(p, t):
    """Return a loss of six passes."""
    r = p - t
    square = r * r
    return (square * 0.25 + 1.0) * square + r


def blocks():
    print("\n== a formula of six passes, by the size of the blocks")
    for dtype in DTYPES:
        p, t = (random.standard_normal(TOTAL).astype(dtype) for _ in range(2))
        sizes = {
            f"2**{power}": in_blocks(formula, p, t, size=1 << power) for power in range(11, 21)
        }
        row(f"{np.dtype(dtype)}", best(sizes))


def selections():
    print("\n== selections and comparisons, in blocks")
    for dtype in DTYPES:
        x, y = (random.standard_normal(TOTAL).astype(dtype) for _ in range(2))
        name = np.dtype(dtype)
        for part in (0.0, 0.01, 0.5):
            mask = random.random(TOTAL) < part
            contestants = {
                "np.where": in_blocks(np.where, mask, x, y),
                "ours": in_blocks(kernels.where, mask, x, y),
                "np.where number": in_blocks(lambda m, x: np.where(m, x, 0.0), mask, x),
                "ours number": in_blocks(lambda m, x: kernels.where(m, x, 0.0), mask, x),
                "mask * x": in_blocks(np.multiply, mask, x),
            }
            row(f"where {name}, {part:.0%} true", best(contestants))
        contestants = {
            "np": in_blocks(lambda x: np.maximum(x, 0.0), x),
            "ours (clip)": in_blocks(lambda x: kernels.maximum(x, 0.0), x),
            "np of arrays": in_blocks(np.maximum, x, y),
            "(x + |x|) / 2": in_blocks(lambda x: 0.5 * (x + np.abs(x)), x),
        }
        row(f"maximum(x, 0.0) {name}", best(contestants))
        contestants = {
            "x + y": in_blocks(np.add, x, y),
            "abs": in_blocks(np.abs, x),
            "sign": in_blocks(np.sign, x),
            "copysign": in_blocks(lambda x: np.copysign(1.0, x), x),
            "x > 0": in_blocks(lambda x: x > 0, x),
            "(x > 0).astype": in_blocks(lambda x: (x > 0).astype(x.dtype), x),
            "sqrt": in_blocks(lambda x: np.sqrt(np.abs(x)), x),
            "divide": in_blocks(np.divide, x, y),
        }
        row(f"{name}", best(contestants))


def sums():
    print("\n== sums of float32, in blocks; the error of the mean of 10**8 times 0.1")
    x = random.random(TOTAL).astype(np.float32)

    def widened(x):
        return np.add.reduce(x, dtype=np.float64)

    def pairwise(x):
        return float(np.add.reduce(x))

    def halves(x):
        while len(x) > 1024:
            half = len(x) // 2
            x = x[:half] + x[half:]
        return np.add.reduce(x, dtype=np.float64)

    def dot(x):
        return float(np.dot(x, np.ones_like(x)))

    ways = {f.__name__: f for f in (widened, pairwise, halves, dot)}
    for power in (13, 14, 15):
        row(f"2**{power}", best({n: in_blocks(f, x, size=1 << power) for n, f in ways.items()}))
    size = 1 << 14
    equal = np.full(size, 0.1, np.float32)
    count = 10**8 // size
    exact = [x[i : i + size].astype(np.float64).sum() for i in range(0, TOTAL, size)]
    for name, way in ways.items():
        mean = np.float32(sum(way(equal) for _ in range(count)) / (count * size))
        total = sum(way(x[i : i + size]) for i in range(0, TOTAL, size))
        error = abs(total / sum(exact) - 1)
        print(f"    {name}: mean {mean!r}, relative error of a random sum {error:.1e}")


def calls():
    print("\n== calls, ns each")
    x, out, count = np.ones(4, np.float32), np.empty(4, np.float32), 20_000
    decorated = np.errstate(all="ignore")(lambda: None)

    def within():
        with np.errstate(all="ignore"):
            pass

    statements = {
        "errstate, with": within,
        "errstate, decorator": decorated,
        "plain function": lambda: None,
        "x + x": lambda: x + x,
        "x + 1.0": lambda: x + 1.0,
        "np.add(x, x, out=out)": lambda: np.add(x, x, out=out),
        "np.exp": lambda: np.exp(x),
        "np.where": lambda: np.where(x > 0, x, x),
        "np.clip": lambda: np.clip(x, 0.0, 1.0),
        "np.sum": lambda: np.sum(x),
        "np.add.reduce": lambda: np.add.reduce(x),
        "... float64": lambda: np.add.reduce(x, dtype=np.float64),
        "log1p kernel (short)": lambda: kernels.log1p(x),
    }

    def repeated(function):
        def run():
            for _ in range(count):
                function()

        return run

    for name, ns in best({n: repeated(f) for n, f in statements.items()}, 5).items():
        print(f"    {name:24}{ns / count:8.0f}")


if __name__ == "__main__":
    print(
        "NumPy", np.__version__, "torch", torch.__version__, torch.backends.cpu.get_cpu_capability()
    )
    print("overridden on this processor:", *kernels.KERNELS)
    parts = (functions, short, blocks, selections, sums, calls)
    for part in parts:
        if len(sys.argv) == 1 or part.__name__ in sys.argv[1:]:
            part()
