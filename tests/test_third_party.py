"""Comparison with other packages, where these are right; comments name the exceptions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import sklearn.metrics
from cases import CASES, example
from marks import compiled_too
from peers import OF_TORCH, PEERS, Peer

import portable_losses as pl
from portable_losses import special

RANDOM = np.random.default_rng(7)
PRED, TARGET = RANDOM.normal(0, 3, (2, 40))
WEIGHTS = RANDOM.uniform(0, 2, 40)
LOGIT = RANDOM.normal(0, 3, 40)
PROBABILITY = RANDOM.uniform(0.01, 0.99, 40)
YES = (RANDOM.uniform(size=40) < 0.4).astype(float)
LOGITS = RANDOM.normal(0, 3, (40, 5))
LABELS = RANDOM.integers(0, 5, 40)
SOFT = RANDOM.dirichlet(np.ones(5), 40)
CLASS_WEIGHTS = RANDOM.uniform(0.5, 2, 5)


def close(actual: Any, desired: Any) -> None:
    np.testing.assert_allclose(np.asarray(actual), np.asarray(desired), rtol=1e-13, atol=1e-15)


# The table of peers, on the inputs of the cases


def meetings(*libraries: str) -> list[Any]:
    """Return each case with each setting and each peer of these libraries, or of those on NumPy."""
    return [
        pytest.param(case, index, peer, id=f"{peer.library}-{case}-{index}")
        for case in CASES
        if not case.shared  # which a peer is not handed
        for index in range(len(case.parameters))
        for peer in PEERS.get(case.name, ())
        if (peer.library in libraries if libraries else peer.library not in (*OF_TORCH, "optax"))
    ]


def agree(case: Any, setting: int, peer: Peer, dtype: str) -> None:
    """Compare values, and gradients where there are any, as far as the peer is right."""
    drawn = example(case, setting, dtype, (40,))
    parameters = {**case.loss.signature.defaults, **drawn.parameters}
    right = peer.right(drawn.arrays, parameters)
    arrays = tuple(x[right] for x in drawn.arrays)
    if not np.any(right):
        return  # these settings mean something else there; see the comment at `where`
    tolerance = 2.0**11 * float(np.finfo(dtype).eps)
    scale = float(np.max(np.abs(drawn.value[right])))
    found = case.loss(*arrays, reduction="none", **drawn.parameters)
    np.testing.assert_allclose(
        found, peer.values(arrays, parameters), rtol=tolerance, atol=1e-3 * tolerance * scale
    )
    theirs = peer.gradients(arrays, parameters, case.predicted)
    if theirs is not None:
        ours = case.loss.grad(*arrays, reduction="none", **drawn.parameters)
        for one, other in zip(ours if isinstance(ours, tuple) else (ours,), theirs, strict=True):
            np.testing.assert_allclose(
                one, other, rtol=tolerance, atol=tolerance * float(np.max(np.abs(one)))
            )


@pytest.mark.parametrize(("case", "setting", "peer"), meetings())
def test_peers_of_numpy(case: Any, setting: int, peer: Peer) -> None:
    agree(case, setting, peer, "float64")


@pytest.mark.backends("torch")
@pytest.mark.parametrize(("case", "setting", "peer"), meetings(*OF_TORCH))
def test_peers_of_torch(backend: Any, case: Any, setting: int, peer: Peer) -> None:
    agree(case, setting, peer, "float64")


@pytest.mark.backends("jax")
@pytest.mark.parametrize(("case", "setting", "peer"), meetings("optax"))
def test_peers_of_optax(backend: Any, case: Any, setting: int, peer: Peer) -> None:
    agree(case, setting, peer, backend.dtypes[-1])


def test_every_peer_is_met() -> None:
    """At least once where it is right: a mask that excludes everything compares nothing."""
    for name, peers in PEERS.items():
        cases = [case for case in CASES if case.name == name]
        for peer in peers:
            settings = [
                (example(case, i, "float64", (40,)), case)
                for case in cases
                for i in range(len(case.parameters))
            ]
            assert any(
                peer.right(drawn.arrays, {**case.loss.signature.defaults, **drawn.parameters}).any()
                for drawn, case in settings
            ), (name, peer.library)


@pytest.mark.backends("torch")
@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.1}, {"ignore_index": 2}, {"reduction": "sum"}], ids=str
)
# that it holds the logits where labels are smoothed
@pytest.mark.filterwarnings("ignore:linear_cross_entropy")
def test_linear_cross_entropy_of_torch(backend: Any, options: dict[str, Any]) -> None:
    import torch

    rng = np.random.default_rng(31)
    hidden, weight, bias = (
        torch.tensor(rng.normal(size=shape), requires_grad=True)
        for shape in ((64, 16), (700, 16), (700,))
    )
    labels = torch.tensor(rng.integers(0, 700, 64))
    theirs = torch.nn.functional.linear_cross_entropy(
        hidden, weight, labels, linear_bias=bias, **options
    )
    theirs.backward()
    value, gradients = pl.linear_cross_entropy.value_and_grad(
        *(x.detach() for x in (hidden, weight)), labels, bias.detach(), **options
    )
    torch.testing.assert_close(value, theirs.detach(), rtol=1e-13, atol=0)
    for one, leaf in zip(gradients, (hidden, weight, bias), strict=True):
        torch.testing.assert_close(one, leaf.grad, rtol=1e-11, atol=1e-13)


# scikit-learn


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_scikit_learn_errors(weights: Any) -> None:
    close(
        pl.mse_loss(PRED, TARGET, weights=weights),
        sklearn.metrics.mean_squared_error(TARGET, PRED, sample_weight=weights),
    )
    close(
        pl.l1_loss(PRED, TARGET, weights=weights),
        sklearn.metrics.mean_absolute_error(TARGET, PRED, sample_weight=weights),
    )


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_scikit_learn_log_loss(weights: Any) -> None:
    # Probabilities of 0 and 1 are clipped to the eps of the dtype there, so that a certain and
    # wrong prediction costs 36.04; here the floor is visible, and its default is that of the
    # lesson.
    expected = sklearn.metrics.log_loss(YES, PROBABILITY, sample_weight=weights)
    close(pl.binary_cross_entropy(PROBABILITY, YES, weights=weights), expected)
    expected = sklearn.metrics.log_loss(
        LABELS, scipy.special.softmax(LOGITS, axis=1), sample_weight=weights
    )
    close(pl.cross_entropy(LOGITS, LABELS, weights=weights), expected)


# SciPy


@pytest.mark.parametrize("delta", [0.5, 1.0, 3.0])
def test_scipy_huber(delta: float) -> None:
    # Not at residuals near the largest number, where SciPy's is inf though delta * residual is not.
    close(
        pl.huber_loss(PRED, TARGET, delta=delta, reduction="none"),
        scipy.special.huber(delta, PRED - TARGET),
    )


def test_scipy_entropy() -> None:
    negative_entropy = scipy.special.xlogy(YES, PROBABILITY) + scipy.special.xlog1py(
        1 - YES, -PROBABILITY
    )
    close(pl.binary_cross_entropy(PROBABILITY, YES, reduction="none", eps=0.0), -negative_entropy)


@pytest.mark.parametrize(
    "rows",
    [LOGITS, LOGITS + 1e6, np.where(LOGITS < -2, -np.inf, LOGITS)],
    ids=["", "far", "masked"],
)
def test_scipy_rows(rows: np.ndarray) -> None:
    close(special.softmax(rows), scipy.special.softmax(rows, axis=-1))
    close(special.log_softmax(rows), scipy.special.log_softmax(rows, axis=-1))
    close(special.logsumexp(rows), scipy.special.logsumexp(rows, axis=-1))


def test_scipy_sigmoid() -> None:
    everywhere = np.concatenate([LOGIT, 300 * LOGIT, [0, -np.inf, np.inf]])
    close(special.sigmoid(everywhere), scipy.special.expit(everywhere))
    close(special.log_sigmoid(everywhere), scipy.special.log_expit(everywhere))
    close(special.softplus(everywhere), -scipy.special.log_expit(-everywhere))


def test_scipy_dominant_logit() -> None:
    # SciPy's log_softmax of [16.94, 0] in float32 is [0, -16.94]: the small loss is lost, as it is
    # in torch and JAX. In float64 it is there.
    logits = np.asarray([16.94, 0], np.float32)
    expected = -scipy.special.log_softmax(logits.astype(np.float64))[0]
    np.testing.assert_allclose(pl.cross_entropy(logits, 0), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [pl.mse_loss, pl.huber_loss, pl.binary_cross_entropy_with_logits],
    ids=lambda loss: loss.__name__,
)
def test_scipy_minimize_takes_value_and_gradient(loss: Any) -> None:
    target = YES if loss is pl.binary_cross_entropy_with_logits else TARGET
    features = np.stack([np.ones(40), PRED], axis=1)

    def objective(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = loss.value_and_grad(features @ coefficients, target)
        return value, gradient @ features

    start = np.asarray([0.3, -0.2])
    assert (
        scipy.optimize.check_grad(lambda c: objective(c)[0], lambda c: objective(c)[1], start)
        < 1e-6
    )
    assert scipy.optimize.minimize(objective, start, jac=True).fun < objective(start)[0]


# torch


@compiled_too
@pytest.mark.backends("torch")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_torch(backend: Any, reduction: str) -> None:
    import torch
    import torch.nn.functional as peer

    def same(
        loss: Callable[..., Any],
        other: Callable[..., Any],
        pred: np.ndarray,
        target: np.ndarray,
        **options: Any,
    ) -> None:
        ours, theirs = (torch.tensor(pred, requires_grad=True) for _ in range(2))
        renamed = {
            "weight" if key == "class_weights" else key: value for key, value in options.items()
        }
        value = loss(ours, torch.tensor(target), reduction=reduction, **options)
        expected = other(theirs, torch.tensor(target), reduction=reduction, **renamed)
        close(value.detach(), expected.detach())
        value.sum().backward()
        expected.sum().backward()
        close(ours.grad, theirs.grad)

    same(pl.mse_loss, peer.mse_loss, PRED, TARGET)
    same(pl.l1_loss, peer.l1_loss, PRED, TARGET)
    # With weights torch's mean divides by their sum in mse_loss and l1_loss, by the number of
    # elements in huber_loss.
    same(pl.huber_loss, peer.huber_loss, PRED, TARGET, delta=1.7)
    # torch stops at a loss of 100 where a certain prediction is wrong: the same as ours only
    # inside.
    same(pl.binary_cross_entropy, peer.binary_cross_entropy, PROBABILITY, YES)
    # torch is NaN at infinite logits.
    same(pl.binary_cross_entropy_with_logits, peer.binary_cross_entropy_with_logits, LOGIT, YES)
    same(pl.cross_entropy, peer.cross_entropy, LOGITS, LABELS)
    same(pl.cross_entropy, peer.cross_entropy, LOGITS, LABELS, ignore_index=2)
    same(pl.cross_entropy, peer.cross_entropy, LOGITS, LABELS, label_smoothing=0.2)
    same(pl.cross_entropy, peer.cross_entropy, LOGITS, SOFT)
    # "none" is weight * loss in both, but the class weight of a soft row is not
    if reduction != "none":
        same(
            pl.cross_entropy,
            peer.cross_entropy,
            LOGITS,
            LABELS,
            class_weights=torch.tensor(CLASS_WEIGHTS),
        )


@compiled_too
@pytest.mark.backends("torch")
@pytest.mark.parametrize("pos_weight", [0.5, 3.0])
def test_torch_pos_weight(backend: Any, pos_weight: float) -> None:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    logit, target = torch.tensor(LOGIT), torch.tensor(YES)
    close(
        pl.binary_cross_entropy_with_logits(logit, target, pos_weight=pos_weight),
        binary_cross_entropy_with_logits(
            logit, target, pos_weight=torch.tensor(pos_weight, dtype=torch.float64)
        ),
    )


@compiled_too
@pytest.mark.backends("torch")
def test_torch_class_axis(backend: Any) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    images, labels = torch.tensor(LOGITS.reshape(2, 4, 5, 5)), torch.tensor(LABELS.reshape(2, 4, 5))
    close(
        pl.cross_entropy(images.movedim(-1, 1), labels, class_axis=1),
        cross_entropy(images.movedim(-1, 1), labels),
    )


# optax, on JAX


@compiled_too
@pytest.mark.backends("jax")
def test_optax(backend: Any) -> None:
    import optax

    eps = 2.0**-52 if "float64" in backend.dtypes else 2.0**-23

    def same(ours: Any, theirs: Any) -> None:
        # Small losses of a dominant logit lose digits in optax: up to the eps of the logits, which
        # are about 10.
        np.testing.assert_allclose(
            np.asarray(ours), np.asarray(theirs), rtol=20 * eps, atol=10 * eps
        )

    pred, target, logit, yes, logits, labels, soft = map(
        backend.asarray, (PRED, TARGET, LOGIT, YES, LOGITS, LABELS, SOFT)
    )
    # l2_loss has a factor one half
    same(pl.mse_loss(pred, target, reduction="none"), 2 * optax.l2_loss(pred, target))
    same(
        pl.huber_loss(pred, target, delta=1.7, reduction="none"),
        optax.huber_loss(pred, target, delta=1.7),
    )
    # optax is NaN at infinite logits.
    same(
        pl.binary_cross_entropy_with_logits(logit, yes, reduction="none"),
        optax.sigmoid_binary_cross_entropy(logit, yes),
    )
    # optax gathers the logit of the label before it subtracts the largest: at [1e8, 1e8] in float32
    # it is 0, and ln 2 is right.
    same(
        pl.cross_entropy(logits, labels, reduction="none"),
        optax.softmax_cross_entropy_with_integer_labels(logits, labels),
    )
    # optax is NaN where a class with target 0 is masked by -inf.
    same(
        pl.cross_entropy(logits, soft, reduction="none"), optax.softmax_cross_entropy(logits, soft)
    )
    same(
        pl.cross_entropy(logits, labels, label_smoothing=0.2),
        optax.softmax_cross_entropy(logits, optax.smooth_labels(np.eye(5)[LABELS], 0.2)).mean(),
    )
