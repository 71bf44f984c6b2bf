"""Who takes part: for each library how it is handed the arrays, called, waited for, and how its memory is counted.

A contestant is made for a subject, its arrays and a quantity (``"value"`` or ``"value and
gradient"``), and gives a call without arguments whose result, of which the first number is the
loss, is ready when it returns; or None where it takes no part.
"""

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from subjects import Subject
from timing import Call, resident_peak, traced_peak

import portable_losses as pl

VALUE, BOTH = "value", "value and gradient"
QUANTITIES = (VALUE, BOTH)

OURS = "here, NumPy"
TWO_WORKERS = "here, NumPy, 2 workers"
TEXTBOOK = "textbook, NumPy"
FLOOR = "floor (sums)"
TORCH, TORCH_COMPILED = "torch", "torch, compiled"
OURS_TORCH, OURS_COMPILED, OURS_BACKWARD = (
    "here, torch",
    "here, torch, compiled",
    "here, torch, backward",
)
OPTAX, OURS_JAX = "JAX, jit", "here, JAX, jit"
SKLEARN = "scikit-learn"
OURS_CUPY, TEXTBOOK_FUSED = "here, CuPy", "textbook, CuPy, fused"


class Contestant(NamedTuple):
    """A way to evaluate a loss."""

    name: str
    make: Callable[[Subject, tuple[np.ndarray, ...], str], Call | None]
    peak: Callable[[Call], int | None]


def contestants() -> Iterator[Contestant]:
    """Return the contestants whose libraries are installed, those on a GPU only where there is one."""
    yield Contestant(FLOOR, _floor, traced_peak)
    yield Contestant(OURS, _of_losses(lambda x: x), traced_peak)
    yield Contestant(TWO_WORKERS, _with_workers, traced_peak)
    yield Contestant(TEXTBOOK, _textbook(np, lambda x: x), traced_peak)
    if _installed("sklearn"):
        yield Contestant(SKLEARN, _sklearn, traced_peak)
    if _installed("torch"):
        yield from _on_torch("cpu", resident_peak)
    if _installed("jax", "optax"):
        yield from _on_jax()
    if _installed("torch"):
        import torch

        if torch.cuda.is_available():
            yield Contestant("floor (copies), cuda", _device_copy, _cuda_peak)
            yield from _on_torch("cuda", _cuda_peak)
    if _installed("cupy"):
        yield from _on_cupy()


def _installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) for module in modules)


# NumPy


def _floor(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call | None:
    return lambda: [np.sum(x) for x in arrays]


def _of_losses(convert: Callable[[np.ndarray], Any], done: Callable[[], Any] | None = None) -> Any:
    """Make the contestant of the losses here on arrays of a library; `done` waits for its device."""

    def make(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call:
        loss = subject.loss if quantity == VALUE else subject.loss.value_and_grad
        mine, parameters = [convert(x) for x in arrays], subject.parameters
        return _waiting(lambda: loss(*mine, **parameters), done)

    return make


def _waiting(call: Call, done: Callable[[], Any] | None) -> Call:
    if done is None:
        return call

    def waiting() -> Any:
        result = call()
        done()
        return result

    return waiting


def _with_workers(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call:
    call = _of_losses(lambda x: x)(subject, arrays, quantity)

    def two() -> Any:
        with pl.set_workers(2):
            return call()

    return two


def _textbook(
    xp: Any, convert: Callable[[np.ndarray], Any], done: Callable[[], Any] | None = None
) -> Any:
    def make(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call | None:
        mine = [convert(x) for x in arrays]
        return _waiting(lambda: subject.textbook(xp, *mine), done) if quantity == VALUE else None

    return make


def _sklearn(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call | None:
    from sklearn import metrics

    of_library = subject.sklearn
    return None if of_library is None or quantity != VALUE else lambda: of_library(metrics, *arrays)


# torch


def compiler() -> str:
    """Return the backend of torch.compile: its best one needs a C++ compiler on a CPU."""
    found = any(
        shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++", "cl")
    )
    return "inductor" if found else "aot_eager"


def _on_torch(device: str, peak: Callable[[Call], int | None]) -> Iterator[Contestant]:
    import torch
    from torch.nn import functional

    def convert(x: np.ndarray) -> Any:
        return torch.from_numpy(x).to(device)

    def with_backward(
        function: Callable[..., Any], arrays: tuple[np.ndarray, ...], quantity: str
    ) -> Call:
        pred, *rest = (convert(x) for x in arrays)
        if quantity == VALUE:
            return _waiting(lambda: function(pred, *rest), done)
        pred.requires_grad_()

        def both() -> Any:
            value = function(pred, *rest)
            return value.detach(), torch.autograd.grad(value, pred)

        return _waiting(both, done)

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        return torch.compile(
            function,
            dynamic=False,
            fullgraph=True,
            backend="inductor" if device == "cuda" else compiler(),
        )

    def torchs(subject: Subject) -> Callable[..., Any]:
        return lambda *arrays: subject.torch(torch, functional, *arrays)

    def eager(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call:
        return with_backward(torchs(subject), arrays, quantity)

    def eager_compiled(
        subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str
    ) -> Call | None:
        return in_compiler(
            torchs(subject), arrays, quantity, f"{subject.name}, {len(arrays[0])}", device, "theirs"
        )

    def ours(subject: Subject) -> Callable[..., Any]:
        return lambda *arrays: subject.loss(*arrays, **subject.parameters)

    def ours_compiled(
        subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str
    ) -> Call | None:
        return in_compiler(
            ours(subject), arrays, quantity, f"{subject.name}, {len(arrays[0])}", device, "ours"
        )

    def in_compiler(
        function: Callable[..., Any], arrays: tuple[np.ndarray, ...], quantity: str, *key: str
    ) -> Call | None:
        if arrays[0].dtype != np.float32:  # it takes seconds to compile a function
            return None
        return with_backward(_once(compiled, function, *key), arrays, quantity)

    def backward(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call | None:
        return with_backward(ours(subject), arrays, quantity) if quantity == BOTH else None

    done = torch.cuda.synchronize if device == "cuda" else None
    where = "" if device == "cpu" else f", {device}"
    yield Contestant(TORCH + where, eager, peak)
    yield Contestant(OURS_TORCH + where, _of_losses(convert, done), peak)
    yield Contestant(OURS_BACKWARD + where, backward, peak)
    yield Contestant(TORCH_COMPILED + where, eager_compiled, peak)
    yield Contestant(OURS_COMPILED + where, ours_compiled, peak)


_compiled: dict[Any, Callable[..., Any]] = {}


def _once(
    build: Callable[..., Any], function: Callable[..., Any], what: str, *key: str
) -> Callable[..., Any]:
    """Compile a function once for its value and its gradient.

    torch counts recompilations by the lines of code, which all subjects share: it forgets those of
    the subject and size before. One kernel for all sizes would be that of the size that it first
    met, here or in another run, with or without threads.
    """
    import torch

    if not any(what == name for name, *_ in _compiled):
        torch.compiler.reset()
        _compiled.clear()
    found = (what, *key)
    if found not in _compiled:
        _compiled[found] = build(function)
    return _compiled[found]


def _cuda_peak(call: Call) -> int:
    import torch

    torch.cuda.reset_peak_memory_stats()
    before: int = torch.cuda.memory_allocated()
    call()
    return torch.cuda.max_memory_allocated() - before


def _device_copy(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call:
    import torch

    there = [torch.from_numpy(x).to("cuda") for x in arrays]
    return _waiting(lambda: [x.clone() for x in there], torch.cuda.synchronize)


# JAX


def _on_jax() -> Iterator[Contestant]:
    import jax
    import optax

    device = jax.devices("cpu")[0]

    def jitted(function: Callable[..., Any], arrays: tuple[np.ndarray, ...]) -> Call:
        # float32 as JAX is by default
        jax.config.update("jax_enable_x64", arrays[0].dtype == np.float64)
        mine, function = [jax.device_put(x, device) for x in arrays], jax.jit(function)
        return lambda: jax.block_until_ready(function(*mine))

    def theirs(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call:
        def value(*arrays: Any) -> Any:
            return subject.optax(jax, optax.losses, *arrays)

        return jitted(value if quantity == VALUE else jax.value_and_grad(value), arrays)

    def ours(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call:
        loss = subject.loss if quantity == VALUE else subject.loss.value_and_grad
        return jitted(lambda *arrays: loss(*arrays, **subject.parameters), arrays)

    yield Contestant(OPTAX, theirs, resident_peak)
    yield Contestant(OURS_JAX, ours, resident_peak)


# CuPy


def _on_cupy() -> Iterator[Contestant]:
    import cupy

    try:
        if not cupy.cuda.runtime.getDeviceCount():
            return
    except cupy.cuda.runtime.CUDARuntimeError:  # no driver
        return
    done = cupy.cuda.get_current_stream().synchronize

    def peak(call: Call) -> int:
        pool = cupy.get_default_memory_pool()
        pool.free_all_blocks()
        before: int = pool.total_bytes()
        call()
        return pool.total_bytes() - before

    def fused(subject: Subject, arrays: tuple[np.ndarray, ...], quantity: str) -> Call | None:
        if quantity != VALUE or subject.classes > 1:  # cupy.fuse knows no indexing
            return None
        mine = [cupy.asarray(x) for x in arrays]
        function = cupy.fuse(lambda *arrays: subject.textbook(cupy, *arrays))
        return _waiting(lambda: function(*mine), done)

    yield Contestant("textbook, CuPy", _textbook(cupy, cupy.asarray, done), peak)
    yield Contestant(TEXTBOOK_FUSED, fused, peak)
    yield Contestant(OURS_CUPY, _of_losses(cupy.asarray, done), peak)
