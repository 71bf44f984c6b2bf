"""Loss functions for every array library: values, gradients and second derivatives.

All losses are here, and each is also in the module of its family:

================  ==============================================================
module            losses of
================  ==============================================================
`regression`      residuals, such as `mse_loss`
`robust`          residuals with outliers, such as `huber_loss`
`probabilistic`   quantiles and distributions, such as `pinball_loss`
`deviance`        counts and rates, such as `poisson_nll_loss`
`binary`          two classes, such as `binary_cross_entropy_with_logits`
`multiclass`      several classes, such as `cross_entropy`
`multilabel`      several classes at once, such as `zlpr_loss`
`ranking`         the order of a list, such as `listnet_loss`
`divergence`      two distributions, such as `kl_div`
`segmentation`    regions of an image, such as `dice_loss`
`sequence`        unaligned sequences, such as `ctc_loss`
`vocabulary`      a very large number of classes: `linear_cross_entropy`
`embedding`       distances of vectors, such as `triplet_margin_loss`
================  ==============================================================

`special` has the functions that losses are made of, `typing` the domains of a loss of your own, and
`neural_network` the functions of the lesson. `plot` draws a loss.
"""

from typing import TYPE_CHECKING, Any

from ._backends import set_workers, validation
from ._engine.partial import Partial
from ._loss import Loss, loss
from ._version import __version__ as __version__
from .binary import (
    asymmetric_loss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    exponential_loss,
    hinge_loss,
    perceptron_loss,
    poly_binary_cross_entropy,
    sigmoid_focal_loss,
    soft_margin_loss,
    squared_hinge_loss,
)
from .deviance import (
    gamma_deviance_loss,
    negative_binomial_nll_loss,
    poisson_deviance_loss,
    poisson_nll_loss,
    tweedie_deviance_loss,
)
from .divergence import (
    generalized_kl_loss,
    hellinger_loss,
    js_divergence_loss,
    kl_div,
    sinkhorn_loss,
    total_variation_loss,
    wasserstein_loss,
)
from .embedding import (
    barlow_twins_loss,
    circle_loss,
    contrastive_loss,
    cosine_distance_loss,
    cosine_embedding_loss,
    hinge_embedding_loss,
    info_nce_loss,
    margin_ranking_loss,
    ntxent_loss,
    supcon_loss,
    triplet_margin_loss,
    vicreg_loss,
)
from .multiclass import (
    categorical_cross_entropy,
    crammer_singer_loss,
    cross_entropy,
    generalized_cross_entropy,
    multi_margin_loss,
    multiclass_perceptron_loss,
    nll_loss,
    poly_cross_entropy,
    softmax_focal_loss,
    sparsemax_loss,
)
from .multilabel import multilabel_margin_loss, multilabel_soft_margin_loss, zlpr_loss
from .probabilistic import (
    brier_loss,
    crps_ensemble_loss,
    crps_gaussian_loss,
    expectile_loss,
    gaussian_nll_loss,
    interval_loss,
    laplace_nll_loss,
    pinball_loss,
    ranked_probability_loss,
    student_t_nll_loss,
)
from .ranking import approx_ndcg_loss, lambdarank_loss, listmle_loss, listnet_loss, ranknet_loss
from .regression import (
    l1_loss,
    log_cosh_loss,
    mape_loss,
    mse_loss,
    msle_loss,
    rmse_loss,
    smape_loss,
)
from .robust import (
    arctan_loss,
    barron_loss,
    cauchy_loss,
    fair_loss,
    geman_mcclure_loss,
    huber_loss,
    pseudo_huber_loss,
    smooth_l1_loss,
    tukey_biweight_loss,
    welsch_loss,
)
from .segmentation import (
    dice_loss,
    generalized_dice_loss,
    jaccard_loss,
    lovasz_hinge_loss,
    lovasz_softmax_loss,
    matthews_loss,
    tversky_loss,
)
from .sequence import ctc_loss, soft_dtw_loss
from .vocabulary import linear_cross_entropy

__all__ = [
    "Loss",
    "Partial",
    "approx_ndcg_loss",
    "arctan_loss",
    "asymmetric_loss",
    "barlow_twins_loss",
    "barron_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "brier_loss",
    "categorical_cross_entropy",
    "cauchy_loss",
    "check",
    "check_derivative",
    "circle_loss",
    "compare",
    "contrastive_loss",
    "cosine_distance_loss",
    "cosine_embedding_loss",
    "crammer_singer_loss",
    "cross_entropy",
    "crps_ensemble_loss",
    "crps_gaussian_loss",
    "ctc_loss",
    "dice_loss",
    "expectile_loss",
    "exponential_loss",
    "fair_loss",
    "gamma_deviance_loss",
    "gaussian_nll_loss",
    "geman_mcclure_loss",
    "generalized_cross_entropy",
    "generalized_dice_loss",
    "generalized_kl_loss",
    "hellinger_loss",
    "hinge_embedding_loss",
    "hinge_loss",
    "huber_loss",
    "info_nce_loss",
    "interval_loss",
    "jaccard_loss",
    "js_divergence_loss",
    "kl_div",
    "l1_loss",
    "lambdarank_loss",
    "laplace_nll_loss",
    "linear_cross_entropy",
    "listmle_loss",
    "listnet_loss",
    "log_cosh_loss",
    "loss",
    "lovasz_hinge_loss",
    "lovasz_softmax_loss",
    "mape_loss",
    "margin_ranking_loss",
    "matthews_loss",
    "mse_loss",
    "msle_loss",
    "multi_margin_loss",
    "multiclass_perceptron_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "negative_binomial_nll_loss",
    "nll_loss",
    "ntxent_loss",
    "perceptron_loss",
    "pinball_loss",
    "plot",
    "poisson_deviance_loss",
    "poisson_nll_loss",
    "poly_binary_cross_entropy",
    "poly_cross_entropy",
    "pseudo_huber_loss",
    "ranked_probability_loss",
    "ranknet_loss",
    "rmse_loss",
    "self_check",
    "set_workers",
    "sigmoid_focal_loss",
    "sinkhorn_loss",
    "smape_loss",
    "smooth_l1_loss",
    "soft_dtw_loss",
    "soft_margin_loss",
    "softmax_focal_loss",
    "sparsemax_loss",
    "squared_hinge_loss",
    "student_t_nll_loss",
    "supcon_loss",
    "total_variation_loss",
    "triplet_margin_loss",
    "tukey_biweight_loss",
    "tversky_loss",
    "tweedie_deviance_loss",
    "validation",
    "vicreg_loss",
    "wasserstein_loss",
    "welsch_loss",
    "zlpr_loss",
]

if TYPE_CHECKING:
    from . import neural_network as neural_network
    from . import objectives as objectives
    from . import special as special
    from ._plot import compare, plot
    from ._selfcheck import check, check_derivative, self_check
else:
    _ON_DEMAND = {
        "check": "._selfcheck",
        "check_derivative": "._selfcheck",
        "compare": "._plot",
        "plot": "._plot",
        "self_check": "._selfcheck",
    }

    def __getattr__(name: str) -> Any:
        """Import modules that losses do not need, on first access."""
        from importlib import import_module

        if name in _ON_DEMAND:
            return getattr(import_module(_ON_DEMAND[name], __name__), name)
        if name in ("neural_network", "objectives", "special"):
            return import_module(f".{name}", __name__)
        meant = import_module("._engine.names", __name__).loss_meant(name, __all__)
        hint = f"; did you mean {meant}?" if meant and name[:1] != "_" else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")

    def __dir__() -> list[str]:
        """List the public names, also those that are not imported yet."""
        from types import ModuleType

        here = {
            name
            for name, value in globals().items()
            if name.startswith("__") or (isinstance(value, ModuleType) and name[0] != "_")
        }
        return sorted({*here, *__all__, "neural_network", "objectives", "special"})
