"""The lesson "Understanding Loss Functions": two worked examples and four exercises.

The code is the same for all of them, and so are the losses. Run it with `python
examples/lesson.py`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from portable_losses.neural_network import binary_cross_entropy, matrix_multiply, mse_loss, sigmoid


def regression(
    asarray: Callable[..., Any],
    show: Callable[..., Any],
    x: list[list[float]],
    w: float,
    b: float,
    y: list[list[float]],
) -> float:
    """Predict X @ W + b, and print all steps to the mean squared error."""
    x, w, y_true = asarray(x), asarray([[w]]), asarray(y)
    y_pred = matrix_multiply(x, w) + b
    loss = mse_loss(y_pred, y_true)
    print(f"Input X ({len(y)}x1):\n", show(x))
    print(f"Predicted y_pred ({len(y)}x1):\n", show(y_pred))
    print(f"True y_true ({len(y)}x1):\n", show(y_true))
    print("MSE Loss:", float(loss))
    return float(loss)


def classification(
    asarray: Callable[..., Any],
    show: Callable[..., Any],
    z: list[list[float]],
    y: list[list[float]],
) -> float:
    """Turn raw outputs into probabilities, and print all steps to the binary cross-entropy."""
    z, y_true = asarray(z), asarray(y)
    a = sigmoid(z)
    loss = binary_cross_entropy(a, y_true)
    print(f"Raw outputs Z ({len(y)}x1):\n", show(z))
    print(f"Predicted probabilities A ({len(y)}x1):\n", show(a))
    print(f"True labels y_true ({len(y)}x1):\n", show(y_true))
    print("Binary Cross-Entropy Loss:", float(loss))
    return float(loss)


def lesson(asarray: Callable[..., Any], show: Callable[..., Any]) -> list[float]:
    """Work through the lesson; `asarray` makes an array, and `show` converts one for printing."""
    losses = []

    print("\nWorked example: mean squared error of y = 2x + 1, predicted perfectly")
    x, y_true = [[1.0], [2.0], [3.0], [4.0]], [[3.0], [5.0], [7.0], [9.0]]
    losses.append(regression(asarray, show, x, 2.0, 1.0, y_true))

    # The lesson prints 0.1731486847 here. That is not what its formula gives for these numbers: the
    # loss is the mean of log(1 + exp(-2)), log(1 + exp(-1)), log(1 + exp(-3)) and log(1 + exp(-2)),
    # which is 0.1539262652944...
    print(
        "\nWorked example: binary cross-entropy "
        "(the lesson prints 0.1731486847, which is wrong for its formula)"
    )
    losses.append(
        classification(asarray, show, [[2.0], [-1.0], [3.0], [-2.0]], [[1.0], [0.0], [1.0], [0.0]])
    )

    print("\nExercise 1: mean squared error for regression")
    x, y_true = [[1.0], [2.0], [3.0]], [[2.0], [3.5], [5.0]]
    losses.append(regression(asarray, show, x, 1.5, 0.5, y_true))

    print("\nExercise 2: binary cross-entropy for classification")
    labels = [[1.0], [0.0], [1.0]]
    losses.append(classification(asarray, show, [[1.0], [-1.0], [2.0]], labels))

    print("\nExercise 3: mean squared error with imperfect predictions")
    losses.append(regression(asarray, show, x, 1.0, 0.5, y_true))

    print("\nExercise 4: binary cross-entropy with poor predictions")
    losses.append(classification(asarray, show, [[-2.0], [2.0], [-1.0]], labels))
    return losses


def libraries() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any]]]:
    """Find the array libraries: for each its name, `asarray`, and a conversion to NumPy."""
    yield "NumPy", np.asarray, np.asarray
    try:
        import torch
    except ImportError:
        print("(no torch here)")
    else:
        # torch and JAX would make float32 from a list of Python numbers.
        yield "torch", lambda values: torch.asarray(values, dtype=torch.float64), np.asarray
    try:
        import jax
    except ImportError:
        print("(no JAX here)")
    else:
        jax.config.update("jax_enable_x64", True)
        yield "JAX", jax.numpy.asarray, np.asarray
    try:
        import dask.array
    except ImportError:
        print("(no Dask here)")
    else:
        # Nothing is computed before it is shown.
        yield "Dask", dask.array.asarray, np.asarray
    try:
        import cupy

        cupy.zeros(1)
    except (ImportError, RuntimeError):
        print("(no CuPy here, or no GPU for it)")
    else:
        yield "CuPy", cupy.asarray, cupy.asnumpy


if __name__ == "__main__":
    for name, asarray, show in libraries():
        print(f"\n===== {name} =====")
        lesson(asarray, show)
