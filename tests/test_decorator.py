"""Formulas that `@loss` refuses, when the loss is created and not at its first call."""

from typing import Any, Literal

import pytest

from portable_losses import Loss, loss
from portable_losses.typing import Array, Namespace, Positive, Real


def test_the_decorator_refuses_what_is_no_formula() -> None:
    """The message shows how a formula is written."""
    shown = r"def .*\(xp, pred, target, /"
    with pytest.raises(TypeError, match=shown):

        @loss
        def without_slash(xp: Any, pred: Any, target: Any) -> Any:
            return pred - target

    with pytest.raises(TypeError, match=shown):

        @loss
        def with_a_parameter_by_position(
            xp: Any, pred: Any, target: Any, /, delta: float = 1.0
        ) -> Any:
            return pred - target

    with pytest.raises(TypeError, match=shown):

        @loss
        def with_any_number_of_arrays(xp: Any, *arrays: Any) -> Any:
            return arrays[0]

    with pytest.raises(TypeError, match=shown):

        @loss
        def without_arrays(xp: Any, /) -> Any:
            return xp

    with pytest.raises(TypeError, match=r"def .*\(xp, axis, pred, target, /"):

        @loss("(class),()->()")
        def without_axis(xp: Any, axis: Any, /) -> Any:
            return xp


decorate: Any = loss


def difference(xp: Any, pred: Any, target: Any, /) -> Any:
    return pred - target


@pytest.mark.parametrize(
    "given", [(3,), (None,), (difference, difference), ("(class),()->()", 3), (difference, "()")]
)
def test_the_decorator_takes_a_formula_or_signatures(given: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="loss"):
        decorate(*given)


@pytest.mark.parametrize(
    "layout",
    [
        "class",
        "(class)->()",
        "(class),(),()->()",
        "(class),()",
        "(class),()->",
        "(class),()->(class)",
        "(class),()->(),()",
        "(class)()->()",
        "((class),())->()",
        "class,()->()",
        "(class),()=>()",
        "(2x),()->()",
        "(class),(,)->()",
        "(d,d),(d)->()",
    ],
)
def test_a_gufunc_signature_that_does_not_fit(layout: str) -> None:
    """The message names the loss and the signature, and shows a valid one."""

    def rows(xp: Any, axis: Any, pred: Any, target: Any, /) -> Any:
        return pred

    with pytest.raises(ValueError, match=r"rows.*signature.*class"):
        loss(layout)(rows)


def test_two_signatures_that_do_not_go_together() -> None:
    """The predictions have the same core dimensions in each signature."""

    def rows(xp: Any, axis: Any, pred: Any, target: Any, /) -> Any:
        return pred

    assert isinstance(loss("(class),()->()", "(class), (class) -> ()")(rows), Loss)
    with pytest.raises(ValueError, match="rows"):
        loss("(class),()->()", "(n,class),(n)->()")(rows)


@pytest.mark.parametrize("predicted", [0, 3, -1])
def test_a_number_of_predictions_that_there_is_not(predicted: int) -> None:
    def pair(xp: Any, pred: Any, target: Any, /) -> Any:
        return pred - target

    with pytest.raises(ValueError, match=r"pair.*predicted"):
        loss(predicted=predicted)(pair)


def test_a_default_out_of_range() -> None:
    with pytest.raises(
        ValueError, match=r"wide_loss: delta must be a number in \(0, inf\), got 0.0"
    ):

        @loss
        def wide_loss(
            xp: Namespace, pred: Real, target: Real, /, *, delta: Positive = 0.0
        ) -> Array:
            return pred - target

    with pytest.raises(TypeError, match="wordy_loss: delta must be a number"):

        @loss
        def wordy_loss(
            xp: Namespace, pred: Real, target: Real, /, *, delta: Positive = "1"
        ) -> Array:  # type: ignore[assignment]
            return pred - target

    with pytest.raises(ValueError, match="sided_loss: side must be one of"):

        @loss
        def sided_loss(
            xp: Namespace, pred: Real, target: Real, /, *, side: Literal["low", "high"] = "middle"
        ) -> Array:  # type: ignore[assignment]
            return pred - target


def test_a_parameter_named_like_an_option() -> None:
    """One name has one meaning everywhere."""
    with pytest.raises(TypeError, match=r"named_loss.*weights"):

        @loss
        def named_loss(
            xp: Namespace, pred: Real, target: Real, /, *, weights: Positive = 1.0
        ) -> Array:
            return weights * (pred - target)
