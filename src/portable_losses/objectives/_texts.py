"""What the docstrings of XGBoost and LightGBM have in common, inserted into each."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from .._engine.docstrings import inserted

Function = TypeVar("Function", bound=Callable[..., Any])

_BOTH_ORDERS = """\
{library} passes predictions first to an objective of ``{module}.train``, and targets first to one
of its scikit-learn estimators. A loss that is passed by itself is right in one place and silently
wrong in the other. The result of this function is right in both."""

_FACTOR = """\
factor : float, default 1.0
    The number that multiplies the loss. With 0.5 `mse_loss` and the deviances are the halves that
    boosting libraries have, beside which regularisation is measured.
**parameters
    The parameters of the loss, such as ``delta=2.0``."""

_ERRORS = """\

Raises
------
TypeError
    If the loss has no such parameter, has several predictions, or has no value for a row, as
    `dice_loss`.
ValueError
    If `hessian` is none of these, or `factor` is not positive. The objective raises it for targets
    outside the domain of the loss, for a target without its prediction, and for curvature that is
    positive nowhere.
NotImplementedError
    From the objective, if the loss has no second derivative; ``hessian=1.0`` needs none."""

_NOTES = """\

Weights multiply gradient and curvature, as in {library} itself. Nothing is divided by the number of
rows. Labels of 0 and 1 become signs for losses of signs, such as `squared_hinge_loss`.

With the curvature 1 of L1 and quantiles a leaf moves by at most the learning rate, in the unit of
the target. A smaller number, ``hessian=1 / target.std()``, takes larger steps."""

_MEAN = """\
It is the weighted mean of the loss. As an objective, it reads targets and predictions in the order
in which either interface passes them.

Parameters
----------
loss : Loss
    The loss. {library} passes raw scores to the metric if the objective is one of
    `{module}_objective`. With a built-in objective it passes what the model predicts:
    probabilities, means.
**parameters
    The parameters of the loss."""

_ERRORS_OF_METRIC = """\

Raises
------
TypeError
    If the loss has no such parameter, has several predictions, or has no value for a row."""


def objective_of(library: str) -> Callable[[Function], Function]:
    """Complete the docstring of an objective of a library."""
    return _with(library, _BOTH_ORDERS, Parameters=_FACTOR, Returns=_ERRORS, Notes=_NOTES)


def metric_of(library: str) -> Callable[[Function], Function]:
    """Complete the docstring of a metric of a library."""
    return _with(library, _MEAN, Returns=_ERRORS_OF_METRIC)


def _with(library: str, introduction: str, **sections: str) -> Callable[[Function], Function]:
    """Insert text after the summary, and at the end of sections."""

    def completed(function: Function) -> Function:
        if function.__doc__ is not None:
            names = {"library": library, "module": library.lower()}
            summary, rest = inspect.cleandoc(function.__doc__).split("\n", 1)
            text = f"{summary}\n\n{introduction.format(**names)}\n{rest}"
            for section, insertion in sections.items():
                text = inserted(section, insertion.format(**names), text)
            function.__doc__ = text
        return function

    return completed
