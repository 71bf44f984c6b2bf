"""The self-check: it must see what is wrong, and survive what is missing."""

import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

import portable_losses
from portable_losses import _check
from portable_losses.typing import Array, Domain, Positive


@pytest.fixture
def public(monkeypatch):
    """Make a loss public for a test, alone."""

    def add(loss):
        monkeypatch.setattr(portable_losses, loss.__name__, loss, raising=False)
        monkeypatch.setattr(portable_losses, "__all__", [loss.__name__])

    monkeypatch.setattr(_check, "_OPTIONAL", {"array_api_strict": "array_api_strict"})
    return add


@pytest.mark.backends("numpy", "torch", "jax", "dask", "cupy")
def test_the_command_ends_with_zero_and_names_every_loss(backend):
    """Beside each library once, which the command finds where it is installed."""
    done = subprocess.run(
        [sys.executable, "-m", "portable_losses"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0.153926265294477" in done.stdout
    assert f"numpy             {np.__version__}" in done.stdout
    losses = [
        name
        for name in portable_losses.__all__
        if isinstance(getattr(portable_losses, name), portable_losses.Loss)
    ]
    assert len(losses) > 5
    for name in losses:
        assert f"\n{name} " in done.stdout
    assert done.stdout.endswith("All agree.\n")


def test_importing_the_package_imports_no_optional_library():
    code = f"import sys, portable_losses; print(*set(sys.modules) & {set(_check._OPTIONAL)})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_state_of_a_random_module_is_touched(monkeypatch):
    import random

    monkeypatch.setattr(_check, "_OPTIONAL", {})
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert portable_losses.check()
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def square(xp: Array, pred: Array, target: Array, /, *, scale: Positive) -> Array:
    return scale * (pred - target) ** 2


def test_a_parameter_without_default_is_drawn(public, capsys):
    loss = portable_losses.loss(square)
    loss.derivative(lambda _, pred, target, /, *, scale: 2 * scale * (pred - target))
    public(loss)
    assert portable_losses.check()
    assert "square  ok" in capsys.readouterr().out


def test_a_wrong_derivative_is_seen(public, capsys):
    loss = portable_losses.loss(square)
    loss.derivative(lambda _, pred, target, /, *, scale: 2.0001 * scale * (pred - target))
    public(loss)
    assert not portable_losses.check()
    # the other libraries agree with NumPy, which is wrong
    assert "square  DIFFERS  ok" in capsys.readouterr().out


def test_a_wrong_value_of_one_library_is_seen(public, capsys):
    def off(xp: Array, pred: Array, target: Array, /) -> Array:
        return (pred - target) * (1 + 1e-9 * (xp.__name__ == "array_api_strict"))

    loss = portable_losses.loss(off)
    loss.derivative(lambda xp, pred, _, /: xp.ones_like(pred))
    public(loss)
    assert not portable_losses.check()
    printed = capsys.readouterr().out
    assert " ok       DIFFERS" in printed
    assert "on array_api_strict: the loss is" in printed


def test_a_wrong_value_of_numpy_is_seen(public, capsys):
    def off(xp: Array, pred: Array, target: Array, /) -> Array:
        return (pred - target) * (1 + 1e-9 * (pred.dtype != object))

    loss = portable_losses.loss(off)
    loss.derivative(lambda xp, pred, _, /: xp.ones_like(pred))
    public(loss)
    assert not portable_losses.check()
    assert "on numpy: the loss is" in capsys.readouterr().out


def test_an_error_is_reported_and_not_raised(public, capsys):
    loss = portable_losses.loss(lambda xp, pred, target, /: xp.no_such_function(pred - target))
    loss.__name__ = "broken"
    public(loss)
    assert not portable_losses.check()
    assert "on numpy: AttributeError: " in capsys.readouterr().out


def test_what_a_formula_computes_and_does_not_select_is_no_matter(public):
    @portable_losses.loss
    def half_log(xp: Array, pred: Array, target: Array, /) -> Array:
        return xp.where(pred > 0, xp.log(xp.maximum(pred, 0.0)) * 1.0, pred - target)

    @half_log.derivative
    def _(xp, pred, target, /):
        return xp.where(pred > 0, 1 / pred, xp.ones_like(pred))

    public(half_log)
    assert portable_losses.check()


@pytest.mark.parametrize(
    ("domain", "good"),
    [
        (Domain("any"), lambda x: np.abs(x) < 4),
        (Domain("signs", members=(-1.0, 1.0)), lambda x: np.abs(x) == 1),
        (Domain("labels", labels=True), lambda x: (x >= 0) & (x < 3) & (x.dtype.kind == "i")),
        (portable_losses.typing.Count.__metadata__[0], lambda x: (x > 0) & (x == np.round(x))),
        (portable_losses.typing.Probability.__metadata__[0], lambda x: (x > 0.1) & (x < 0.9)),
    ],
)
def test_inputs_are_drawn_from_their_domains(domain, good):
    values = _check._drawn(domain, (10, 3), _check.random.Random("seed"))
    assert values.shape == (10, 3)
    assert good(values).all()
    np.testing.assert_array_equal(values, values.astype(np.float32))


def test_libraries_that_cannot_be_used_are_named(monkeypatch, capsys):
    def no_driver(values):
        raise RuntimeError("the driver is missing\nand more")

    without_device = ModuleType("without_device")
    without_device.asarray = no_driver
    without_device.__version__ = "1.2"
    monkeypatch.setitem(sys.modules, "without_device", without_device)

    real_import = _check.importlib.import_module

    def import_module(name, *args):
        if name == "broken":
            raise OSError("libbroken.so is too old")
        if name == "half":
            raise ModuleNotFoundError("No module named 'other'", name="other")
        return real_import(name, *args)

    monkeypatch.setattr(_check.importlib, "import_module", import_module)
    names = ("broken", "half", "not_installed", "without_device")
    monkeypatch.setattr(_check, "_OPTIONAL", {name: name for name in names})
    assert portable_losses.check()
    printed = capsys.readouterr().out
    assert (
        f"without_device  {'1.2':{len(np.__version__)}}  no device (RuntimeError: the driver is missing)\n"
        in printed
    )
    assert "cannot be imported: OSError: libbroken.so is too old" in printed
    assert "cannot be imported: No module named 'other'" in printed
    assert "not_installed" not in printed
