"""Steps that need the one before: along time, or through a large array piece by piece."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ._namespace import name_of, numpy
from .typing import Array, Namespace

Arrays = tuple[Array, ...]

Stepped = tuple[Arrays, Arrays]
"""What a step gives. It has a name because torch.compile cannot subscript a type where a step is defined."""

Step = Callable[[Arrays, Arrays], tuple[Arrays, Arrays]]
"""From what is carried from step to step, and the entries of the sequences at this one, to what is carried on, and results."""


def scan(
    xp: Namespace,
    step: Step,
    carried: Arrays,
    sequences: Arrays,
    *,
    reverse: bool = False,
    remember: bool = True,
) -> tuple[Arrays, Arrays]:
    """Take a step for each entry of the sequences, along their first axis.

    Parameters
    ----------
    xp : namespace
        The namespace of the arrays.
    step : callable
        ``carried, results = step(carried, entries)``. What is carried keeps its shapes and dtypes,
        and the results have the same at each step.
    carried : tuple of arrays
        What the first step starts from.
    sequences : tuple of arrays
        One entry for each step, at least one.
    reverse : bool, default False
        Whether the last entry comes first.
    remember : bool, default True
        Whether autodiff keeps what a step computes. False: it takes the step once more, which needs
        less memory where steps are few and large.

    Returns
    -------
    carried : tuple of arrays
        What the last step gave.
    results : tuple of arrays
        The results of all steps, along a new first axis, in the order of the entries.
    """
    if name_of(xp) == "jax.numpy":
        import jax

        # A loop in Python would be compiled step by step.
        again = step if remember else jax.checkpoint(step, prevent_cse=False)
        scanned: tuple[Arrays, Arrays] = jax.lax.scan(again, carried, sequences, reverse=reverse)
        return scanned
    if name_of(xp) == "torch" and not remember:
        step = _forgetful(step)
    number = sequences[0].shape[0]
    order = range(number)[::-1] if reverse else range(number)
    if xp is numpy:
        return _scan_in_place(step, carried, sequences, order)
    steps = []
    for i in order:
        carried, results = step(carried, tuple(sequence[i, ...] for sequence in sequences))
        steps.append(results)
    return carried, tuple(
        xp.stack(results[::-1] if reverse else results) for results in zip(*steps, strict=True)
    )


def _scan_in_place(
    step: Step, carried: Arrays, sequences: Arrays, order: range
) -> tuple[Arrays, Arrays]:
    """Write each result where it belongs: to stack them at the end would take twice the memory."""
    every: Arrays = ()
    for i in order:
        carried, results = step(carried, tuple(sequence[i] for sequence in sequences))
        if i == order[0]:
            every = tuple(np.empty((len(order), *result.shape), result.dtype) for result in results)
        for whole, result in zip(every, results, strict=True):
            whole[i] = result
    return carried, every


def _forgetful(step: Step) -> Step:
    """Have torch take a step again for its gradient, but for `torch.func.grad` and its kin, which cannot (torch 2.13)."""
    import torch
    from torch.utils.checkpoint import checkpoint

    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return step
    again: Step = partial(checkpoint, step, use_reentrant=False)
    return again
