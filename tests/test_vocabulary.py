"""The cross-entropy over a vocabulary: shared arrays, and logits that are never all in memory."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from marks import compiled_too

import portable_losses as pl
from portable_losses import vocabulary

TOKENS, FEATURES, CLASSES = 7, 5, 23

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"label_smoothing": 0.2},
    {"softcap": 2.0, "temperature": 0.5, "z_loss": 0.1},
)


@pytest.fixture(params=["at once", "in pieces"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the logits at a time so that there are several steps, the last of them partial."""
    if request.param == "in pieces":
        monkeypatch.setattr(vocabulary, "_LOGITS", 1)
        monkeypatch.setattr(vocabulary, "_LEAST", 4)


def data(dtype: str = "float64") -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(21)
    hidden, weight = rng.normal(size=(TOKENS, FEATURES)), rng.normal(size=(CLASSES, FEATURES))
    return (
        hidden.astype(dtype),
        weight.astype(dtype),
        rng.integers(0, CLASSES, TOKENS),
        rng.normal(size=CLASSES).astype(dtype),
    )


def in_full(
    hidden: np.ndarray,
    weight: np.ndarray,
    labels: np.ndarray,
    bias: np.ndarray,
    softcap: float | None = None,
    **options: Any,
) -> tuple[Any, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Compute the loss from all logits; gradients by the chain rule, with a logsumexp penalty."""
    z_loss = options.pop("z_loss", 0.0)
    logits = hidden @ weight.T + bias
    slope = np.ones_like(logits)
    if softcap is not None:
        slope = 1 - np.tanh(logits / softcap) ** 2
        logits = softcap * np.tanh(logits / softcap)
    temperature = options.pop("temperature", 1.0)
    logits, slope = logits / temperature, slope / temperature
    value, to_logits = pl.cross_entropy.value_and_grad(logits, labels, **options)
    weights = (
        np.broadcast_to(options.get("weights", 1.0), labels.shape)
        * np.asarray(options.get("class_weights", np.ones(CLASSES)))[labels]
    )
    weights = weights * (labels != options.get("ignore_index", -1))
    share = weights / (weights.sum() if options.get("reduction", "mean") == "mean" else 1.0)
    log_total = np.log(np.sum(np.exp(logits), axis=-1))
    value = value + np.sum(share * z_loss * log_total**2)
    to_logits = (
        to_logits + (share * 2 * z_loss * log_total)[:, None] * np.exp(logits - log_total[:, None])
    ) * slope
    return value, (to_logits @ weight, to_logits.T @ hidden, to_logits.sum(axis=0))


@compiled_too
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(
    "options",
    [{}, {"reduction": "sum"}, {"weights": True}, {"class_weights": True, "ignore_index": 3}],
)
def test_the_loss_of_the_logits(
    backend: Any, pieces: None, settings: dict[str, Any], options: dict[str, Any]
) -> None:
    """And all three gradients, each of its own shape."""
    dtype = backend.dtypes[-1]
    arrays = data(dtype)
    rng = np.random.default_rng(22)
    given = {"weights": rng.uniform(0, 2, TOKENS), "class_weights": rng.uniform(0, 2, CLASSES)}
    options = {key: given[key] if value is True else value for key, value in options.items()}
    wanted, gradients = in_full(
        *(x.astype(float) if x.dtype.kind == "f" else x for x in arrays), **settings, **options
    )
    converted = {
        key: backend.asarray(x, dtype) if isinstance(x, np.ndarray) else x
        for key, x in options.items()
    }
    value, found = backend.call(
        pl.linear_cross_entropy.value_and_grad,
        *map(backend.asarray, arrays),
        **settings,
        **converted,
    )
    tolerance = 2.0**7 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(backend.to_numpy(value), wanted, rtol=tolerance)
    for one, right in zip(found, gradients, strict=True):
        np.testing.assert_allclose(backend.to_numpy(one), right, rtol=tolerance, atol=tolerance)
    alone = backend.call(
        pl.linear_cross_entropy, *map(backend.asarray, arrays), **settings, **converted
    )
    np.testing.assert_allclose(backend.to_numpy(alone), wanted, rtol=tolerance)


@compiled_too
@pytest.mark.backends("torch", "jax-jit")
@pytest.mark.parametrize("settings", SETTINGS)
def test_autodiff_of_what_is_shared(backend: Any, pieces: None, settings: dict[str, Any]) -> None:
    """Of the formula, which takes each step again; on torch with and without its transforms."""
    dtype = backend.dtypes[-1]
    hidden, weight, labels, bias = map(backend.asarray, data(dtype))
    registered = pl.linear_cross_entropy.grad(hidden, weight, labels, bias, **settings)

    def value(hidden: Any, weight: Any, bias: Any) -> Any:
        return pl.linear_cross_entropy(hidden, weight, labels, bias, **settings)

    found = []
    if backend.base == "jax":
        import jax

        found.append(jax.jit(jax.grad(value, (0, 1, 2)))(hidden, weight, bias))
    else:
        import torch

        leaves = [x.clone().requires_grad_() for x in (hidden, weight, bias)]
        backend.wrap(value)(*leaves).backward()
        found.append([leaf.grad for leaf in leaves])
        if not backend.compiled:
            found.append(torch.func.grad(value, (0, 1, 2))(hidden, weight, bias))
    tolerance = 2.0**6 * float(np.finfo(dtype).eps)
    for gradients in found:
        for one, right in zip(gradients, registered, strict=True):
            np.testing.assert_allclose(
                backend.to_numpy(one), backend.to_numpy(right), rtol=tolerance, atol=tolerance
            )


def test_axes_and_shapes() -> None:
    """Rows may have any number of axes; the weights have theirs in one order."""
    hidden, weight, labels, bias = data()
    wanted, (to_hidden, to_weight, to_bias) = pl.linear_cross_entropy.value_and_grad(
        hidden, weight, labels, bias
    )
    value, found = pl.linear_cross_entropy.value_and_grad(
        hidden.T, weight, labels, bias, feature_axis=0
    )
    for one, right in zip(
        (value, found[0].T, *found[1:]), (wanted, to_hidden, to_weight, to_bias), strict=True
    ):
        np.testing.assert_allclose(one, right, rtol=1e-12)
    folded = hidden[:6].reshape(2, 3, FEATURES)
    found = pl.linear_cross_entropy.grad(folded, weight, labels[:6].reshape(2, 3), bias, axis=0)
    flat = pl.linear_cross_entropy.grad(hidden[:6], weight, labels[:6], bias)
    np.testing.assert_allclose(found[0].reshape(6, FEATURES), flat[0] * 3, rtol=1e-12)
    np.testing.assert_allclose(found[1], flat[1] * 3, rtol=1e-12)
    one = pl.linear_cross_entropy(hidden[0], weight, int(labels[0]), bias)
    np.testing.assert_allclose(
        one, pl.linear_cross_entropy(hidden, weight, labels, bias, reduction="none")[0], rtol=1e-14
    )


def test_no_rows() -> None:
    hidden, weight, labels, bias = data()
    value, gradients = pl.linear_cross_entropy.value_and_grad(hidden[:0], weight, labels[:0], bias)
    assert np.isnan(value)
    assert [x.shape for x in gradients] == [(0, FEATURES), weight.shape, bias.shape]
    assert not any(np.any(x) for x in gradients)
    _, gradients = pl.linear_cross_entropy.value_and_grad(
        hidden, weight, labels, where=np.zeros(TOKENS, bool)
    )
    assert not any(np.any(x) for x in gradients)


@pytest.mark.parametrize("settings", [{}, {"z_loss": 0.5}])
def test_masked_classes(pieces: None, settings: dict[str, Any]) -> None:
    """A bias of -inf removes a class; a masked label is impossible."""
    hidden, weight, labels, bias = data()
    labels[labels == 0] = 1
    bias[0] = -np.inf
    value, (to_hidden, to_weight, to_bias) = pl.linear_cross_entropy.value_and_grad(
        hidden, weight, labels, bias, **settings
    )
    wanted, rest = pl.linear_cross_entropy.value_and_grad(
        hidden, weight[1:], labels - 1, bias[1:], **settings
    )
    np.testing.assert_allclose(value, wanted, rtol=1e-14)
    for one, right in zip((to_hidden, to_weight[1:], to_bias[1:]), rest, strict=True):
        np.testing.assert_allclose(one, right, rtol=1e-12, atol=1e-15)
    assert not to_weight[0].any()
    assert to_bias[0] == 0
    assert pl.linear_cross_entropy(hidden[:1], weight, [0], bias) == np.inf


def test_a_class_that_dominates() -> None:
    """The loss keeps its digits."""
    logits = np.asarray([[16.94, 0.0]], np.float32)
    value, (to_hidden, _) = pl.linear_cross_entropy.value_and_grad(
        logits, np.eye(2, dtype=np.float32), [0]
    )
    exact = np.log1p(np.exp(-float(np.float32(16.94))))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(to_hidden, [[-exact, exact]], rtol=2e-6)


def test_what_does_not_fit() -> None:
    hidden, weight, labels, bias = data()
    with pytest.raises(
        ValueError,
        match=r"hidden \(\.\.\., feature\), weight \(class, feature\), labels \(\.\.\.\)",
    ):
        pl.linear_cross_entropy(hidden, weight[0], labels)
    with pytest.raises(ValueError, match=r"weight has shape \(5, 23\)"):
        pl.linear_cross_entropy(hidden, weight.T, labels)
    with pytest.raises(ValueError, match=r"bias has shape \(22,\)"):
        pl.linear_cross_entropy(hidden, weight, labels, bias[1:])
    with pytest.raises(ValueError, match=r"labels must hold class labels.*labels\[0\] is 23"):
        pl.linear_cross_entropy(hidden, weight, np.full(TOKENS, CLASSES))
    with pytest.raises(
        ValueError, match=r"class_weights needs one weight for each of the 23 classes"
    ):
        pl.linear_cross_entropy(hidden, weight, labels, class_weights=np.ones(FEATURES))
    with pytest.raises(NotImplementedError, match="no second derivative"):
        pl.linear_cross_entropy.grad_and_hess(hidden, weight, labels)
    with pytest.raises(TypeError, match="has no option 'class_axis'"):
        pl.linear_cross_entropy(hidden, weight, labels, class_axis=0)  # type: ignore[call-arg]


def test_the_logits_are_never_held() -> None:
    """They would be 205 MB here; the gradient of 12.8 MB of weights is added up."""
    rng = np.random.default_rng(23)
    hidden, weight = (
        rng.normal(size=(1024, 64)).astype(np.float32),
        rng.normal(size=(50_000, 64)).astype(np.float32),
    )
    labels = rng.integers(0, 50_000, 1024)
    limits = {"__call__": 16.0, "value_and_grad": 16 + 2 * weight.nbytes / 2**20}
    for method, limit in limits.items():
        tracemalloc.start()
        getattr(pl.linear_cross_entropy, method)(hidden, weight, labels)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak / 2**20 < limit, method


@compiled_too
@pytest.mark.parametrize("options", [*SETTINGS, {"temperature": 3.0}, {"z_loss": 0.5}], ids=str)
def test_the_options_are_those_of_cross_entropy(
    backend: Any, pieces: None, options: dict[str, Any]
) -> None:
    """Value, and gradient through the layer; a class that the bias masks stays masked."""
    dtype = backend.dtypes[-1]
    hidden, weight, labels, bias = data(dtype)
    bias[3], labels = -np.inf, np.where(labels == 3, 4, labels)
    options = {**options, "reduction": "sum"}
    if "label_smoothing" in options:
        bias[3] = -4.0  # it would have a share of each target
    value, (to_hidden, to_weight, _) = backend.call(
        pl.linear_cross_entropy.value_and_grad,
        *map(backend.asarray, (hidden, weight, labels, bias)),
        **options,
    )
    logits = (hidden.astype(float) @ weight.T + bias).astype(dtype)
    wanted, to_logits = backend.call(
        pl.cross_entropy.value_and_grad, backend.asarray(logits), backend.asarray(labels), **options
    )
    to_logits = backend.to_numpy(to_logits)
    tolerance = 2.0**8 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(backend.to_numpy(value), backend.to_numpy(wanted), rtol=tolerance)
    assert np.isfinite(backend.to_numpy(value))
    for one, right in ((to_hidden, to_logits @ weight), (to_weight, to_logits.T @ hidden)):
        np.testing.assert_allclose(
            backend.to_numpy(one), right, rtol=tolerance, atol=tolerance * np.abs(right).max()
        )
    if "label_smoothing" not in options:
        assert np.all(to_logits[:, 3] == 0)
