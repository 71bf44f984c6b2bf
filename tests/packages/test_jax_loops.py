"""Losses in training loops of Flax and optax."""

import functools

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import linen, nnx

import portable_losses as pl
from packages.data import digits

CRITERIA = {
    "loss": pl.cross_entropy,
    "partial": functools.partial(pl.cross_entropy, label_smoothing=0.05),
}


def data():
    features, target = digits()
    return jnp.asarray(features / 16, dtype=jnp.float32), jnp.asarray(target)


@pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)
def test_linen(criterion):
    features, target = data()
    model = linen.Dense(10)
    parameters = model.init(jax.random.key(0), features[:1])
    optimiser = optax.adam(0.05)
    state = optimiser.init(parameters)

    @jax.jit
    def step(parameters, state):
        loss, slopes = jax.value_and_grad(lambda p: criterion(model.apply(p, features), target))(
            parameters
        )
        updates, state = optimiser.update(slopes, state)
        return optax.apply_updates(parameters, updates), state, loss

    losses = []
    for _ in range(60):
        parameters, state, loss = step(parameters, state)
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]
    assert jnp.mean(jnp.argmax(model.apply(parameters, features), axis=1) == target) > 0.95


@pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)
def test_nnx(criterion):
    features, target = data()
    model = nnx.Linear(64, 10, rngs=nnx.Rngs(0))
    optimiser = nnx.Optimizer(model, optax.adam(0.05), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimiser):
        loss, slopes = nnx.value_and_grad(lambda m: criterion(m(features), target))(model)
        optimiser.update(model, slopes)
        return loss

    losses = [float(step(model, optimiser)) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_gradient_is_that_of_optax():
    features, target = data()
    weights = jnp.ones((64, 10)) * jnp.arange(10.0)

    def ours(w):
        return pl.cross_entropy(features @ w, target)

    def theirs(w):
        return optax.softmax_cross_entropy_with_integer_labels(features @ w, target).mean()

    found, expected = jax.grad(ours)(weights), jax.grad(theirs)(weights)
    assert jnp.max(jnp.abs(found - expected)) < 1e-5
