"""A loss as an ONNX graph, which other programs evaluate without this library or Python.

ndonnx has arrays without numbers: a loss that is called with them becomes a graph. ONNX Runtime
evaluates it here, and the result is compared with NumPy's. A size of None may be any size.

Run it with `python examples/onnx_loss.py`; it needs ndonnx and onnxruntime.
"""

from collections.abc import Callable, Sequence
from typing import Any

import ndonnx as ndx
import numpy as np
import onnxruntime

import portable_losses as pl


def graph(
    function: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    shapes: Sequence[Sequence[int | str | None]] | None = None,
    **options: Any,
) -> bytes:
    """Return the graph of a loss, or of one of its methods, for arrays like these.

    Parameters
    ----------
    function
        The loss, or a method such as ``loss.value_and_grad``.
    arrays
        Examples of its arguments, for their dtypes.
    shapes
        Their shapes, where an axis of any size is None; by default those of the examples.
    **options
        Parameters and options of the loss.
    """
    shapes = [x.shape for x in arrays] if shapes is None else shapes
    inputs = [
        ndx.argument(shape=tuple(shape), dtype=getattr(ndx, x.dtype.name))
        for x, shape in zip(arrays, shapes, strict=True)
    ]
    results = flat(function(*inputs, **options))
    model = ndx.build(
        {f"input_{i}": x for i, x in enumerate(inputs)},
        {f"output_{i}": x for i, x in enumerate(results)},
    )
    return model.SerializeToString()


def flat(result: Any) -> list[Any]:
    """Return the arrays of a result: values, and gradients one for each prediction."""
    return [x for each in result for x in flat(each)] if isinstance(result, tuple) else [result]


def evaluate(model: bytes, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Evaluate a graph with ONNX Runtime."""
    session = onnxruntime.InferenceSession(model)
    return session.run(None, {f"input_{i}": x for i, x in enumerate(arrays)})


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5, 3)).astype(np.float32)
    labels = rng.integers(0, 3, 5)
    model = graph(
        pl.cross_entropy.value_and_grad,
        [logits, labels],
        [(None, 3), (None,)],
        label_smoothing=0.1,
    )
    value, gradient = evaluate(model, [logits, labels])
    expected, slope = pl.cross_entropy.value_and_grad(logits, labels, label_smoothing=0.1)
    print(f"{len(model)} bytes; ONNX Runtime {value:.7f}, NumPy {expected:.7f}")
    print("largest difference of the gradients:", np.abs(gradient - slope).max())
    half = evaluate(model, [logits[:2], labels[:2]])[0]  # a batch of another size
    print(f"two rows: {half:.7f}")
