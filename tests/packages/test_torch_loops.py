"""Losses as criteria of PyTorch and of skorch: copied, pickled, compiled, scaled, saved."""

import copy
import functools
import io
import pickle

import numpy as np
import pytest
import skorch
import torch

import portable_losses as pl
from packages.data import diabetes, digits
from portable_losses.objectives import torch_criterion

PARTIAL = functools.partial(pl.huber_loss, delta=2.0)
MODULE = torch_criterion(pl.huber_loss, delta=2.0)


def expected(pred, target):
    return torch.nn.functional.huber_loss(pred, target, delta=2.0)


def batch(count=64):
    generator = torch.Generator().manual_seed(0)
    pred = torch.randn(count, 3, generator=generator)
    return pred, 4 * torch.randn(count, 3, generator=generator)


@pytest.mark.parametrize("criterion", [PARTIAL, MODULE], ids=["partial", "module"])
def test_it_trains_a_model(criterion):
    torch.manual_seed(0)
    features = torch.randn(256, 5)
    target = features @ torch.arange(5.0)[:, None]
    model = torch.nn.Linear(5, 1)
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = criterion(model(features), target)
        loss.backward()
        return loss

    optimiser.step(closure)
    torch.testing.assert_close(model.weight[0], torch.arange(5.0), atol=1e-3, rtol=0)


@pytest.mark.parametrize("criterion", [PARTIAL, MODULE], ids=["partial", "module"])
@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_the_same(criterion, again):
    pred, target = batch()
    torch.testing.assert_close(again(criterion)(pred, target), expected(pred, target))


@pytest.mark.parametrize("criterion", [PARTIAL, MODULE], ids=["partial", "module"])
def test_it_compiles(criterion):
    pred, target = batch()
    pred.requires_grad_()
    compiled = torch.compile(criterion, fullgraph=True, backend="aot_eager")
    loss = compiled(pred, target)
    torch.testing.assert_close(loss, expected(pred, target))
    (found,) = torch.autograd.grad(loss, pred)
    (slope,) = torch.autograd.grad(expected(pred, target), pred)
    torch.testing.assert_close(found, slope)


def test_a_compiled_module():
    pred, target = batch()
    compiled = torch.compile(MODULE, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(pred, target), expected(pred, target))


def test_autocast_with_a_scaler():
    torch.manual_seed(0)
    model, (features, target) = torch.nn.Linear(3, 3), batch()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pred = model(features)
            loss = MODULE(pred, target.to(pred.dtype))
        assert pred.dtype == torch.bfloat16
        assert loss.dtype == torch.float32
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


class Losses(torch.utils.data.Dataset):
    """A data set whose workers evaluate a loss."""

    def __init__(self, criterion):
        self.criterion = criterion

    def __len__(self):
        return 8

    def __getitem__(self, i):
        return self.criterion(torch.full((2,), float(i)), torch.zeros(2))


@pytest.mark.parametrize("criterion", [PARTIAL, MODULE], ids=["partial", "module"])
def test_workers_of_a_data_loader(criterion):
    """New processes get the criterion by pickle."""
    loader = torch.utils.data.DataLoader(
        Losses(criterion), batch_size=4, num_workers=2, multiprocessing_context="forkserver"
    )
    found = torch.cat(list(loader))
    each = torch.arange(8.0)
    torch.testing.assert_close(
        found, torch.nn.functional.huber_loss(each, 0 * each, delta=2.0, reduction="none")
    )


def test_tensors_are_buffers():
    """They move with the model, and are not part of what it has learnt."""
    per_class = torch.tensor([1.0, 2.0, 0.5])
    criterion = torch_criterion(pl.cross_entropy, class_weights=per_class, label_smoothing=0.1)
    model = torch.nn.ModuleDict({"criterion": criterion})
    assert dict(criterion.named_buffers())["class_weights"] is per_class
    assert not model.state_dict()
    assert criterion.to(torch.float64).class_weights.dtype == torch.float64
    assert repr(criterion) == "Criterion(cross_entropy, label_smoothing=0.1)"
    logits, labels = torch.randn(16, 3, dtype=torch.float64), torch.arange(16) % 3
    found = criterion(logits, labels)
    direct = pl.cross_entropy(logits, labels, class_weights=per_class.double(), label_smoothing=0.1)
    torch.testing.assert_close(found, direct)
    meta = criterion.to("meta")
    assert meta.class_weights.device.type == "meta"


def test_arrays_of_numpy_become_tensors():
    per_class = np.asarray([1.0, 2.0, 0.5])
    criterion = torch_criterion(pl.cross_entropy, class_weights=per_class)
    logits, labels = torch.randn(6, 3), torch.arange(6) % 3
    expected = torch.nn.functional.cross_entropy(
        logits, labels, weight=torch.asarray(per_class, dtype=torch.float32)
    )
    torch.testing.assert_close(criterion(logits, labels), expected)
    assert isinstance(criterion.class_weights, torch.Tensor)


@pytest.mark.parametrize(
    ("loss", "parameters"),
    [
        (pl.pinball_loss, {"quantile": (0.1, 0.5, 0.9)}),
        (pl.cross_entropy, {"class_weights": [1.0, 2.0, 0.5], "label_smoothing": 0.1}),
    ],
)
def test_lists_are_part_of_a_graph(loss, parameters):
    criterion = torch_criterion(loss, **parameters)
    pred = torch.randn(6, 3, requires_grad=True)
    target = torch.arange(6) % 3 if loss is pl.cross_entropy else torch.randn(6)
    expected, slope = loss.value_and_grad(pred.detach(), target, **parameters)
    value = torch.compile(criterion, fullgraph=True, backend="aot_eager")(pred, target)
    value.backward()
    torch.testing.assert_close(value.detach(), expected)
    torch.testing.assert_close(pred.grad, slope)


def test_a_parameter_is_learnt():
    criterion = torch_criterion(pl.huber_loss, delta=torch.nn.Parameter(torch.tensor(2.0)))
    assert [name for name, _ in criterion.named_parameters()] == ["delta"]
    criterion(torch.tensor([5.0]), torch.tensor([0.0])).backward()
    assert criterion.delta.grad == 3
    assert "delta" in criterion.state_dict()


def test_options_of_a_call():
    pred, target = batch()
    weights = torch.arange(64.0)[:, None]
    found = MODULE(pred, target, weights=weights, reduction="sum")
    torch.testing.assert_close(
        found, pl.huber_loss(pred, target, delta=2.0, weights=weights, reduction="sum")
    )
    both = torch_criterion(pl.gaussian_nll_loss)
    variance = torch.rand(64, 3) + 0.5
    torch.testing.assert_close(
        both(pred, variance, target), torch.nn.functional.gaussian_nll_loss(pred, target, variance)
    )


def test_it_is_saved_and_loaded():
    file = io.BytesIO()
    torch.save(MODULE, file)
    file.seek(0)
    pred, target = batch()
    again = torch.load(file, weights_only=False)
    torch.testing.assert_close(again(pred, target), expected(pred, target))


def test_bad_parameters():
    with pytest.raises(TypeError, match=r"torch_criterion: huber_loss has no parameter 'beta'"):
        torch_criterion(pl.huber_loss, beta=1.0)
    with pytest.raises(TypeError, match=r"torch_criterion: loss must be a loss of portable"):
        torch_criterion(torch.nn.functional.huber_loss)


def test_skorch_classifies():
    features, target = digits()
    features = (features / 16).astype(np.float32)
    torch.manual_seed(0)
    net = skorch.NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=64,
        module__out_features=10,
        criterion=torch_criterion(pl.cross_entropy, label_smoothing=0.05),
        max_epochs=10,
        lr=0.5,
        verbose=0,
    )
    net.fit(features, target.astype(np.int64))
    assert np.mean(net.predict(features) == target) > 0.9
    losses = net.history[:, "valid_loss"]
    assert losses[-1] < losses[0]


def test_skorch_makes_its_own():
    """A class of criteria, whose settings a grid search may change."""
    features, target = diabetes()
    features = features.astype(np.float32)
    target = (target / 100).astype(np.float32)[:, None]
    torch.manual_seed(0)
    net = skorch.NeuralNetRegressor(
        torch.nn.Linear,
        module__in_features=10,
        module__out_features=1,
        criterion=torch_criterion,
        criterion__loss=pl.huber_loss,
        criterion__delta=0.5,
        max_epochs=20,
        lr=0.5,
        verbose=0,
    )
    net.fit(features, target)
    assert net.history[-1, "train_loss"] < net.history[0, "train_loss"]
    assert copy.deepcopy(net).criterion_.settings == {"delta": 0.5}
