"""Losses of Keras 3, on the backend that KERAS_BACKEND says: torch or jax."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest

import portable_losses as pl
from packages.data import diabetes, digits
from portable_losses.objectives import keras_loss

# Keras itself converts tensors to NumPy in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RNG = np.random.default_rng(0)
SHAPES = [((8,), (8,)), ((8, 1), (8,)), ((8, 1), (8, 1)), ((8, 3), (8, 3))]


def value(loss, target, pred, weights=None):
    tensors = [None if x is None else keras.ops.convert_to_tensor(x) for x in (target, pred)]
    return float(keras.ops.convert_to_numpy(loss(*tensors, sample_weight=weights)))


@pytest.mark.parametrize("weights", [None, RNG.uniform(0.5, 2.0, 8).astype("float32")])
@pytest.mark.parametrize(
    "shapes", [((8,), (8,)), ((8, 1), (8,)), ((8, 1), (8, 1)), ((8, 3), (8, 3))]
)
def test_a_loss_of_elements(shapes, weights):
    pred, target = (RNG.normal(size=shape).astype("float32") for shape in shapes)
    found = value(keras_loss(pl.pinball_loss, quantile=0.2), target, pred, weights)
    aligned = target.reshape(pred.shape)
    share = weights if weights is None or pred.ndim == 1 else weights[:, None]
    expected = float(pl.pinball_loss(pred, aligned, quantile=0.2, weights=share))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weights", [None, RNG.uniform(0.5, 2.0, 8).astype("float32")])
@pytest.mark.parametrize("shape", [(8,), (8, 1)])
@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "uint8"])
def test_labels(shape, dtype, weights):
    logits = RNG.normal(size=(8, 4)).astype("float32")
    labels = RNG.integers(0, 4, shape)
    found = value(keras_loss(pl.cross_entropy), labels.astype(dtype), logits, weights)
    expected = float(pl.cross_entropy(logits, labels.reshape(-1), weights=weights))
    assert found == pytest.approx(expected, rel=1e-6)
    one_hot = np.eye(4, dtype="float32")[labels.reshape(-1)]
    assert value(keras_loss(pl.cross_entropy), one_hot, logits, weights) == pytest.approx(
        expected, rel=1e-6
    )


def test_rows_of_a_sequence():
    """A batch of sequences of rows has the mean over the time in each."""
    logits, labels = RNG.normal(size=(5, 7, 4)).astype("float32"), RNG.integers(0, 4, (5, 7))
    weights = RNG.uniform(0.5, 2.0, 5).astype("float32")
    found = value(keras_loss(pl.cross_entropy), labels, logits, weights)
    expected = float(pl.cross_entropy(logits, labels, weights=weights[:, None]))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_it_trains_and_is_saved(tmp_path, weighted):
    features, target = digits()
    features = (features / 16).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)])
    loss = keras_loss(pl.cross_entropy, label_smoothing=0.05)
    model.compile(keras.optimizers.Adam(0.02), loss=loss, metrics=["accuracy"])
    weights = RNG.uniform(0.5, 2.0, len(target)).astype("float32") if weighted else None
    history = model.fit(
        features, target.astype("float32"), sample_weight=weights, epochs=8, verbose=0
    )
    losses = history.history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    logits = model.predict(features, verbose=0)
    assert np.mean(logits.argmax(axis=1) == target) > 0.93
    expected = float(pl.cross_entropy(logits, target, label_smoothing=0.05, weights=weights))
    found = model.evaluate(features, target, sample_weight=weights, batch_size=2000, verbose=0)[0]
    assert found == pytest.approx(expected, rel=1e-4)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == loss.get_config()
    found = again.evaluate(features, target, sample_weight=weights, batch_size=2000, verbose=0)[0]
    assert found == pytest.approx(expected, rel=1e-4)


def test_it_trains_numbers():
    features, target = diabetes()
    features, target = features.astype("float32"), (target / 100).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), loss=keras_loss(pl.pinball_loss, quantile=0.9))
    model.fit(features, target, epochs=100, verbose=0)
    pred = model.predict(features, verbose=0)[:, 0]
    assert np.mean(target < pred) == pytest.approx(0.9, abs=0.03)


@pl.loss
def at_the_top(xp, pred, target, /):
    return (pred - target) ** 4


def test_losses_that_cannot_be_saved():
    @pl.loss
    def inside(xp, pred, target, /):
        return (pred - target) ** 4

    loss = keras_loss(at_the_top)
    twin = type(loss).from_config(loss.get_config())
    ones = np.ones(3, "float32")
    assert value(twin, ones, 3 * ones) == 16
    loss = keras_loss(inside)
    assert value(loss, ones, 3 * ones) == 16
    with pytest.raises(TypeError, match="keras_loss: inside cannot be saved"):
        loss.get_config()


def test_bad_losses():
    with pytest.raises(TypeError, match="keras_loss: reduction is set for every call"):
        keras_loss(pl.mse_loss, reduction="sum")
    with pytest.raises(TypeError, match="keras_loss: the loss must have one prediction"):
        keras_loss(pl.gaussian_nll_loss)
    with pytest.raises(TypeError, match="keras_loss: huber_loss has no parameter 'beta'"):
        keras_loss(pl.huber_loss, beta=1.0)
    with pytest.raises(ValueError, match="shape"):
        value(keras_loss(pl.mse_loss), np.ones((8, 2), "float32"), np.ones((8, 3), "float32"))
