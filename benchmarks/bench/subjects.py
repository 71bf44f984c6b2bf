"""What is measured: a loss, its data, and what a textbook and other libraries have in its place.

Where a library has no such loss, its expression is the one that the users of the library write.
"""

from collections.abc import Callable
from math import isqrt, log
from typing import Any, NamedTuple

import numpy as np

import portable_losses as pl

Arrays = tuple[np.ndarray, ...]
Draw = Callable[[np.random.Generator, int, Any], Arrays]
"""From a generator, how many numbers are predicted, and a dtype, to the arrays of a call."""


class Subject(NamedTuple):
    """A loss and its rivals: each returns the mean, of arrays of its own library."""

    name: str
    loss: Any
    draw: Draw
    textbook: Callable[..., Any]
    """Of NumPy arrays, as a person writes it."""
    torch: Callable[..., Any]
    """Of `torch`, `torch.nn.functional` and tensors."""
    optax: Callable[..., Any]
    """Of `jax`, `optax.losses` and arrays."""
    parameters: dict[str, Any] = {}  # noqa: RUF012 - never changed
    smallest: int = 1
    """The fewest numbers of which a row, a region or a vector can be made."""
    pointwise: bool = True

    @property
    def predicted(self) -> int:
        """How many of the arrays are predicted; they come first."""
        return len(self.loss.signature.predicted)


def normal(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
    return tuple(2 * random.standard_normal(size, dtype) for _ in range(2))


def counts(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
    return random.standard_normal(size, dtype), random.poisson(1.5, size).astype(dtype)


def bits(random: np.random.Generator, shape: Any, dtype: Any) -> np.ndarray:
    return (random.random(shape, dtype) < 0.5).astype(dtype)


def probabilities(random: np.random.Generator, shape: Any, dtype: Any) -> Arrays:
    pred = random.random(shape, dtype) * dtype(0.998) + dtype(0.001)
    return pred, bits(random, shape, dtype)


def logits(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
    return 3 * random.standard_normal(size, dtype), bits(random, size, dtype)


def one_variance(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
    mean, target = normal(random, size, dtype)
    return mean, np.array(2.5, dtype), target


def variances(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
    mean, target = normal(random, size, dtype)
    return mean, random.standard_exponential(size, dtype) + dtype(0.5), target


def labels_of(classes: int) -> Draw:
    def draw(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
        rows = size // classes
        return 3 * random.standard_normal((rows, classes), dtype), random.integers(0, classes, rows)

    return draw


def images_of(classes: int) -> Draw:
    def draw(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
        side = min(100, isqrt(size // classes))
        shape = (size // classes // side**2, side, side)
        scores = 3 * random.standard_normal((shape[0], classes, side, side), dtype)
        return scores, random.integers(0, classes, shape)

    return draw


def distributions_of(classes: int) -> Draw:
    def draw(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
        shape = (size // classes, classes)
        scores = random.standard_normal(shape, dtype)
        scores -= np.log(np.sum(np.exp(scores), axis=-1, keepdims=True))
        target = random.standard_exponential(shape, dtype) + dtype(1e-3)
        target /= np.sum(target, axis=-1, keepdims=True)
        return scores, target

    return draw


def regions(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
    region = min(size, 10_000)
    return probabilities(random, (size // region, region), dtype)


def triplets_of(features: int) -> Draw:
    def draw(random: np.random.Generator, size: int, dtype: Any) -> Arrays:
        shape = (size // features, features)
        return tuple(random.standard_normal(shape, dtype) for _ in range(3))

    return draw


def textbook_huber(p: Any, t: Any) -> Any:
    residual = np.abs(p - t)
    return np.mean(np.where(residual <= 1, 0.5 * residual**2, residual - 0.5))


def textbook_logits(z: Any, y: Any) -> Any:
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


def textbook_focal(z: Any, y: Any) -> Any:
    cross_entropy = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    p = 1 / (1 + np.exp(-z))
    return np.mean(cross_entropy * (1 - (p * y + (1 - p) * (1 - y))) ** 2)


def textbook_log_softmax(z: Any) -> Any:
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def textbook_cross_entropy(z: Any, label: Any) -> Any:
    return -np.mean(textbook_log_softmax(z)[np.arange(len(z)), label])


def textbook_images(z: Any, label: Any) -> Any:
    return -np.mean(np.take_along_axis(textbook_log_softmax(z), label[:, None], axis=1))


def textbook_triplet(a: Any, p: Any, n: Any) -> Any:
    near, far = np.linalg.norm(a - p, axis=-1), np.linalg.norm(a - n, axis=-1)
    return np.mean(np.maximum(near - far + 1, 0))


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


def dice(p: Any, y: Any) -> Any:
    """1 minus the Dice score of each row; the same expression in each library."""
    return 1 - (2 * (p * y).sum(-1) / (p.sum(-1) + y.sum(-1))).mean()


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
        {"class_axis": 1} if images else {},
        smallest=classes,
        pointwise=False,
    )


def _gaussian(name: str, draw: Draw) -> Subject:
    return Subject(
        f"gaussian_nll_loss, {name}",
        pl.gaussian_nll_loss,
        draw,
        lambda m, v, t: np.mean(0.5 * (np.log(v) + (m - t) ** 2 / v)),
        lambda torch, F, m, v, t: F.gaussian_nll_loss(m, t, v),
        lambda jax, optax, m, v, t: (0.5 * (jax.numpy.log(v) + (m - t) ** 2 / v)).mean(),
    )


SUBJECTS = (
    Subject(
        "mse_loss",
        pl.mse_loss,
        normal,
        lambda p, t: np.mean((p - t) ** 2),
        lambda torch, F, p, t: F.mse_loss(p, t),
        lambda jax, optax, p, t: optax.squared_error(p, t).mean(),
    ),
    Subject(
        "l1_loss",
        pl.l1_loss,
        normal,
        lambda p, t: np.mean(np.abs(p - t)),
        lambda torch, F, p, t: F.l1_loss(p, t),
        lambda jax, optax, p, t: jax.numpy.abs(p - t).mean(),
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
        lambda p, t: np.mean(np.logaddexp(p - t, t - p) - log(2)),
        torch_log_cosh,
        lambda jax, optax, p, t: optax.log_cosh(p, t).mean(),
    ),
    Subject(
        "cauchy_loss",
        pl.cauchy_loss,
        normal,
        lambda p, t: np.mean(0.5 * np.log1p((p - t) ** 2)),
        lambda torch, F, p, t: (0.5 * torch.log1p((p - t) ** 2)).mean(),
        lambda jax, optax, p, t: (0.5 * jax.numpy.log1p((p - t) ** 2)).mean(),
    ),
    Subject(
        "pinball_loss",
        pl.pinball_loss,
        normal,
        lambda p, t: np.mean(np.where(t >= p, 0.75 * (t - p), 0.25 * (p - t))),
        lambda torch, F, p, t: torch.where(t >= p, 0.75 * (t - p), 0.25 * (p - t)).mean(),
        lambda jax, optax, p, t: jax.numpy.where(t >= p, 0.75 * (t - p), 0.25 * (p - t)).mean(),
        {"quantile": 0.75},
    ),
    Subject(
        "poisson_nll_loss",
        pl.poisson_nll_loss,
        counts,
        lambda p, t: np.mean(np.exp(p) - t * p),
        lambda torch, F, p, t: F.poisson_nll_loss(p, t),
        lambda jax, optax, p, t: (jax.numpy.exp(p) - t * p).mean(),
    ),
    _gaussian("one variance", one_variance),
    _gaussian("variances", variances),
    Subject(
        "binary_cross_entropy",
        pl.binary_cross_entropy,
        probabilities,
        lambda p, y: -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)),
        lambda torch, F, p, y: F.binary_cross_entropy(p, y),
        jax_binary_cross_entropy,
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
    ),
    _cross_entropy(10),
    _cross_entropy(1000),
    _cross_entropy(32000),
    _cross_entropy(10, images=True),
    Subject(
        "kl_div, 10 classes",
        pl.kl_div,
        distributions_of(10),
        lambda p, y: np.mean(np.sum(y * (np.log(y) - p), axis=-1)),
        lambda torch, F, p, y: F.kl_div(p, y, reduction="batchmean"),
        lambda jax, optax, p, y: optax.kl_divergence(p, y).mean(),
        smallest=10,
        pointwise=False,
    ),
    Subject(
        "dice_loss",
        pl.dice_loss,
        regions,
        dice,
        lambda torch, F, p, y: dice(p, y),
        lambda jax, optax, p, y: dice(p, y),  # that of optax takes logits
        pointwise=False,
    ),
    Subject(
        "triplet_margin_loss, 100 features",
        pl.triplet_margin_loss,
        triplets_of(100),
        textbook_triplet,
        lambda torch, F, a, p, n: F.triplet_margin_loss(a, p, n),
        lambda jax, optax, a, p, n: optax.triplet_margin_loss(a, p, n).mean(),
        smallest=100,
        pointwise=False,
    ),
)
