"""Losses as losses of Keras 3."""

from typing import Any

from .._loss import Loss
from ._bound import Bound

__all__ = ["keras_loss"]


def keras_loss(loss: Loss[...], /, **parameters: Any) -> Any:
    """Return a loss with its parameters as a loss of Keras 3.

    Keras passes targets first. A loss that is passed by itself is silently wrong; this one passes
    predictions first.

    Parameters
    ----------
    loss : Loss
        A public loss of portable_losses with one prediction: of elements, or of rows of classes.
    **parameters
        Its parameters, such as ``delta=2.0``.

    Returns
    -------
    keras.losses.Loss
        The loss, for ``model.compile(loss=...)``. It is saved with the model.

    Raises
    ------
    TypeError
        If the loss has no such parameter, several predictions, or cannot be found by its name, as
        one of a notebook.
    ValueError
        From the loss, if the targets do not have the shape that it takes.
    ImportError
        If Keras is not installed.

    See Also
    --------
    torch_criterion : For PyTorch.

    Notes
    -----
    It runs on the JAX and PyTorch backends of Keras; TensorFlow's tensors do not follow the array
    API standard.

    A batch has the weighted mean of its losses, divided by the sum of the weights, as everywhere in
    this library; Keras calls that ``"mean_with_sample_weight"``. Weights are those of rows or, for
    sequences, of steps. What a ``Masking`` or ``Embedding`` layer masks is left out.

    Predictions of shape (n, 1) go with targets of shape (n,). Labels may be real numbers, as Keras
    casts them. Arrays of NumPy among the parameters are saved as lists. A sum of losses trains, but
    cannot be saved.

    Examples
    --------
    >>> import keras  # doctest: +SKIP
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import keras_loss
    >>> model.compile("adam", loss=keras_loss(pl.huber_loss, delta=2.0))  # doctest: +SKIP
    """
    from ._keras_class import PortableLoss

    bound = Bound("keras_loss", loss, parameters)
    bound.one_prediction()
    return PortableLoss(loss=loss, parameters=parameters)
