"""The losses that compare each prediction with its target, and nothing else."""

import portable_losses as pl


def is_elementwise(loss: object) -> bool:
    if not isinstance(loss, pl.Loss) or loss.signature.core or loss.formulas.finish:
        return False
    return len(loss.signature.arguments) == 2


ELEMENTWISE = [loss for _, loss in sorted(vars(pl).items()) if is_elementwise(loss)]
