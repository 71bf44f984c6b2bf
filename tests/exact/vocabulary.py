"""Cross-entropy of the logits of a layer."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mpmath import mp, mpf

from .arithmetic import Exact
from .multiclass import targets


def layer(weight: np.ndarray, bias: np.ndarray | None = None) -> Callable[..., Any]:
    """Return the loss of a row of features: its value, and its derivative with respect to these."""
    rows = [[mpf(float(x)) for x in row] for row in weight]
    offsets = [mpf(0)] * len(rows) if bias is None else [mpf(float(x)) for x in bias]

    def linear_cross_entropy(
        hidden: Sequence[Exact],
        label: Exact,
        label_smoothing: Exact,
        softcap: Exact | None,
        temperature: Exact,
        z_loss: Exact,
    ) -> tuple[Exact, list[Exact]]:
        logits = [
            sum((w * x for w, x in zip(row, hidden, strict=True)), offset)
            for row, offset in zip(rows, offsets, strict=True)
        ]
        slopes = [mpf(1)] * len(logits)
        if softcap is not None:
            slopes = [1 - mp.tanh(z / softcap) ** 2 for z in logits]
            logits = [softcap * mp.tanh(z / softcap) for z in logits]
        slopes, logits = ([x / temperature for x in each] for each in (slopes, logits))
        log_total = mp.log(sum(map(mp.exp, logits)))
        wanted = [
            (1 - label_smoothing) * y + label_smoothing / len(rows)
            for y in targets(label, len(rows))
        ]
        value = (
            sum(y * (log_total - z) for y, z in zip(wanted, logits, strict=True))
            + z_loss * log_total**2
        )
        parts = [
            ((1 + 2 * z_loss * log_total) * mp.exp(z - log_total) - y) * slope
            for z, y, slope in zip(logits, wanted, slopes, strict=True)
        ]
        return value, [
            sum(part * row[i] for part, row in zip(parts, rows, strict=True))
            for i in range(len(hidden))
        ]

    return linear_cross_entropy
