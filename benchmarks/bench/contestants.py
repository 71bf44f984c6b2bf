"""Who takes part: how each library is handed the arrays, called and waited for.

A contestant is made for a subject, the sets of arrays that are taken in turn, and a quantity
(``"value"`` or ``"value and gradient"``). What it returns is a call without arguments, whose
result, of which the first number is the loss, is ready when it returns.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from subjects import Arrays, Subject
from timing import Call, rotating

VALUE, BOTH = "value", "value and gradient"
QUANTITIES = (VALUE, BOTH)

OURS, TEXTBOOK, TORCH = "here, NumPy", "textbook, NumPy", "torch"
OURS_COMPILED, TORCH_COMPILED = "here, torch.compile", "torch.compile"
OURS_CONCRETE, OPTAX_CONCRETE = "here, JAX", "JAX"
OURS_JIT, OPTAX_JIT = "here, jax.jit", "jax.jit"

LONG = (10**4, 10**6, 10**7)


class Contestant(NamedTuple):
    """A way to evaluate a loss, and in which cases it takes part."""

    name: str
    make: Callable[[Subject, list[Arrays], str], Call]
    sizes: tuple[int, ...]
    quantities: tuple[str, ...] = QUANTITIES
    dtypes: tuple[str, ...] = ("float32",)


def here(subject: Subject, quantity: str) -> Callable[..., Any]:
    """Return the function of this library."""
    loss = subject.loss if quantity == VALUE else subject.loss.value_and_grad
    return lambda *arrays: loss(*arrays, **subject.parameters)


# NumPy


def numpy_here(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    return rotating(here(subject, quantity), sets)


def textbook(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    return rotating(subject.textbook, sets)


# torch


def tensors(sets: Iterable[Arrays], requiring: int) -> list[tuple[Any, ...]]:
    """Return the arrays as tensors, which share their memory; the first ones require a gradient."""
    import torch

    found = [tuple(torch.from_numpy(np.asarray(x)) for x in arrays) for arrays in sets]
    for arrays in found:
        for x in arrays[:requiring]:
            x.requires_grad_()
    return found


def with_backward(
    function: Callable[..., Any], subject: Subject, sets: list[Arrays], quantity: str
) -> Call:
    """Make a call of a function of tensors, for the gradient with autograd."""
    import torch

    if quantity == VALUE:
        return rotating(function, tensors(sets, 0))
    predicted = subject.predicted

    def both(*arrays: Any) -> Any:
        value = function(*arrays)
        return value.detach(), torch.autograd.grad(value, arrays[:predicted])

    return rotating(both, tensors(sets, predicted))


def torch_function(subject: Subject) -> Callable[..., Any]:
    import torch
    from torch.nn import functional

    return lambda *arrays: subject.torch(torch, functional, *arrays)


def torch_eager(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    return with_backward(torch_function(subject), subject, sets, quantity)


def torch_here(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    return with_backward(here(subject, VALUE), subject, sets, quantity)


def compiler() -> str:
    """Return the backend of torch.compile: its best one needs a C++ compiler on a CPU."""
    found = any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++", "cl")))
    return "inductor" if found else "aot_eager"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    import torch

    torch.compiler.reset()  # it counts how often the code of a function was compiled, and gives up
    return torch.compile(function, dynamic=False, backend=compiler())


def torch_compiled(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    return with_backward(compiled(torch_function(subject)), subject, sets, quantity)


def torch_here_compiled(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    return with_backward(compiled(here(subject, VALUE)), subject, sets, quantity)


# JAX


def of_jax(function: Callable[..., Any], sets: list[Arrays]) -> Call:
    import jax

    def waiting(*arrays: Any) -> Any:
        return jax.block_until_ready(function(*arrays))

    return rotating(waiting, [tuple(map(jax.numpy.asarray, arrays)) for arrays in sets])


def optax_function(subject: Subject, quantity: str) -> Callable[..., Any]:
    import jax
    import optax

    def value(*arrays: Any) -> Any:
        return subject.optax(jax, optax.losses, *arrays)

    if quantity == VALUE:
        return value
    return jax.value_and_grad(value, argnums=tuple(range(subject.predicted)))  # type: ignore[no-any-return]


def jax_here(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    return of_jax(here(subject, quantity), sets)


def jax_theirs(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    return of_jax(optax_function(subject, quantity), sets)


def jit_here(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    import jax

    return of_jax(jax.jit(here(subject, quantity)), sets)


def jit_theirs(subject: Subject, sets: list[Arrays], quantity: str) -> Call:
    import jax

    return of_jax(jax.jit(optax_function(subject, quantity)), sets)


BOTH_DTYPES = ("float32", "float64")
CONTESTANTS = (
    Contestant(OURS, numpy_here, (100, *LONG), dtypes=BOTH_DTYPES),
    Contestant(TEXTBOOK, textbook, (100, *LONG), (VALUE,), BOTH_DTYPES),
    Contestant(TORCH, torch_eager, LONG, dtypes=BOTH_DTYPES),
    Contestant(OPTAX_CONCRETE, jax_theirs, (10**4, 10**6)),
    Contestant(OURS_CONCRETE, jax_here, (10**4, 10**6)),
    Contestant(OPTAX_JIT, jit_theirs, (10**6, 10**7)),
    Contestant(OURS_JIT, jit_here, (10**6, 10**7)),
    Contestant(TORCH_COMPILED, torch_compiled, (10**6,)),
    Contestant(OURS_COMPILED, torch_here_compiled, (10**6,)),
)
"""JAX in float32, its default; compilers in few cases, as each takes them seconds to compile."""
