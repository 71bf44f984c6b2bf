"""Losses as modules of PyTorch."""

from typing import Any

from .._loss import Loss
from ._bound import Bound

__all__ = ["torch_criterion"]


def torch_criterion(loss: Loss[...], **parameters: Any) -> Any:
    """Return a loss with its parameters as a module of PyTorch.

    A loss works as a criterion by itself. The module keeps parameters and options beside it, and
    those that are arrays as buffers: they move with the model to a device. skorch needs the module.

    Parameters
    ----------
    loss : Loss
        The loss.
    **parameters
        Its parameters and options, such as ``delta=2.0``, ``class_weights=tensor`` or
        ``reduction="sum"``.

    Returns
    -------
    torch.nn.Module
        The criterion: ``criterion(pred, target)``, also with further options such as ``weights``.

    Raises
    ------
    TypeError
        If the loss has no such parameter.
    ImportError
        If PyTorch is not installed.

    See Also
    --------
    keras_loss : For Keras, where targets come first.

    Notes
    -----
    The criterion can be copied, pickled and compiled by ``torch.compile``. Its buffers are not part
    of ``state_dict``: they are settings, not learnt. A ``torch.nn.Parameter`` is learnt, and is one
    of the module. Arrays of NumPy become tensors, and so do lists while ``torch.compile`` traces; a
    loss by itself needs tensors there. Under ``torch.autocast`` the loss of 16-bit predictions is
    float32, as ``GradScaler`` wants it.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import torch_criterion
    >>> criterion = torch_criterion(pl.huber_loss, delta=2.0)  # doctest: +SKIP
    >>> criterion(torch.tensor([0.0, 5.0]), torch.zeros(2))  # doctest: +SKIP
    tensor(4.)
    """
    from ._torch_module import Criterion

    return Criterion(Bound("torch_criterion", loss, parameters, reserved=()))
