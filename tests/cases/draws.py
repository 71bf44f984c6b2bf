"""Inputs of ordinary size, for the cases."""

import numpy as np

from .case import Batch


def real(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw real numbers of several sizes."""
    return rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 2, shape)


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw positive numbers of several sizes."""
    return rng.uniform(0.5, 2, shape) * 10.0 ** rng.integers(-1, 2, shape)


def zero_or_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 2, shape).astype(np.float64)


def soft_or_hard(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw targets from 0 to 1, or only from these two."""
    return rng.uniform(0, 1, shape).round(rng.integers(0, 2))


def pair(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, shape), real(rng, shape)
