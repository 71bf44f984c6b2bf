"""What other libraries, or a slip of the pen, call otherwise than it is called here."""

import difflib
from collections.abc import Iterable
from typing import Any

from .signature import Signature

_FIRST = frozenset(
    {"embedding", "embeddings", "input", "inputs", "output", "outputs", "x"}
    | {"log_prob", "log_probs", "logit", "logits", "prob", "probabilities", "probs"}
    | {"pred", "prediction", "predictions", "preds", "score", "scores"}
    | {"y_hat", "y_pred", "y_prob", "y_proba", "y_score"}
)
_TARGET = frozenset(
    {"actual", "ground_truth", "label", "labels", "observed"}
    | {"target", "targets", "true", "y", "y_true"}
)
"""The names that other libraries give to predictions and targets."""

_NAMES: dict[str, tuple[str, ...]] = {
    "sample_weight": ("weights",),
    "sample_weights": ("weights",),
    "weight": ("class_weights", "weights"),
    "class_weight": ("class_weights", "weights"),
    "mask": ("where",),
    "dim": ("region_axis", "class_axis", "feature_axis", "item_axis", "member_axis", "axis"),
    "alpha": ("delta", "quantile", "expectile", "balance", "power", "class_weights"),
    "tau": ("quantile", "expectile", "temperature"),
    "q": ("quantile",),
    "threshold": ("delta", "beta", "scale"),
    "epsilon": ("eps", "delta", "label_smoothing"),
    "huber_slope": ("delta",),
    "sigma": ("scale", "beta"),
    "c": ("scale",),
    "nu": ("df",),
    "pos_weight": ("class_weights", "alpha"),
    "ignore_class": ("ignore_index",),
    "ignore_value": ("ignore_index",),
    "size_average": ("reduction",),
    "reduce": ("reduction",),
    "reduction_mode": ("reduction",),
    "multioutput": ("axis",),
    "p": ("power",),
    "log_target": ("log_input",),
    "from_logits": ("log_input",),
    "sigmoid": ("from_logits",),
    "softmax": ("from_logits",),
    "to_onehot_y": ("class_axis",),
    "smooth_nr": ("smooth",),
    "smooth_dr": ("smooth",),
    "eps": ("smooth",),
    "sharpness": ("temperature", "gamma"),
    "var": ("variance",),
    "mu": ("mean", "loc"),
    "loc": ("mean",),
    "mean": ("loc",),
    "std": ("scale",),
    "input1": ("left", "anchor"),
    "input2": ("right", "positive"),
    "x1": ("left",),
    "x2": ("right",),
    "target_lengths": ("label_lengths",),
    "logit_length": ("input_lengths",),
    "label_length": ("label_lengths",),
}
"""The name that other libraries give to an array or option, and the names it may have here."""

_FROM_LOGITS = {
    "binary_cross_entropy": "binary_cross_entropy_with_logits",
    "categorical_cross_entropy": "cross_entropy",
    "nll_loss": "cross_entropy",
}


def option_meant(signature: Signature, key: str) -> str:
    """Return the hint for an option that a loss does not have."""
    options = [*signature.parameters, *signature.options]
    known = [*signature.arguments, *options]
    if key in signature.arguments:
        return f"{key} is an array, and was given by position as well"
    if key == "from_logits" and (other := _FROM_LOGITS.get(signature.name)):
        return f"logits go to {other}"
    for name in _NAMES.get(key, ()):
        if name in known:
            values = ": 'mean', 'sum' or 'none'" if name == "reduction" else ""
            return f"it is called {name} here{values}"
    if key in _FIRST:
        return f"it is called {signature.arguments[0]} here"
    if key in _TARGET:
        return f"it is called {signature.arguments[signature.target]} here"
    if key == "from_logits":
        return f"{signature.arguments[0]} always holds {signature.domains[0][0].description}"
    if key == "squared" and signature.name == "mse_loss":
        return "the root of the mean is rmse_loss"
    if close := difflib.get_close_matches(key, known, n=1, cutoff=0.85):
        return f"did you mean {close[0]}?"
    if longer := [name for name in known if name != "axis" and _among(key, name)]:
        return f"did you mean {' or '.join(longer)}?"
    if close := difflib.get_close_matches(key, known, n=1):
        return f"did you mean {close[0]}?"
    return f"it has {', '.join(options)}"


_REDUCTIONS = {
    "mean": frozenset(
        {"average", "avg", "auto", "batchmean", "elementwise_mean", "mean_batch", "mean_volume"}
        | {"mean_with_sample_weight", "sum_over_batch_size", "uniform_average"}
    ),
    "none": frozenset({"no", "none", "raw_values", "unreduced"}),
    "sum": frozenset({"add", "sum", "total"}),
}
"""What other libraries call the reductions."""


def reduction_meant(value: Any) -> str:
    """Return the hint for a reduction that there is not."""
    said = str(value).lower()
    if said == "batchmean":
        return "; a mean over the batch is reduction='mean' here, for every loss"
    for name, others in _REDUCTIONS.items():
        if said in others or said == name:
            return f"; did you mean {name!r}?"
    return ""


_LOSSES = {
    "absolute_error": "l1_loss",
    "mae_loss": "l1_loss",
    "mean_absolute_error": "l1_loss",
    "mean_squared_error": "mse_loss",
    "squared_error": "mse_loss",
    "half_squared_error": "mse_loss",
    "reg:squarederror": "mse_loss",
    "l2_loss": "mse_loss",
    "root_mean_squared_error": "rmse_loss",
    "mean_absolute_percentage_error": "mape_loss",
    "symmetric_mean_absolute_percentage_error": "smape_loss",
    "mean_squared_log_error": "msle_loss",
    "mean_squared_logarithmic_error": "msle_loss",
    "rmsle_loss": "msle_loss",
    "charbonnier_loss": "pseudo_huber_loss",
    "soft_l1": "pseudo_huber_loss",
    "lorentzian_loss": "cauchy_loss",
    "leclerc_loss": "welsch_loss",
    "biweight_loss": "tukey_biweight_loss",
    "adaptive_robust_loss": "barron_loss",
    "general_robust_loss": "barron_loss",
    "quantile_loss": "pinball_loss",
    "winkler_score": "interval_loss",
    "crps_normal": "crps_gaussian_loss",
    "crps": "crps_ensemble_loss or crps_gaussian_loss",
    "mean_poisson_deviance": "poisson_deviance_loss",
    "mean_gamma_deviance": "gamma_deviance_loss",
    "mean_tweedie_deviance": "tweedie_deviance_loss",
    "half_poisson_loss": "poisson_deviance_loss",
    "nb_loss": "negative_binomial_nll_loss",
    "log_loss": "binary_cross_entropy or categorical_cross_entropy",
    "logistic_loss": "soft_margin_loss",
    "binary_logistic_loss": "soft_margin_loss",
    "bce_loss": "binary_cross_entropy",
    "bce_with_logits_loss": "binary_cross_entropy_with_logits",
    "soft_bce_with_logits_loss": "binary_cross_entropy_with_logits",
    "sigmoid_binary_cross_entropy": "binary_cross_entropy_with_logits",
    "sigmoid_cross_entropy": "binary_cross_entropy_with_logits",
    "sigmoid_cross_entropy_with_logits": "binary_cross_entropy_with_logits",
    "focal_loss": "sigmoid_focal_loss or softmax_focal_loss",
    "binary_focal_crossentropy": "sigmoid_focal_loss",
    "categorical_focal_crossentropy": "softmax_focal_loss",
    "asl_loss": "asymmetric_loss",
    "asymmetric_loss_multi_label": "asymmetric_loss",
    "adaboost_loss": "exponential_loss",
    "ce_loss": "cross_entropy",
    "cross_entropy_loss": "cross_entropy",
    "label_smoothing_cross_entropy": "cross_entropy",
    "multiclass_logistic_loss": "cross_entropy",
    "soft_cross_entropy_loss": "cross_entropy",
    "softmax_cross_entropy": "cross_entropy",
    "softmax_cross_entropy_with_integer_labels": "cross_entropy",
    "softmax_cross_entropy_with_logits": "cross_entropy",
    "softmax_loss": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "gce_loss": "generalized_cross_entropy",
    "categorical_hinge": "crammer_singer_loss",
    "multiclass_hinge_loss": "crammer_singer_loss",
    "multiclass_sparsemax_loss": "sparsemax_loss",
    "brier_score_loss": "brier_loss",
    "rps_loss": "ranked_probability_loss",
    "kl_div_loss": "kl_div",
    "kl_divergence": "kl_div",
    "kl_divergence_with_log_targets": "kl_div",
    "jensen_shannon": "js_divergence_loss",
    "earth_mover": "wasserstein_loss",
    "emd_loss": "wasserstein_loss",
    "tv_loss": "total_variation_loss",
    "iou_loss": "jaccard_loss",
    "mcc_loss": "matthews_loss",
    "matthews_corrcoef": "matthews_loss",
    "focal_tversky_loss": "tversky_loss",
    "cosine_similarity": "cosine_distance_loss",
    "triplet_margin_with_distance_loss": "triplet_margin_loss",
    "nt_xent_loss": "ntxent_loss",
    "simclr_loss": "ntxent_loss",
    "ndcg_loss": "approx_ndcg_loss",
    "ranking_softmax_loss": "listnet_loss",
    "dtw": "soft_dtw_loss",
}
"""The names that other libraries give to losses."""


def loss_meant(name: str, known: Iterable[str]) -> str:
    """Return the public name that a wrong one stands for, or several; nothing for another word.

    Names of classes, such as ``BCEWithLogitsLoss``, are read as those of functions.
    """
    whole = {each: each for each in known} | _LOSSES
    stems = {_stem(key): meant for key, meant in whole.items()}
    stem = _stem(name)
    for word, named, cutoff in (
        (stem, stems, 0.8),
        (_plain(name), {_plain(key): meant for key, meant in whole.items()}, 0.87),
    ):
        if close := difflib.get_close_matches(word, named, n=1, cutoff=cutoff):
            return named[close[0]]
    return " or ".join(dict.fromkeys(stems[each] for each in stems if _among(stem, each)))


def _among(name: str, known: str) -> bool:
    """Return whether one of two names begins with the other, or has it as its last word."""
    longer = known.startswith(name) or known.endswith(f"_{name}")
    return (len(name) > 2 and longer) or (len(known) > 2 and name.endswith(f"_{known}"))


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _stem(name: str) -> str:
    """Return a name without what the names of losses have in common."""
    plain = _plain(name)
    for word in ("loss", "error", "score"):
        plain = plain.removesuffix(word)
    return plain.removeprefix("mean") or "loss"
