"""Pictures of losses: the curves are those of the loss, and the axes say what is drawn."""

import subprocess
import sys
from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from arguments import LOSSES

import portable_losses as pl
from portable_losses.typing import Positive, Real

mpl.use("Agg")
from matplotlib import pyplot as plt  # after its backend is chosen


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


def labels(ax: plt.Axes) -> list[str]:
    return [str(line.get_label()) for line in ax.get_lines()]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_every_loss_has_a_finite_picture(loss: pl.Loss[...]) -> None:
    axes = pl.plot(loss)
    assert [ax.get_title() for ax in axes] == ["value", "derivative", "second derivative"][
        : len(axes)
    ]
    assert all(np.isfinite(ax.get_lines()[0].get_ydata()).all() for ax in axes)
    value, derivative = (np.asarray(ax.get_lines()[0].get_ydata()) for ax in axes[:2])
    x = np.asarray(axes[0].get_lines()[0].get_xdata())
    slopes = np.diff(value) / np.diff(x)
    middle = (derivative[1:] + derivative[:-1]) / 2
    kinks = np.abs(np.diff(derivative)) > 0.05 * (np.ptp(derivative) + 1e-12)
    same = np.isclose(slopes, middle, rtol=0.01, atol=1e-3 * np.abs(middle).max() + 1e-12)
    # The weights of these two are constants for the derivative.
    assert loss in (pl.circle_loss, pl.lambdarank_loss) or (same | kinks).mean() > 0.99


def test_a_list_has_a_curve_for_each_value() -> None:
    axes = pl.plot(pl.huber_loss, delta=[0.5, 2.0])
    assert labels(axes[0]) == ["delta = 0.5", "delta = 2"]
    line = axes[1].get_lines()[0]
    expected = pl.huber_loss.grad(
        line.get_xdata(), np.zeros(len(line.get_xdata())), delta=0.5, reduction="none"
    )
    np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-14)
    assert axes[0].get_xlabel() == "residual: pred - target"


def test_the_point_is_given_by_name() -> None:
    axes = pl.plot(pl.cross_entropy, logits=[0.0, 1.0, 2.0, 0.0], target=2, span=(-1, 1))
    line = axes[0].get_lines()[0]
    logits = [[x, 1.0, 2.0, 0.0] for x in line.get_xdata()]
    expected = pl.cross_entropy(logits, [2] * len(logits), reduction="none")
    np.testing.assert_array_equal(line.get_ydata(), expected)
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (-1, 1)


def test_another_prediction_may_change() -> None:
    axes = pl.plot(pl.gaussian_nll_loss, vary="variance", mean=0.0, target=1.0)
    line = axes[0].get_lines()[0]
    variance = np.asarray(line.get_xdata())
    np.testing.assert_allclose(line.get_ydata(), 0.5 * (np.log(variance) + 1 / variance))


def test_the_axes_given_are_those_used() -> None:
    _, ax = plt.subplots()
    assert pl.plot(pl.mse_loss, ax=ax) is ax
    assert len(ax.get_lines()) == 1
    _, two = plt.subplots(1, 2)
    assert pl.plot(pl.mse_loss, ax=two) is two
    assert [ax.get_title() for ax in two] == ["value", "derivative"]


def test_several_losses_in_one_picture() -> None:
    axes = pl.compare([pl.mse_loss, pl.rmse_loss, pl.huber_loss], delta=[0.5, 1.0])
    names = ["mse_loss", "rmse_loss", "huber_loss, delta = 0.5", "huber_loss, delta = 1"]
    assert labels(axes[0]) == names
    assert labels(axes[2]) == [names[0], *names[2:]]  # the root has no second derivative
    margins = pl.compare([pl.hinge_loss, pl.binary_cross_entropy_with_logits])
    assert margins[0].get_xlabel() == "margin: pred * target or logit, for a target of 1"


def test_a_loss_of_ones_own() -> None:
    @pl.loss
    def relative(xp, pred: Real, target: Real, /, *, scale: Positive):  # type: ignore[no-untyped-def]
        return xp.abs(pred - target) / scale

    (ax,) = pl.plot(relative, scale=[1.0, 2.0])
    assert labels(ax) == ["scale = 1", "scale = 2"]


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(TypeError, match=r"huber_loss has no argument or parameter 'beta'.*delta"):
        pl.plot(pl.huber_loss, beta=1.0)
    with pytest.raises(TypeError, match="no loss has an argument or parameter 'beta'"):
        pl.compare([pl.huber_loss, pl.mse_loss], beta=1.0)
    with pytest.raises(TypeError, match="expected a loss"):
        pl.plot(np.square)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        pl.compare([])
    with pytest.raises(ValueError, match="one of mean, variance, got 'target'"):
        pl.plot(pl.gaussian_nll_loss, vary="target")
    with pytest.raises(ValueError, match=r"logits \(class\).*got logits of shape \(2, 2\)"):
        pl.plot(pl.cross_entropy, logits=[[0.0, 1.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="delta must be a number in"):
        pl.plot(pl.huber_loss, delta=-1.0)


def test_without_matplotlib_the_error_says_how_to_install_it() -> None:
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import portable_losses as pl\n"
        "try:\n    pl.plot(pl.mse_loss)\n"
        "except ImportError as error:\n    print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'portable-losses[plot]'" in run.stdout
