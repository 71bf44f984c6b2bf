"""The real data sets of scikit-learn that the models are trained on."""

from functools import cache

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits


@cache
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    return load_diabetes(return_X_y=True)


@cache
def diabetes_in_hundreds() -> tuple[np.ndarray, np.ndarray]:
    """A quantile moves by the learning rate: with these targets it arrives."""
    features, target = diabetes()
    return features, target / 100


@cache
def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    return load_breast_cancer(return_X_y=True)


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    return load_digits(return_X_y=True)


def weights_for(target: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.5, 2.0, len(target))
