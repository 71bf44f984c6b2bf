"""The self-check finds wrong results, and works with missing libraries."""

import random
import re
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

import portable_losses
from portable_losses._backends import installed as libraries
from portable_losses._selfcheck import calls
from portable_losses.typing import Array, Domain, Positive


@pytest.fixture
def public(monkeypatch):
    """Make a loss public for a test, alone."""

    def add(loss):
        monkeypatch.setattr(portable_losses, loss.__name__, loss, raising=False)
        monkeypatch.setattr(portable_losses, "__all__", [loss.__name__])

    monkeypatch.setattr(libraries, "OPTIONAL", {"array_api_strict": "array_api_strict"})
    return add


LOSSES = [
    name
    for name in portable_losses.__all__
    if isinstance(getattr(portable_losses, name), portable_losses.Loss)
]


def run(*options):
    return subprocess.run(
        [sys.executable, "-m", "portable_losses", *options],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.backends("numpy", "torch", "jax", "dask", "cupy")
def test_the_command_ends_with_zero_and_counts_every_loss(backend):
    """Beside each library once, which the command finds where it is installed."""
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""  # no progress, as it is no terminal
    assert done.stdout.startswith(f"portable_losses {portable_losses.__version__}, Python ")
    assert "0.153926265294477" in done.stdout
    assert f"numpy             {np.__version__}" in done.stdout
    assert "\nAll agree.\n\nWhat to look at next:\n" in done.stdout
    table = re.findall(r"^(\w+) +(\d+)/(\d+) \S+  +\d+/\d+ ", done.stdout, re.MULTILINE)
    assert sum(int(agree) for _, agree, _ in table) == len(LOSSES) > 5
    assert all(agree == number for _, agree, number in table)
    assert {"robust", "multiclass"} < {family for family, _, _ in table}


def test_all_prints_a_row_for_each_loss(monkeypatch, capsys):
    monkeypatch.setattr(libraries, "OPTIONAL", {})
    assert portable_losses.self_check(all_losses=True)
    printed = capsys.readouterr().out
    assert len(LOSSES) > 5
    for name in LOSSES:
        assert f"\n{name} " in printed
    assert "\nnll_loss (class),()" in printed
    assert re.search(r"\nnll_loss \(class\),\(class\) +\S+ +\S+\n", printed)


def test_the_command_explains_itself():
    done = run("--help")
    assert done.returncode == 0
    assert "--all" in done.stdout
    assert "portable_losses" in done.stdout


def test_the_command_refuses_other_arguments():
    done = run("--most")
    assert done.returncode == 2
    assert "unrecognized arguments: --most" in done.stderr


def test_the_command_ends_with_one_if_a_loss_differs():
    program = (
        "import runpy, sys, portable_losses as pl\n"
        "pl.mse_loss.derivative(lambda xp, pred, target, /: pred - target)\n"
        "sys.argv = ['portable_losses']\n"
        "runpy.run_module('portable_losses', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "\nWhat differs:\n  mse_loss on numpy: the gradient is off by " in done.stdout
    assert "All agree." not in done.stdout


def test_progress_is_one_line_of_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(libraries, "OPTIONAL", {})
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert portable_losses.self_check()
    printed = capsys.readouterr()
    assert "\r" not in printed.out
    assert "\n" not in printed.err
    assert f" of {len([*calls.calls()])}: mse_loss" in printed.err
    assert printed.err.endswith(f"\r{'':60}\r")


def test_check_is_its_older_name():
    assert portable_losses.check is portable_losses.self_check


def test_no_state_of_a_random_module_is_touched(monkeypatch):
    monkeypatch.setattr(libraries, "OPTIONAL", {})
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert portable_losses.self_check()
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def square(xp: Array, pred: Array, target: Array, /, *, scale: Positive) -> Array:
    return scale * (pred - target) ** 2


def test_a_parameter_without_default_is_drawn(public, capsys):
    loss = portable_losses.loss(square)
    loss.derivative(lambda _, pred, target, /, *, scale: 2 * scale * (pred - target))
    public(loss)
    assert portable_losses.self_check()
    assert re.search(r"1/1 \S+  +1/1 \S+  +1/1 exact\n", capsys.readouterr().out)


def test_a_wrong_derivative_is_seen(public, capsys):
    loss = portable_losses.loss(square)
    loss.derivative(lambda _, pred, target, /, *, scale: 2.0001 * scale * (pred - target))
    public(loss)
    assert not portable_losses.self_check()
    # the value is right, and the other libraries agree with NumPy
    printed = capsys.readouterr().out
    assert re.search(r"1/1 \S+  +0/1 DIFFERS  +1/1 exact\n", printed)
    assert "  square on numpy: the gradient is off by 5e-05 of its largest entry\n" in printed


def test_a_wrong_value_of_one_library_is_seen(public, capsys):
    def off(xp: Array, pred: Array, target: Array, /) -> Array:
        return (pred - target) * (1 + 1e-9 * (xp.__name__ == "array_api_strict"))

    loss = portable_losses.loss(off)
    loss.derivative(lambda xp, pred, _, /: xp.ones_like(pred))
    public(loss)
    assert not portable_losses.self_check()
    printed = capsys.readouterr().out
    assert re.search(r"1/1 \S+  +1/1 \S+  +0/1 DIFFERS\n", printed)
    assert "on array_api_strict: the value is" in printed


def test_a_wrong_value_of_numpy_is_seen(public, capsys):
    def off(xp: Array, pred: Array, target: Array, /) -> Array:
        return (pred - target) * (1 + 1e-9 * (pred.dtype != object))

    loss = portable_losses.loss(off)
    loss.derivative(lambda xp, pred, _, /: xp.ones_like(pred))
    public(loss)
    assert not portable_losses.self_check()
    assert "on numpy: the value is" in capsys.readouterr().out


def test_an_error_is_reported_and_not_raised(public, capsys):
    loss = portable_losses.loss(lambda xp, pred, target, /: xp.no_such_function(pred - target))
    loss.__name__ = "broken"
    public(loss)
    assert not portable_losses.self_check()
    assert capsys.readouterr().out.count(" on numpy: AttributeError: ") == 1


def test_what_a_formula_computes_and_does_not_select_is_no_matter(public):
    @portable_losses.loss
    def half_log(xp: Array, pred: Array, target: Array, /) -> Array:
        return xp.where(pred > 0, xp.log(xp.maximum(pred, 0.0)) * 1.0, pred - target)

    @half_log.derivative
    def _(xp, pred, target, /):
        return xp.where(pred > 0, 1 / pred, xp.ones_like(pred))

    public(half_log)
    assert portable_losses.self_check()


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
    values = calls.drawn(domain, (10, 3), random.Random("seed"))
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

    real_import = libraries.importlib.import_module

    def import_module(name, *args):
        if name == "broken":
            raise OSError("libbroken.so is too old")
        if name == "half":
            raise ModuleNotFoundError("No module named 'other'", name="other")
        return real_import(name, *args)

    monkeypatch.setattr(libraries.importlib, "import_module", import_module)
    names = ("broken", "half", "not_installed", "without_device")
    monkeypatch.setattr(libraries, "OPTIONAL", {name: name for name in names})
    assert portable_losses.self_check()
    printed = capsys.readouterr().out
    problem = "no device (RuntimeError: the driver is missing)"
    assert f"without_device  {'1.2':{len(np.__version__)}}  {problem}\n" in printed
    assert "cannot be imported: OSError: libbroken.so is too old" in printed
    assert "cannot be imported: No module named 'other'" in printed
    assert "not_installed" not in printed
