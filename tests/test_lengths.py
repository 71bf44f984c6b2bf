"""User losses along a sequence: only the first entries of a row count, labels mean other things."""

from typing import Annotated, Any

import array_api_strict as strict
import numpy as np
import pytest
from annotated_types import Interval

import portable_losses as pl
from portable_losses.typing import Array, Axis, DependentDomain, Domain, Index, Namespace, Real


def names(*, spare: int) -> Domain:
    return Domain(
        "labels but the spare",
        safe=float(spare == 0),
        labels=True,
        excluded=spare,
        until="number",
        hint="look them up",
    )


Share = Annotated[
    Array,
    Domain(
        "shares in [0, 1]", interval=Interval(ge=0.0, le=1.0), until="number", hint="divide by 100"
    ),
]
Names = Annotated[Array, DependentDomain(names)]
Number = Annotated[Array, Domain("numbers of rows", counted="row", hint="at most all")]
Spare = Annotated[int, Index("class")]


@pl.loss("(row,class),(row),()->()")
def picked_loss(
    xp: Namespace,
    axis: Axis,
    share: Share,
    label: Names,
    /,
    number: Number | None = None,
    *,
    spare: Spare = 0,
) -> Array:
    """Add up the shares of the labels."""
    of_label = xp.take_along_axis(share, label[..., None], axis=-1)[..., 0]
    if number is not None:
        of_label = xp.where(xp.arange(label.shape[-1]) < number[..., None], of_label, 0.0)
    return xp.sum(of_label, axis=-1)


SHARE = np.arange(24).reshape(2, 4, 3) / 24
LABEL = np.asarray([[1, 2, 1, 2], [2, 2, 1, 1]])
NUMBER = np.asarray([2, 3])
PADDED = np.asarray([[1, 2, -1, 99], [2, 2, 1, 0]])
SPOILT = np.where(
    np.arange(4)[:, None] < NUMBER[:, None, None], SHARE, np.asarray([np.nan, 7.0, np.inf])
)


def sums(number: Any) -> list[float]:
    return [sum(SHARE[i, j, LABEL[i, j]] for j in range(number[i])) for i in range(2)]


@pytest.mark.parametrize("library", [np, strict])
@pytest.mark.parametrize("look", [True, False])
def test_what_is_beyond_is_not_looked_at(library: Any, look: bool) -> None:
    given = [library.asarray(x) for x in (SPOILT, PADDED, NUMBER)]
    with pl.validation(look):
        found = picked_loss(*given, reduction="none")  # type: ignore[call-arg]
    np.testing.assert_allclose(np.asarray(found), sums(NUMBER), rtol=1e-15)


def test_what_is_not_beyond_is() -> None:
    refused: Any = picked_loss
    with pytest.raises(
        ValueError,
        match=r"label must hold labels but the spare, but label\[0, 2\] is -1 \(look them up\)",
    ):
        refused(SHARE, PADDED)
    with pytest.raises(ValueError, match=r"label\[0, 3\] is 99"):
        refused(SHARE, np.where(PADDED == -1, 1, PADDED), [4, 3])
    with pytest.raises(ValueError, match=r"label\[0, 0\] is 1"):
        refused(SHARE, LABEL, spare=1)
    with pytest.raises(ValueError, match=r"share\[0, 2, 1\] is 7.0"):
        refused(SPOILT, LABEL, NUMBER + 1)


@pytest.mark.parametrize("bad", [-1, 5, 10**10])
def test_lengths_are_not_longer_than_what_they_measure(bad: int) -> None:
    number = np.asarray([4, bad])
    with pytest.raises(
        ValueError,
        match=rf"number must hold numbers of rows, but number\[1\] is {bad} \(at most all\)",
    ):
        picked_loss(SHARE, LABEL, number)
    found = picked_loss(*(strict.asarray(x) for x in (SHARE, LABEL, number)), reduction="none")  # type: ignore[call-arg]
    np.testing.assert_allclose(np.asarray(found), [sums([4, 4])[0], np.nan], rtol=1e-15)


def test_a_label_with_another_meaning_is_nan_elsewhere() -> None:
    found = picked_loss(*(strict.asarray(x) for x in (SHARE, LABEL)), spare=1, reduction="none")  # type: ignore[call-arg]
    assert np.all(np.isnan(np.asarray(found)))


def test_lengths_are_integers() -> None:
    with pytest.raises(
        TypeError,
        match=(
            r"number has the shape of lengths, \(2,\), which are integers, "
            r"but its dtype is float64"
        ),
    ):
        picked_loss(SHARE, LABEL, NUMBER.astype(float))
    with pytest.raises(TypeError, match=r"number must be an integer length, got 2.0"):
        picked_loss(SHARE, LABEL, 2.0)
    assert picked_loss(SHARE, LABEL, 2) == np.mean(sums([2, 2]))


@pytest.mark.parametrize("bad", [-1, 3])
def test_a_place_is_inside(bad: int) -> None:
    for library in (np, strict):
        with pytest.raises(
            ValueError, match=f"picked_loss: spare must be a class, from 0 to 2, got {bad}"
        ):
            picked_loss(library.asarray(SHARE), library.asarray(LABEL), spare=bad)


@pl.loss("(time,d)->()", steps="time")
def stepping_loss(xp: Namespace, axis: Axis, pred: Real, /) -> Array:
    """Remember how many losses were evaluated together."""
    TOGETHER.append(pred.shape[0])
    return xp.sum(pred, axis=axis)


TOGETHER: list[int] = []


@pytest.mark.parametrize(("times", "together"), [(1, 6553), (16, 6553), (64, 6553), (640, 655)])
def test_losses_that_take_steps_are_evaluated_together(times: int, together: int) -> None:
    """As many as if each had one step only, while they fit into memory."""
    TOGETHER.clear()
    number = 2 * together + 1
    pred = np.broadcast_to(np.float64(0.5), (number, times, 10))
    assert stepping_loss(pred) == 5.0 * times
    assert [together, together, 1] == TOGETHER


def test_steps_are_along_a_dimension_or_counted_by_a_parameter() -> None:
    with pytest.raises(
        ValueError, match="wrong: steps='row' is neither a core dimension nor a parameter"
    ):

        @pl.loss("(time),(time,d)->()", steps="row")
        def wrong(xp: Namespace, axis: Axis, pred: Real, target: Real, /) -> Array:
            return pred
