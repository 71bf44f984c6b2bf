"""What other libraries, or a slip of the pen, call otherwise than it is called here."""

import difflib
from collections.abc import Iterable

from .signature import Signature

_FIRST = frozenset({"input", "output", "prediction", "predictions", "preds", "y_hat", "y_pred"})
_TARGET = frozenset({"label", "labels", "observed", "target", "targets", "true", "y", "y_true"})
"""The names that other libraries give to predictions and targets."""

_OPTIONS: dict[str, tuple[str, ...]] = {
    "sample_weight": ("weights",),
    "sample_weights": ("weights",),
    "weight": ("class_weights", "weights"),
    "class_weight": ("class_weights",),
    "mask": ("where",),
    "dim": ("class_axis", "axis"),
    "alpha": ("delta", "quantile", "balance", "power"),
    "tau": ("quantile", "temperature"),
    "q": ("quantile",),
    "huber_slope": ("delta",),
    "ignore_class": ("ignore_index",),
    "size_average": ("reduction",),
    "reduce": ("reduction",),
    "p": ("power",),
    "log_target": ("log_input",),
    "sigmoid": ("from_logits",),
    "softmax": ("from_logits",),
    "to_onehot_y": ("class_axis",),
    "smooth_nr": ("smooth",),
    "smooth_dr": ("smooth",),
}
"""The name that other libraries give to an option, and the names that it may have here."""

_FROM_LOGITS = {
    "binary_cross_entropy": "binary_cross_entropy_with_logits",
    "categorical_cross_entropy": "cross_entropy",
    "nll_loss": "cross_entropy",
}


def option_meant(signature: Signature, key: str) -> str:
    """Return the hint for an option that a loss does not have."""
    known = [*signature.parameters, *signature.options]
    if key in signature.arguments:
        return f"{key} is an array, and was given by position as well"
    if key in _FIRST:
        return f"it is called {signature.arguments[0]} here; arrays are passed by position"
    if key in _TARGET:
        target = signature.arguments[signature.target]
        return f"it is called {target} here; arrays are passed by position"
    if key == "from_logits":
        if other := _FROM_LOGITS.get(signature.name):
            return f"logits go to {other}"
        return f"{signature.arguments[0]} always holds {signature.domains[0][0].description}"
    for name in _OPTIONS.get(key, ()):
        if name in known:
            return f"it is called {name} here"
    if close := difflib.get_close_matches(key, known, n=1):
        return f"did you mean {close[0]}?"
    return f"it has {', '.join(known)}"


_LOSSES = {
    "mae_loss": "l1_loss",
    "mean_absolute_error": "l1_loss",
    "mean_squared_error": "mse_loss",
    "squared_error": "mse_loss",
    "l2_loss": "mse_loss",
    "root_mean_squared_error": "rmse_loss",
    "quantile_loss": "pinball_loss",
    "log_loss": "binary_cross_entropy",
    "logistic_loss": "soft_margin_loss",
    "bce_loss": "binary_cross_entropy",
    "bce_with_logits_loss": "binary_cross_entropy_with_logits",
    "focal_loss": "sigmoid_focal_loss",
    "cross_entropy_loss": "cross_entropy",
    "softmax_cross_entropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "kl_div_loss": "kl_div",
    "kl_divergence": "kl_div",
    "iou_loss": "jaccard_loss",
    "ctc": "ctc_loss",
    "nt_xent_loss": "ntxent_loss",
    "simclr_loss": "ntxent_loss",
    "gaussian_nll": "gaussian_nll_loss",
    "poisson_nll": "poisson_nll_loss",
}
"""The names that other libraries give to losses."""


def loss_meant(name: str, known: Iterable[str]) -> str:
    """Return the public name that a wrong one stands for, or nothing.

    Names of classes, such as ``BCEWithLogitsLoss``, are read as those of functions.
    """
    named = {_plain(key): meant for key, meant in _LOSSES.items()}
    named.update((_plain(each), each) for each in known)
    name = _plain(name)
    close = difflib.get_close_matches(name, named, n=1, cutoff=0.8)
    for each in (name, f"{name}loss", name.removesuffix("loss"), *close):
        if each in named:
            return named[each]
    return ""


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
