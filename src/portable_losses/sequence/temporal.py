"""Connectionist temporal classification: labels in a known order, at unknown times."""

from math import inf
from typing import Annotated, Unpack

from annotated_types import Interval

from .._loss import loss
from .._numerics.loops import Arrays, Stepped
from ..typing import Array, Axis, DependentDomain, Domain, Index, Namespace, Options
from ._paths import finite, joined

__all__ = ["ctc_loss"]

LogProbability = Annotated[
    Array,
    Domain(
        "log-probabilities, from -inf to 0",
        interval=Interval(le=0.0),
        until="input_lengths",
        hint="logits go through `special.log_softmax` first; probabilities through `log`",
    ),
]


def _labels(*, blank: int, **_: bool) -> Domain:
    return Domain(
        "class labels, integers from 0 to the number of classes - 1, except the blank",
        safe=float(blank == 0),
        labels=True,
        excluded=blank,
        until="label_lengths",
        hint="the blank is never among them; `label_lengths` tells where padding begins",
    )


SequenceLabels = Annotated[Array, DependentDomain(_labels)]
InputLengths = Annotated[
    Array,
    Domain(
        "lengths, integers from 0 to the size of the time axis of log_prob",
        counted="time",
        hint="each is the number of times of a sequence before its padding",
    ),
]
LabelLengths = Annotated[
    Array,
    Domain(
        "lengths, integers from 0 to the size of the label axis of labels",
        counted="label",
        hint="each is the number of labels of a sequence before its padding",
    ),
]
Blank = Annotated[int, Index("class")]


class SequenceOptions(Options, total=False):
    """The options of losses of sequences of classes."""

    time_axis: int
    class_axis: int
    label_axis: int


@loss("(time,class),(label),(),()->()", steps="time", temporaries=32)
def ctc_loss(
    xp: Namespace,
    axis: Axis,
    log_prob: LogProbability,
    labels: SequenceLabels,
    /,
    input_lengths: InputLengths | None = None,
    label_lengths: LabelLengths | None = None,
    *,
    blank: Blank = 0,
    zero_infinity: bool = False,
    **options: Unpack[SequenceOptions],
) -> Array:
    r"""Connectionist temporal classification: labels in a known order, at unknown times.

    Parameters
    ----------
    log_prob : array
        Predicted log-probabilities of the classes along `class_axis`, at the times along
        `time_axis`: from -inf to 0, such as the result of `special.log_softmax`. One of the classes
        is the blank.
    labels : array
        The class labels of each sequence, along `label_axis`: integers of any dtype from 0 to K -
        1, except the blank. The other axes are those of `log_prob`, without time and class.
    input_lengths : array, optional
        How many of the times count: integers from 0 to the size of the time axis, one for each
        sequence. All by default. Entries beyond the length do not count, even if they are NaN, and
        their gradient is 0.
    label_lengths : array, optional
        How many of the labels count: integers from 0 to the size of the label axis, one for each
        sequence. All by default. Entries beyond the length do not count and may have any value.
    blank : int, default 0
        The class that stands for no label.
    zero_infinity : bool, default False
        Whether a sequence whose labels cannot be aligned with the input has loss 0 instead of inf.

    Returns
    -------
    array
        The reduced loss, in the dtype of `log_prob`, in nats: one for each sequence, from 0 to inf.

    See Also
    --------
    nll_loss : For labels whose times are known.
    soft_dtw_loss : For sequences of vectors.

    Notes
    -----
    An alignment has a class at each time: each label for one time or more, with any number of
    blanks before, between and after the labels. Between equal labels there is at least one blank.
    The loss is

    .. math:: \ell = -\log \sum_\pi \prod_t p_t(\pi_t),

    over all alignments :math:`\pi`. The log-probabilities are taken as they are, whether or not
    they sum to 1. If they do, the loss is never below 0: a sum above 1 by rounding, 8 eps for each
    time, is 1. Without labels it is the sum over the blanks. If there is no alignment, because
    the input is too short or a needed class has probability 0, it is inf.

    The sum is computed in logarithms by the forward-backward algorithm, for all sequences at once,
    one time after another. At each time the largest logarithm is subtracted and kept apart, so that
    the numbers stay small and long sequences stay accurate. The derivative is minus the share of
    the alignments that are in a class at a time, weighted by their probabilities; its sum at each
    time is -1. The backward pass uses the shares of the terms in each sum of the forward pass,
    without a logarithm or a difference. Without an alignment the derivative is 0. There is no
    second derivative.

    Array values are checked only on NumPy. On other libraries a label or a length out of range
    makes the loss NaN. A class that is neither the blank nor among the labels has no effect.

    The mean is over the sequences, by their weights; PyTorch first divides each loss by the number
    of its labels. With ``reduction="none"`` and ``"sum"`` the values are equal. Its axes are time,
    batch and class. Its own derivative is with respect to logits, through their log-softmax. Here
    the derivative is with respect to the log-probabilities; with a log-softmax before the loss the
    two are equal. optax takes logits, and masks for padding; a sequence without an alignment has a
    loss of :math:`10^5` or more there.

    References
    ----------
    .. [1] A. Graves, S. Fernández, F. Gomez and J. Schmidhuber, "Connectionist Temporal
       Classification: Labelling Unsegmented Sequence Data with Recurrent Neural Networks", ICML
       2006. :doi:`10.1145/1143844.1143891`

    Examples
    --------
    >>> import numpy as np
    >>> import portable_losses as pl
    >>> prob = [[0.25, 0.5, 0.25], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]]
    >>> float(pl.ctc_loss(np.log(prob), [1, 2]))  # of the alignments 1_2, 112, 122, _12 and 12_
    1.1631508...
    >>> pl.ctc_loss.grad(np.log(prob), [1, 2]).round(3)
    array([[-0.1, -0.9,  0. ],
           [-0.4, -0.3, -0.3],
           [-0.1,  0. , -0.9]])
    """
    # Several core axes are last, in their order.
    total = _forward(xp, log_prob, labels, input_lengths, label_lengths, blank)[0]
    return _loss(xp, total, log_prob.shape[-2], zero_infinity)


@ctc_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    log_prob: LogProbability,
    labels: SequenceLabels,
    /,
    input_lengths: InputLengths | None = None,
    label_lengths: LabelLengths | None = None,
    *,
    blank: Blank,
    zero_infinity: bool,
) -> tuple[Array, Array]:
    total, end, steps = _forward(
        xp, log_prob, labels, input_lengths, label_lengths, blank, parts=True
    )
    derivative = _backward(
        xp, log_prob, labels, input_lengths, label_lengths, blank, total, end, steps
    )
    return _loss(xp, total, log_prob.shape[-2], zero_infinity), derivative


def _loss(xp: Namespace, total: Array, times: int, zero_infinity: bool) -> Array:
    """Return minus the logarithm of a probability; one above 1 by rounding is 1."""
    possible = total != -inf
    surprise = 0 - xp.where(possible, total, 0.0)
    rounding = _ROUNDING * times * xp.finfo(total.dtype).eps
    surprise = xp.where((surprise < 0) & (surprise >= -rounding), 0.0, surprise)
    return xp.where(possible, surprise, 0.0 if zero_infinity else inf)


_ROUNDING = 8
"""How many eps above 1 the rounded probabilities of the classes at a time sum to, at most."""


def _lanes(xp: Namespace, log_prob: Array, labels: Array, blank: int) -> tuple[Array, Array, Array]:
    """Return the class of each label, with the blank as the last.

    The other two arrays are whether each equals the one before, and whether it is the last.
    """
    number = labels.shape[-1]
    some = labels if number else xp.zeros_like(log_prob[..., 0, :1], dtype=labels.dtype)
    place = xp.numbers(number + 1, labels)
    lanes = xp.take(some, xp.where(place < number, place, 0), axis=-1)
    last = xp.places(lanes, -1) == number
    lanes = xp.where(last, xp.full_like(lanes, blank), lanes)
    return lanes, lanes == xp.neighbours(lanes, -1, -1, None), last


def _times(xp: Namespace, log_prob: Array, input_lengths: Array | None) -> Arrays:
    """Return which times count, as a tuple of one array with time first; empty if all count."""
    if input_lengths is None:
        return ()
    return (xp.moveaxis(xp.places(log_prob[..., 0], -1) < input_lengths[..., None], -1, 0),)


def _forward(
    xp: Namespace,
    log_prob: Array,
    labels: Array,
    input_lengths: Array | None,
    label_lengths: Array | None,
    blank: int,
    parts: bool = False,
) -> tuple[Array, Arrays, Arrays]:
    """Add up the probabilities of all alignments, going along time, in logarithms.

    An alignment is at a label or at the blank before it; after the last label there is only a
    blank. A path reaches a place from that place or from the one before; it reaches a label also
    from the label before, if the two differ. The shares of these terms are returned as well, at the
    end and at each step.
    """
    lanes, again, last = _lanes(xp, log_prob, labels, blank)
    nothing = xp.full_like(lanes, -inf, dtype=log_prob.dtype)
    certain = xp.zeros_like(nothing)
    blanks_only = xp.where(last, certain, nothing)

    def step(paths: Arrays, entries: Arrays) -> Stepped:
        at_blank, at_label = paths
        log_probs = xp.take_along_axis(entries[0], lanes, axis=-1)
        if len(entries) > 1:  # a sequence that has ended continues with blanks
            log_probs = xp.where(entries[1][..., None], log_probs, blanks_only)
        before = xp.neighbours(at_label, -1, -1, -inf)
        passing, gap = joined(xp, at_blank, before)
        entering = xp.where(again, at_blank, passing)
        staying, gap_of_staying = joined(xp, at_label, entering)
        at_blank_now, at_label_now = passing + log_probs[..., -1:], staying + log_probs
        # The likeliest path has weight 1 at each time, so numbers stay small and precise.
        likeliest = xp.max(xp.maximum(at_blank_now, at_label_now), axis=-1, keepdims=True)
        level = finite(xp, likeliest)
        results = [level[..., 0]]
        if parts:
            results += [
                *xp.sigmoids(gap),
                *xp.sigmoids(gap_of_staying),
            ]
        return (at_blank_now - level, at_label_now - level), tuple(results)

    start = xp.where(xp.places(lanes, -1) == 0, certain, nothing)
    times = (xp.moveaxis(log_prob, -2, 0), *_times(xp, log_prob, input_lengths))
    (at_blank, at_label), (levels, *steps) = xp.scan(step, (start, nothing), times)
    before = xp.neighbours(at_label, -1, -1, -inf)
    ended, gap = joined(xp, at_blank, before)
    total = ended[..., -1] if label_lengths is None else xp.pick(ended, label_lengths, -1)
    return (
        total + xp.sum(levels, axis=0),
        xp.sigmoids(gap) if parts else (),
        tuple(steps),
    )


def _backward(
    xp: Namespace,
    log_prob: Array,
    labels: Array,
    input_lengths: Array | None,
    label_lengths: Array | None,
    blank: int,
    total: Array,
    end: Arrays,
    steps: Arrays,
) -> Array:
    """Return minus the share of the alignments in each class at each time, going back in time."""
    lanes, again, last = _lanes(xp, log_prob, labels, blank)
    again, fresh = (xp.astype(x, total.dtype) for x in (again, ~again))

    def step(parts: Arrays, entries: Arrays) -> Stepped:
        at_blank, at_label = parts
        of_blank, of_before, of_staying, of_entering = entries[:4]
        blanks = xp.sum(at_blank, axis=-1, keepdims=True)
        if len(entries) > 4:
            blanks = xp.where(entries[4][..., None], blanks, 0.0)
        entered = at_label * of_entering
        passed = at_blank + fresh * entered
        at_label_then = at_label * of_staying + xp.neighbours(passed * of_before, -1, 1, 0.0)
        return (passed * of_blank + again * entered, at_label_then), (
            xp.where(last, blanks, at_label),
        )

    # NaN stays NaN; the derivative is 0 where there is no alignment.
    whole = xp.where(total == -inf, 0.0, xp.where(total == total, 1.0, total))[..., None]
    final = last if label_lengths is None else xp.places(lanes, -1) == label_lengths[..., None]
    ended = xp.where(final, whole, xp.zeros_like(end[0]))
    start = ended * end[0], xp.neighbours(ended * end[1], -1, 1, 0.0)
    times = _times(xp, log_prob, input_lengths)
    _, (occupied,) = xp.scan(step, start, (*steps, *times), reverse=True)
    occupied = xp.moveaxis(occupied, 0, -2)
    classes = xp.astype(xp.one_hot(lanes, log_prob[..., :1, :], -1), total.dtype)
    return 0 - xp.matmul(occupied, classes)
