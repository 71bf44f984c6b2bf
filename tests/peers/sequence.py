"""Peers of the losses of this family."""

from typing import Any

from .peer import Peer


def _torch_ctc(
    log_prob: Any,
    labels: Any,
    input_lengths: Any = None,
    label_lengths: Any = None,
    **parameters: Any,
) -> Any:
    """Undo what torch's backward adds: its gradient goes through the log-softmax of logits."""
    import torch
    from torch.nn.functional import ctc_loss

    number, times, _ = log_prob.shape
    inputs = torch.full((number,), times) if input_lengths is None else input_lengths
    given = torch.full((number,), labels.shape[1]) if label_lengths is None else label_lengths
    found = ctc_loss(log_prob.movedim(1, 0), labels, inputs, given, reduction="none", **parameters)
    added = torch.where(torch.arange(times) < inputs[:, None], log_prob.exp().sum(-1), 0).sum(1)
    return found - (added - added.detach())


def _optax_ctc(
    log_prob: Any,
    labels: Any,
    input_lengths: Any = None,
    label_lengths: Any = None,
    *,
    blank: int,
    zero_infinity: bool,
) -> Any:
    """Undo the log-softmax of optax, which takes logits; padding is a label, too."""
    import jax.numpy as jnp
    import optax
    from jax.scipy.special import logsumexp

    def beyond(size: int, lengths: Any) -> Any:
        ends = jnp.full(len(log_prob), size) if lengths is None else lengths
        return jnp.astype(jnp.arange(size) >= ends[:, None], log_prob.dtype)

    padded = beyond(log_prob.shape[1], input_lengths)
    padded_labels = beyond(labels.shape[1], label_lengths)
    found = optax.ctc_loss(
        log_prob,
        padded,
        jnp.where(padded_labels == 1, blank, labels),
        padded_labels,
        blank_id=blank,
    )
    return found - jnp.sum((1 - padded) * logsumexp(log_prob, axis=-1), axis=1)


PEERS: dict[str, tuple[Peer, ...]] = {
    "ctc_loss": (
        Peer("torch", _torch_ctc),
        # optax has no infinity to replace.
        Peer("optax", _optax_ctc, where=lambda *_, zero_infinity, **__: not zero_infinity),
    ),
}
