"""Losses of Keras 3, on the backend that KERAS_BACKEND says: torch or jax."""

import json
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


def test_weights_of_the_steps_of_a_sequence():
    """As many steps as sequences: neither is taken for the other."""
    logits, labels = RNG.normal(size=(5, 5, 4)).astype("float32"), RNG.integers(0, 4, (5, 5))
    weights = RNG.uniform(0.5, 2.0, (5, 5)).astype("float32")
    found = value(keras_loss(pl.cross_entropy), labels, logits, weights)
    expected = float(pl.cross_entropy(logits, labels, weights=weights))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weights", [None, RNG.uniform(0.5, 2.0, 6).astype("float32")])
@pytest.mark.parametrize("loss", [pl.cross_entropy, pl.mse_loss])
def test_masked_steps_are_left_out(loss, weights):
    lengths = np.asarray([5, 3, 1, 2, 4, 5])
    seen = np.arange(5) < lengths[:, None]
    features = np.where(seen[..., None], RNG.normal(size=(6, 5, 3)), 0.0).astype("float32")
    labels = RNG.integers(0, 4, (6, 5))
    target = labels if loss is pl.cross_entropy else RNG.normal(size=(6, 5, 4)).astype("float32")
    layers = [keras.layers.Masking(), keras.layers.LSTM(4, return_sequences=True)]
    model = keras.Sequential([keras.Input((5, 3)), *layers])
    model.compile("sgd", loss=keras_loss(loss))
    found = model.evaluate(features, target, sample_weight=weights, verbose=0)
    pred = model.predict(features, verbose=0)
    mask = seen if loss is pl.cross_entropy else seen[..., None]
    share = None if weights is None else weights.reshape(-1, *(1,) * (mask.ndim - 1))
    assert found == pytest.approx(float(loss(pred, target, weights=share, where=mask)), rel=1e-5)
    history = model.fit(features, target, sample_weight=weights, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_a_batch_without_weight_is_0():
    ones, none = np.ones((4, 1), "float32"), np.zeros(4, "float32")
    assert value(keras_loss(pl.mse_loss), 2 * ones, ones, none) == 0


def test_quantiles_of_a_column_of_targets():
    pred, target = RNG.normal(size=(8, 3)).astype("float32"), RNG.normal(size=(8, 1))
    loss = keras_loss(pl.pinball_loss, quantile=(0.1, 0.5, 0.9))
    expected = pl.pinball_loss(pred, target[:, 0], quantile=(0.1, 0.5, 0.9))
    assert value(loss, target.astype("float32"), pred) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("weights", [None, RNG.uniform(0.5, 2.0, 8).astype("float32")])
def test_classes_that_are_weighed_or_ignored(weights):
    logits, labels = RNG.normal(size=(8, 3)).astype("float32"), np.arange(8) % 3
    for options in ({"ignore_index": 1}, {"class_weights": [1.0, 2.0, 0.5], "ignore_index": 0}):
        found = value(keras_loss(pl.cross_entropy, **options), labels, logits, weights)
        expected = pl.cross_entropy(logits, labels, weights=weights, **options)
        assert found == pytest.approx(float(expected), rel=1e-6)


def test_arrays_and_bound_parameters_are_saved():
    logits, labels = RNG.normal(size=(8, 3)).astype("float32"), RNG.integers(0, 3, 8)
    per_class = np.asarray([1.0, 2.0, 0.5])
    expected = float(pl.cross_entropy(logits, labels, class_weights=per_class))
    for loss in (
        keras_loss(pl.cross_entropy, class_weights=per_class),
        keras_loss(pl.cross_entropy.bind(class_weights=per_class)),
    ):
        twin = type(loss).from_config(json.loads(json.dumps(loss.get_config())))
        for each in (loss, twin):
            assert value(each, labels, logits) == pytest.approx(expected, rel=1e-6)


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
