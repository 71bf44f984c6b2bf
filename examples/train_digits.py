"""A classifier of handwritten digits with two layers: one program on NumPy, PyTorch and JAX.

The data are scikit-learn's: 1797 images of 8 x 8 pixels, of which a fifth is held out. Model, loss
and steps are the same on each library. PyTorch and JAX differentiate the model; on NumPy
`cross_entropy.value_and_grad` has the derivative by the logits, and the chain rule leads from there
through the two layers.

Run it with `python examples/train_digits.py`; it needs scikit-learn, tqdm and Matplotlib, and takes
what it finds of torch and JAX. The curves of loss and accuracy are drawn into `digits.png`, or into
the file that is given.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import trange

from portable_losses import cross_entropy

EPOCHS, BATCH, HIDDEN = 20, 64, 64
RATE, MOMENTUM = 0.05, 0.9


class Curves(NamedTuple):
    """What training leaves behind, a number for each epoch."""

    loss: list[float]
    """The mean of the losses of the batches."""
    accuracy: list[float]
    """The share of the held-out images that are recognised."""


Model = Sequence[Any]
"""The weights and the offsets of the two layers."""
Gradient = Callable[[Model, Any, Any], tuple[Any, Model]]
"""From model, images and labels to the loss and its gradient by each array of the model."""


def start(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the first model."""
    first = rng.normal(size=(64, HIDDEN)) * np.sqrt(2 / 64)
    second = rng.normal(size=(HIDDEN, 10)) * np.sqrt(2 / HIDDEN)
    return [x.astype(np.float32) for x in (first, np.zeros(HIDDEN), second, np.zeros(10))]


def activations(model: Model, images: Any) -> tuple[Any, Any]:
    """Return the hidden layer and the logits."""
    first, first_offset, second, second_offset = model
    hidden = (images @ first + first_offset).clip(min=0)
    return hidden, hidden @ second + second_offset


def by_chain_rule(model: Model, images: Any, labels: Any) -> tuple[Any, Model]:
    """Return loss and gradient on any library, without autodiff."""
    hidden, logits = activations(model, images)
    loss, slope = cross_entropy.value_and_grad(logits, labels)
    before = (slope @ model[2].T) * (hidden > 0)
    return loss, [images.T @ before, before.sum(0), hidden.T @ slope, slope.sum(0)]


def by_torch(model: Model, images: Any, labels: Any) -> tuple[Any, Model]:
    """Return loss and gradient by the autodiff of PyTorch."""
    import torch

    leaves = [x.detach().requires_grad_() for x in model]
    loss = cross_entropy(activations(leaves, images)[1], labels)
    return loss.detach(), torch.autograd.grad(loss, leaves)


def by_jax() -> Gradient:
    """Return the gradient by the autodiff of JAX, compiled."""
    import jax

    def loss(model: Model, images: Any, labels: Any) -> Any:
        return cross_entropy(activations(model, images)[1], labels)

    return jax.jit(jax.value_and_grad(loss))


def train(
    name: str, asarray: Callable[[Any], Any], gradient: Gradient, *, progress: bool = True
) -> Curves:
    """Train on the arrays that `asarray` makes, by gradient descent with momentum."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    seen, held_out, seen_labels, held_out_labels = train_test_split(
        images, labels, test_size=0.2, random_state=0, stratify=labels
    )
    held_out = asarray(held_out)
    rng = np.random.default_rng(0)
    model = [asarray(x) for x in start(rng)]
    moves = [0 * x for x in model]
    curves = Curves([], [])
    with trange(EPOCHS, desc=name, disable=not progress) as epochs:
        for _ in epochs:
            losses = []
            order = rng.permutation(len(seen))
            for i in range(0, len(seen) - BATCH + 1, BATCH):
                batch = order[i : i + BATCH]
                loss, slopes = gradient(model, asarray(seen[batch]), asarray(seen_labels[batch]))
                moves = [MOMENTUM * v - RATE * g for v, g in zip(moves, slopes, strict=True)]
                model = [x + v for x, v in zip(model, moves, strict=True)]
                losses.append(float(loss))
            answers = np.asarray(activations(model, held_out)[1]).argmax(axis=1)
            curves.loss.append(float(np.mean(losses)))
            curves.accuracy.append(float(np.mean(answers == held_out_labels)))
            epochs.set_postfix(loss=f"{curves.loss[-1]:.4f}", right=f"{curves.accuracy[-1]:.1%}")
    return curves


def libraries() -> Iterator[tuple[str, Callable[[Any], Any], Gradient]]:
    """Find the array libraries: for each its name, `asarray`, and its gradient."""
    yield "NumPy", np.asarray, by_chain_rule
    try:
        import torch
    except ImportError:
        print("(no torch here)")
    else:
        torch.set_num_threads(1)  # matrices as small as these gain nothing from more
        yield "PyTorch", torch.asarray, by_torch
    try:
        import jax
    except ImportError:
        print("(no JAX here)")
    else:
        yield "JAX", jax.numpy.asarray, by_jax()


def draw(found: dict[str, Curves]) -> Any:
    """Draw the curves of each library, and return the figure."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    for (name, curves), style, width in zip(
        found.items(), ("-", "--", ":"), (6, 3, 2), strict=False
    ):
        left.semilogy(curves.loss, style, linewidth=width, label=name, alpha=0.8)
        right.plot(curves.accuracy, style, linewidth=width, label=name, alpha=0.8)
    left.set(title="cross-entropy", xlabel="epoch")
    right.set(title="accuracy on the held-out fifth", xlabel="epoch", ylim=(0.8, 1))
    right.legend(loc="lower right")
    return figure


if __name__ == "__main__":
    found = {name: train(name, *rest) for name, *rest in libraries()}
    for name, curves in found.items():
        print(f"{name:8}  loss {curves.loss[-1]:.6f}  accuracy {curves.accuracy[-1]:.1%}")
    picture = sys.argv[1] if len(sys.argv) > 1 else "digits.png"
    draw(found).savefig(picture)
    print("curves:", picture)
