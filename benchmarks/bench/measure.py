"""One part of the measurements, in a process of its own.

A library chooses the features of the processor when it is imported, and its threads too.
``python measure.py PART '{"losses": [""], ...}'`` writes records to its output, as JSON.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contestants import (
    BOTH,
    CONTESTANTS,
    OPTAX_JIT,
    OURS,
    OURS_COMPILED,
    TORCH,
    TORCH_COMPILED,
    VALUE,
    jit_theirs,
    numpy_here,
    torch_eager,
    torch_here,
)
from subjects import SUBJECTS, Arrays, Subject, labels_of
from timing import Call, in_turns, rotating, traced_peak

import portable_losses as pl

Record = dict[str, Any]
"""`loss`, `dtype`, `size`, `quantity`, `contestant`, and as `value` seconds or bytes."""

SECONDS = {100: 0.15, 10**4: 0.4, 10**6: 0.8, 10**7: 2.0}
"""How long the turns of all contestants together take, if three of them take no longer."""
NUMBERS = 160_000
"""How many numbers the sets that are taken in turn have together."""

PLAIN, OPTIONS = "plain mean", "a call with options"
SMALL = "cross_entropy of 64 x 10 tensors"
TWO_WORKERS, JIT_TWO = f"{OURS}, 2 workers", f"{OPTAX_JIT}, 2 threads"
PEAK = "peak bytes a worker"
COMPILERS = (OURS_COMPILED, TORCH_COMPILED)


def drawn(subject: Subject, size: int, dtype: str) -> list[Arrays]:
    """Draw the sets of arrays that are taken in turn."""
    random = np.random.default_rng(0)
    number = max(1, min(256, NUMBERS // size))
    return [subject.draw(random, size, np.dtype(dtype).type) for _ in range(number)]


def timed(
    subject: str, dtype: str, size: int, quantity: str, calls: dict[str, Call], **settings: Any
) -> Iterator[Record]:
    """Time the calls in turns, and say on the way what was found."""
    taken = in_turns(calls, settings.pop("seconds", SECONDS.get(size, 1.0)), **settings)
    found = ", ".join(f"{name} {1e6 * seconds:.4g}" for name, seconds in taken.items())
    print(
        f"{subject}, {dtype}, {shown(size)}, {quantity}, in µs: {found}",
        file=sys.stderr,
        flush=True,
    )
    for name, seconds in taken.items():
        about = {"loss": subject, "dtype": dtype, "size": size, "quantity": quantity}
        yield {**about, "contestant": name, "value": seconds}


def shown(size: int) -> str:
    """Return a size as a person reads it."""
    return f"{size:.0e}".replace("e+0", "e") if size >= 10**4 else str(size)


def agree(what: str, calls: dict[str, Call]) -> None:
    """Refuse to compare contestants that do not compute the same."""
    values = {name: first(call()) for name, call in calls.items()}
    middle = float(np.median(list(values.values())))
    for name, value in values.items():
        if not abs(value - middle) <= 1e-3 * abs(middle):
            raise ValueError(f"{what}: {name} gives {value}, others {middle}")


def first(result: Any) -> float:
    return float(result[0] if isinstance(result, (tuple, list)) else result)


def one_thread(given: dict[str, Any]) -> Iterator[Record]:
    """Every contestant on one thread, and what options and small tensors cost."""
    import torch

    torch.set_num_threads(1)
    torch._inductor.config.cpp.simdlen = given["simdlen"]
    for subject in chosen(given):
        for dtype in given["dtypes"]:
            for size in given["sizes"]:
                if subject.smallest <= size:
                    yield from cells(subject, dtype, size, given["compilers"])
    yield from options(given)
    yield from small_tensors(given)


def chosen(given: dict[str, Any]) -> list[Subject]:
    return [
        subject for subject in SUBJECTS if any(part in subject.name for part in given["losses"])
    ]


def cells(subject: Subject, dtype: str, size: int, compilers: bool) -> Iterator[Record]:
    """Time the contestants of both quantities on the same arrays."""
    sets = drawn(subject, size, dtype)
    for quantity in (VALUE, BOTH):
        calls = {
            contestant.name: contestant.make(subject, sets, quantity)
            for contestant in CONTESTANTS
            if size in contestant.sizes
            and dtype in contestant.dtypes
            and quantity in contestant.quantities
            and (compilers or contestant.name not in COMPILERS)
        }
        if len(calls) > 1:
            agree(f"{subject.name}, {dtype}, {size}", calls)
            yield from timed(subject.name, dtype, size, quantity, calls)


def options(given: dict[str, Any]) -> Iterator[Record]:
    """Time a loss of 100 numbers with each option; what is wanted is the difference to none."""
    names = ("mse_loss", "binary_cross_entropy_with_logits", "cross_entropy, 10 classes")
    for subject in chosen(given):
        if subject.name not in names:
            continue
        sets = drawn(subject, 100, "float32")
        if subject.pointwise:
            sets = [tuple(x.reshape(10, 10) for x in arrays) for arrays in sets]
        shape = (10, 10) if subject.pointwise else (10,)
        random = np.random.default_rng(1)
        weights, mask = random.random(shape, "f"), random.random(shape) < 0.7
        lists = [tuple(x.tolist() for x in arrays) for arrays in sets]
        calls = {
            PLAIN: rotating(subject.loss, sets),
            "sum": rotating(with_options(subject, reduction="sum"), sets),
            "none": rotating(with_options(subject, reduction="none"), sets),
            "weights": rotating(with_options(subject, weights=weights), sets),
            "where": rotating(with_options(subject, where=mask), sets),
            "axis": rotating(with_options(subject, axis=0), sets),
            "lists": rotating(subject.loss, lists),
        }
        yield from timed(subject.name, "float32", 100, OPTIONS, calls, seconds=0.5)


def with_options(subject: Subject, **given: Any) -> Callable[..., Any]:
    return lambda *arrays: subject.loss(*arrays, **given)


def small_tensors(given: dict[str, Any]) -> Iterator[Record]:
    """Time a classifier's batch of 64 on tensors of torch, forward and backward."""
    for subject in chosen(given):
        if subject.name == "cross_entropy, 10 classes":
            random = np.random.default_rng(0)
            sets = [labels_of(10)(random, 640, np.float32) for _ in range(64)]
            calls = {
                f"{OURS}, tensors": torch_here(subject, sets, BOTH),
                TORCH: torch_eager(subject, sets, BOTH),
            }
            yield from timed(SMALL, "float32", 640, BOTH, calls, seconds=0.5)


def two_workers(given: dict[str, Any]) -> Iterator[Record]:
    """Two workers beside XLA on two threads."""
    pl.set_workers(2)
    for subject in chosen(given):
        for size in given["sizes"]:
            sets = drawn(subject, size, "float32")
            calls = {
                TWO_WORKERS: numpy_here(subject, sets, VALUE),
                JIT_TWO: jit_theirs(subject, sets, VALUE),
            }
            yield from timed(subject.name, "float32", size, VALUE, calls, seconds=1.0, threads=2)


def memory(given: dict[str, Any]) -> Iterator[Record]:
    """Trace what NumPy allocates during a call, without the gradient that it returns."""
    size, drawn_once = given["memory_size"], 10**6
    for subject in chosen(given):
        if not subject.pointwise:
            continue
        some = subject.draw(np.random.default_rng(0), drawn_once, np.float32)
        arrays = tuple(np.tile(x, size // drawn_once) if x.ndim else x for x in some)
        for quantity in (VALUE, BOTH):
            numpy_here(subject, [some], quantity)()  # what is done once in a process
            call = numpy_here(subject, [arrays], quantity)
            for workers in (1, 2):
                with pl.set_workers(workers):
                    peak, result = traced_peak(call)
                beyond = max(0, peak - returned(result, quantity)) / workers
                about = {"loss": subject.name, "dtype": "float32", "size": size}
                name = f"{quantity}, {workers} worker{'s' * (workers > 1)}"
                print(f"{subject.name}, {name}: {beyond / 2**20:.1f} MiB", file=sys.stderr)
                yield {**about, "quantity": PEAK, "contestant": name, "value": beyond}


def returned(result: Any, quantity: str) -> int:
    """Return the bytes of the gradients of a result."""
    if quantity == VALUE:
        return 0
    gradients = result[1] if isinstance(result[1], tuple) else (result[1],)
    return sum(np.asarray(gradient).nbytes for gradient in gradients)


PARTS = {"one thread": one_thread, "two workers": two_workers, "memory": memory}

if __name__ == "__main__":
    part, settings = sys.argv[1:]
    json.dump(list(PARTS[part](json.loads(settings))), sys.stdout)
