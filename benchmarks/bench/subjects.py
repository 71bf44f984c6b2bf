"""What is measured: a loss, the data for it, and what stands in its place in a textbook and in other libraries.

Where a library has no such loss, the expression stands here that its users write instead;
`Subject.own` says which have one.
"""

from collections.abc import Callable
from math import isqrt, log
from typing import Any, NamedTuple

import numpy as np

import portable_losses as pl

Draw = Callable[[np.random.Generator, int, Any], tuple[np.ndarray, ...]]
"""From a generator, a number of losses and a dtype to the arrays of a call."""


class Subject(NamedTuple):
    """A loss and its rivals: each gives the mean, of arrays of its own library."""

    name: str
    loss: Any
    draw: Draw
    textbook: Callable[..., Any]
    """The expression of a textbook, of a namespace (`numpy`, `cupy`) and arrays."""
    torch: Callable[..., Any]
    """Of `torch`, `torch.nn.functional` and tensors."""
    optax: Callable[..., Any]
    """Of `jax`, `optax.losses` and arrays."""
    sklearn: Callable[..., Any] | None = None
    """Of `sklearn.metrics` and arrays; the library has few losses."""
    parameters: dict[str, Any] = {}  # noqa: RUF012 - never changed
    classes: int = 1
    own: frozenset[str] = frozenset({"torch", "optax"})
    """Which libraries have the loss themselves."""


def normal(random: np.random.Generator, size: int, dtype: Any) -> tuple[np.ndarray, ...]:
    return tuple(2 * random.standard_normal(size, dtype) for _ in range(2))


def counts(random: np.random.Generator, size: int, dtype: Any) -> tuple[np.ndarray, ...]:
    return random.standard_normal(size, dtype), random.poisson(1.5, size).astype(dtype)


def probabilities(random: np.random.Generator, size: int, dtype: Any) -> tuple[np.ndarray, ...]:
    return random.random(size, dtype) * dtype(0.998) + dtype(0.001), (
        random.random(size, dtype) < 0.5
    ).astype(dtype)


def logits(random: np.random.Generator, size: int, dtype: Any) -> tuple[np.ndarray, ...]:
    return 3 * random.standard_normal(size, dtype), (random.random(size, dtype) < 0.5).astype(dtype)


def labels_of(classes: int) -> Draw:
    def draw(random: np.random.Generator, size: int, dtype: Any) -> tuple[np.ndarray, ...]:
        return 3 * random.standard_normal((size, classes), dtype), random.integers(0, classes, size)

    return draw


def images_of(classes: int) -> Draw:
    def draw(random: np.random.Generator, size: int, dtype: Any) -> tuple[np.ndarray, ...]:
        side = min(100, isqrt(size))
        shape = (size // side**2, side, side)
        return 3 * random.standard_normal((shape[0], classes, side, side), dtype), random.integers(
            0, classes, shape
        )

    return draw


def distributions_of(classes: int) -> Draw:
    def draw(random: np.random.Generator, size: int, dtype: Any) -> tuple[np.ndarray, ...]:
        scores = random.standard_normal((size, classes), dtype)
        scores -= np.log(np.sum(np.exp(scores), axis=-1, keepdims=True))
        target = random.standard_exponential((size, classes), dtype) + dtype(1e-3)
        target /= np.sum(target, axis=-1, keepdims=True)
        return scores, target

    return draw


def textbook_huber(xp: Any, p: Any, t: Any) -> Any:
    residual = xp.abs(p - t)
    return xp.mean(xp.where(residual <= 1, 0.5 * residual**2, residual - 0.5))


def textbook_logits(xp: Any, z: Any, y: Any) -> Any:
    return xp.mean(xp.maximum(z, 0) - z * y + xp.log1p(xp.exp(-xp.abs(z))))


def textbook_focal(xp: Any, z: Any, y: Any) -> Any:
    cross_entropy = xp.maximum(z, 0) - z * y + xp.log1p(xp.exp(-xp.abs(z)))
    p = 1 / (1 + xp.exp(-z))
    return xp.mean(cross_entropy * (1 - (p * y + (1 - p) * (1 - y))) ** 2)


def textbook_log_softmax(xp: Any, z: Any) -> Any:
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))


def textbook_cross_entropy(xp: Any, z: Any, label: Any) -> Any:
    return -xp.mean(textbook_log_softmax(xp, z)[xp.arange(len(z)), label])


def textbook_images(xp: Any, z: Any, label: Any) -> Any:
    return -xp.mean(xp.take_along_axis(textbook_log_softmax(xp, z), label[:, None], axis=1))


def torch_focal(torch: Any, functional: Any, z: Any, y: Any) -> Any:
    """As torchvision has it."""
    p = torch.sigmoid(z)
    cross_entropy = functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    return (cross_entropy * (1 - (p * y + (1 - p) * (1 - y))) ** 2).mean()


def torch_log_cosh(torch: Any, functional: Any, p: Any, t: Any) -> Any:
    residual = p - t
    return (residual + functional.softplus(-2 * residual) - log(2)).mean()


def jax_binary_cross_entropy(jax: Any, optax: Any, p: Any, y: Any) -> Any:
    return -(y * jax.numpy.log(p) + (1 - y) * jax.numpy.log1p(-p)).mean()


def _cross_entropy(classes: int, *, images: bool = False) -> Subject:
    return Subject(
        f"cross_entropy, {classes} classes{' of images' if images else ''}",
        pl.cross_entropy,
        (images_of if images else labels_of)(classes),
        textbook_images if images else textbook_cross_entropy,
        lambda torch, F, z, label: F.cross_entropy(z, label),
        lambda jax, optax, z, label: optax.softmax_cross_entropy_with_integer_labels(
            z, label, axis=1
        ).mean(),
        parameters={"class_axis": 1} if images else {},
        classes=classes,
    )


SUBJECTS = (
    Subject(
        "mse_loss",
        pl.mse_loss,
        normal,
        lambda xp, p, t: xp.mean((p - t) ** 2),
        lambda torch, F, p, t: F.mse_loss(p, t),
        lambda jax, optax, p, t: optax.squared_error(p, t).mean(),
        lambda metrics, p, t: metrics.mean_squared_error(t, p),
    ),
    Subject(
        "l1_loss",
        pl.l1_loss,
        normal,
        lambda xp, p, t: xp.mean(xp.abs(p - t)),
        lambda torch, F, p, t: F.l1_loss(p, t),
        lambda jax, optax, p, t: jax.numpy.abs(p - t).mean(),
        lambda metrics, p, t: metrics.mean_absolute_error(t, p),
        own=frozenset({"torch"}),
    ),
    Subject(
        "huber_loss",
        pl.huber_loss,
        normal,
        textbook_huber,
        lambda torch, F, p, t: F.huber_loss(p, t),
        lambda jax, optax, p, t: optax.huber_loss(p, t).mean(),
    ),
    Subject(
        "log_cosh_loss",
        pl.log_cosh_loss,
        normal,
        lambda xp, p, t: xp.mean(xp.logaddexp(p - t, t - p) - log(2)),
        torch_log_cosh,
        lambda jax, optax, p, t: optax.log_cosh(p, t).mean(),
        own=frozenset({"optax"}),
    ),
    Subject(
        "pinball_loss",
        pl.pinball_loss,
        normal,
        lambda xp, p, t: xp.mean(xp.where(t >= p, 0.75 * (t - p), 0.25 * (p - t))),
        lambda torch, F, p, t: torch.where(t >= p, 0.75 * (t - p), 0.25 * (p - t)).mean(),
        lambda jax, optax, p, t: jax.numpy.where(t >= p, 0.75 * (t - p), 0.25 * (p - t)).mean(),
        lambda metrics, p, t: metrics.mean_pinball_loss(t, p, alpha=0.75),
        {"quantile": 0.75},
        own=frozenset(),
    ),
    Subject(
        "poisson_nll_loss",
        pl.poisson_nll_loss,
        counts,
        lambda xp, p, t: xp.mean(xp.exp(p) - t * p),
        lambda torch, F, p, t: F.poisson_nll_loss(p, t),
        lambda jax, optax, p, t: (jax.numpy.exp(p) - t * p).mean(),
        own=frozenset({"torch"}),
    ),
    Subject(
        "binary_cross_entropy",
        pl.binary_cross_entropy,
        probabilities,
        lambda xp, p, y: -xp.mean(y * xp.log(p) + (1 - y) * xp.log(1 - p)),
        lambda torch, F, p, y: F.binary_cross_entropy(p, y),
        jax_binary_cross_entropy,
        lambda metrics, p, y: metrics.log_loss(y, p, labels=[0, 1]),
        own=frozenset({"torch"}),
    ),
    Subject(
        "binary_cross_entropy_with_logits",
        pl.binary_cross_entropy_with_logits,
        logits,
        textbook_logits,
        lambda torch, F, z, y: F.binary_cross_entropy_with_logits(z, y),
        lambda jax, optax, z, y: optax.sigmoid_binary_cross_entropy(z, y).mean(),
    ),
    Subject(
        "sigmoid_focal_loss",
        pl.sigmoid_focal_loss,
        logits,
        textbook_focal,
        torch_focal,
        lambda jax, optax, z, y: optax.sigmoid_focal_loss(z, y).mean(),
        own=frozenset({"optax"}),
    ),
    _cross_entropy(10),
    _cross_entropy(1000),
    _cross_entropy(32000),
    _cross_entropy(10, images=True),
    Subject(
        "kl_div, 10 classes",
        pl.kl_div,
        distributions_of(10),
        lambda xp, p, y: xp.mean(xp.sum(y * (xp.log(y) - p), axis=-1)),
        lambda torch, F, p, y: F.kl_div(p, y, reduction="batchmean"),
        lambda jax, optax, p, y: optax.kl_divergence(p, y).mean(),
        classes=10,
    ),
)
