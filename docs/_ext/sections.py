"""What the catalogue draws: the point and the parameters of each picture, as one writes them."""

_ROW = "prob=[0.5, 0.3, 0.2], target=0"
_DISTRIBUTION = "pred=[0.5, 0.3, 0.2], target=[0.6, 0.3, 0.1]"
_LOGITS = "logits=[0.0, 0.0, 0.5], target=0"
_LIST = "pred=[0.0, 1.0, 0.5, -0.5], target=[2.0, 1.0, 0.0, 0.0]"
_MASK = "pred=[0.5, 0.9, 0.8, 0.3, 0.1], target=[1.0, 1.0, 1.0, 0.0, 0.0]"
_TWO_CLASSES = (
    "pred=[[0.5, 0.9, 0.2, 0.1], [0.4, 0.1, 0.8, 0.9]], "
    "target=[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]"
)
_PAIRS = "embedding=[[0.0, 1.0], [1.0, 1.0], [-1.0, 0.5], [-1.0, 1.0]], labels=[0, 0, 1, 1]"

PLOTS = {
    # residuals
    "mape_loss": "target=[1.0, 2.0]",
    "msle_loss": "target=[0.5, 1.0, 2.0], span=(0.0, 4.0)",
    "smape_loss": "target=[1.0, 2.0], span=(-3.0, 3.0)",
    "arctan_loss": "scale=[0.5, 1.0, 2.0]",
    "barron_loss": "alpha=[-2.0, 0.0, 1.0, 2.0]",
    "cauchy_loss": "scale=[0.5, 1.0, 2.0]",
    "fair_loss": "scale=[0.5, 1.0, 2.0]",
    "geman_mcclure_loss": "scale=[0.5, 1.0, 2.0]",
    "huber_loss": "delta=[0.5, 1.0, 2.0]",
    "pseudo_huber_loss": "delta=[0.5, 1.0, 2.0]",
    "smooth_l1_loss": "beta=[0.5, 1.0, 2.0]",
    "tukey_biweight_loss": "scale=[1.5, 3.0, 4.685], span=(-6, 6)",
    "welsch_loss": "scale=[0.5, 1.0, 2.0]",
    # forecasts
    "brier_loss": "pred=[0.5, 0.3, 0.2], target=0, span=(0, 1)",
    "crps_ensemble_loss": "members=[0.0, -1.0, 0.5, 1.5], target=0.0, fair=[False, True]",
    "crps_gaussian_loss": "scale=[0.5, 1.0, 2.0]",
    "expectile_loss": "expectile=[0.1, 0.5, 0.9]",
    "gaussian_nll_loss": "variance=[0.5, 1.0, 4.0]",
    "interval_loss": "upper=2.0, target=0.0, alpha=[0.1, 0.2, 0.5], span=(-3, 2)",
    "laplace_nll_loss": "scale=[0.5, 1.0, 2.0]",
    "pinball_loss": "quantile=[0.1, 0.5, 0.9]",
    "ranked_probability_loss": "pred=[0.5, 0.3, 0.2], target=0, span=(0, 1)",
    "student_t_nll_loss": "df=[1.0, 4.0, 100.0]",
    # counts
    "gamma_deviance_loss": "target=[0.5, 1.0, 2.0], span=(0.3, 5)",
    "negative_binomial_nll_loss": "target=2.0, dispersion=[0.1, 1.0, 10.0], span=(0.5, 6)",
    "poisson_deviance_loss": "target=[0.5, 1.0, 2.0], span=(0.3, 5)",
    "poisson_nll_loss": "target=[0.0, 1.0, 3.0], span=(-2, 2)",
    "tweedie_deviance_loss": "power=[1.1, 1.5, 1.9], span=(0.3, 5)",
    # distributions
    "generalized_kl_loss": f"{_DISTRIBUTION}, span=(0.1, 1.5)",
    "hellinger_loss": f"{_DISTRIBUTION}",
    "js_divergence_loss": f"{_DISTRIBUTION}, beta=[0.1, 0.5, 0.9]",
    "kl_div": "log_pred=[-0.7, -1.2, -1.6], target=[0.6, 0.3, 0.1]",
    "sinkhorn_loss": (
        f"{_DISTRIBUTION}, epsilon=[0.1, 1.0, 10.0], "
        "cost=[[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]]"
    ),
    "total_variation_loss": f"{_DISTRIBUTION}",
    "wasserstein_loss": f"{_DISTRIBUTION}",
    # two classes
    "asymmetric_loss": "target=0.0, gamma_negative=[1.0, 2.0, 4.0]",
    "binary_cross_entropy": "target=[0.0, 0.5, 1.0]",
    "binary_cross_entropy_with_logits": "pos_weight=[0.5, 1.0, 2.0]",
    "poly_binary_cross_entropy": "epsilon=[0.0, 1.0, 2.0]",
    "sigmoid_focal_loss": "gamma=[0.0, 2.0, 5.0]",
    # several classes
    "categorical_cross_entropy": _ROW,
    "cross_entropy": f"{_LOGITS}, label_smoothing=[0.0, 0.1, 0.3]",
    "crammer_singer_loss": _LOGITS,
    "generalized_cross_entropy": f"{_LOGITS}, q=[0.1, 0.7, 1.0]",
    "multi_margin_loss": f"{_LOGITS}, margin=[0.5, 1.0, 2.0]",
    "multiclass_perceptron_loss": _LOGITS,
    "nll_loss": "log_prob=[-0.7, -1.2, -1.6], target=0",
    "poly_cross_entropy": f"{_LOGITS}, epsilon=[0.0, 1.0, 2.0]",
    "softmax_focal_loss": f"{_LOGITS}, gamma=[0.0, 2.0, 5.0]",
    "sparsemax_loss": _LOGITS,
    "linear_cross_entropy": (
        "hidden=[0.0, 0.5], labels=0, label_smoothing=[0.0, 0.1], "
        "weight=[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]"
    ),
    # several classes at once
    "multilabel_margin_loss": "pred=[0.0, 1.0, -0.5], target=[1.0, 0.0, 0.0]",
    "multilabel_soft_margin_loss": "pred=[0.0, 1.0, -1.0], target=[1.0, 0.0, 0.0]",
    "zlpr_loss": "pred=[0.0, 1.0, -1.0], target=[1.0, 0.0, 0.0]",
    # the order of a list
    "approx_ndcg_loss": f"{_LIST}, temperature=[0.1, 0.3, 1.0]",
    "lambdarank_loss": _LIST,
    "listmle_loss": _LIST,
    "listnet_loss": _LIST,
    "ranknet_loss": _LIST,
    # regions
    "dice_loss": f"{_MASK}, smooth=[0.0, 1.0], span=(0, 1)",
    "generalized_dice_loss": f"{_TWO_CLASSES}, span=(0, 1)",
    "jaccard_loss": f"{_MASK}, smooth=[0.0, 1.0], span=(0, 1)",
    "lovasz_hinge_loss": "pred=[0.0, 2.0, 0.5, -0.5, -1.0], target=[1.0, 1.0, 1.0, 0.0, 0.0]",
    "lovasz_softmax_loss": f"{_TWO_CLASSES}, span=(0, 1)",
    "matthews_loss": f"{_MASK}, span=(0, 1)",
    "tversky_loss": f"{_MASK}, beta=[0.3, 0.5, 0.7], span=(0, 1)",
    # sequences
    "ctc_loss": "log_prob=np.full((4, 3), np.log(1 / 3)), labels=[1, 2], span=(-6, 0)",
    "soft_dtw_loss": ("pred=[[0.0], [1.0], [0.5]], target=[[0.0], [0.0], [1.0]], gamma=[0.1, 1.0]"),
    # vectors
    "circle_loss": f"{_PAIRS}, gamma=[1.0, 10.0]",
    "contrastive_loss": "left=[0.0, 0.0], right=[0.0, 0.5], target=[1, -1], margin=2.0",
    "cosine_distance_loss": "pred=[0.0, 1.0], target=[1.0, 1.0]",
    "cosine_embedding_loss": "left=[0.0, 1.0], right=[1.0, 1.0], target=[1, -1]",
    "hinge_embedding_loss": "target=[1, -1], margin=2.0, span=(0, 4)",
    "info_nce_loss": (
        "query=[[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]], "
        "key=[[0.5, 1.0], [1.0, 0.2], [-1.0, 0.3]], temperature=[0.1, 0.3, 1.0]"
    ),
    "margin_ranking_loss": "right=0.0, margin=[0.0, 1.0, 2.0]",
    "ntxent_loss": f"{_PAIRS}, temperature=[0.1, 0.3, 1.0]",
    "supcon_loss": f"{_PAIRS}, temperature=[0.1, 0.3, 1.0]",
    "triplet_margin_loss": (
        "anchor=[0.0, 0.2], positive=[0.0, 0.0], negative=[2.0, 0.0], margin=[0.5, 1.0, 2.0]"
    ),
}
"""The arguments of `plot` for a loss, where they are more than its name."""

SHEETS = {
    "regression": ("Residuals", ["mse_loss, rmse_loss, l1_loss, log_cosh_loss", "span=(-3, 3)"]),
    "robust": (
        "Robust regression",
        [
            "l1_loss, huber_loss, pseudo_huber_loss, fair_loss, barron_loss",
            "",
            "cauchy_loss, geman_mcclure_loss, welsch_loss, arctan_loss, tukey_biweight_loss",
            "span=(-6, 6)",
        ],
    ),
    "probabilistic": (
        "Quantiles and distributions",
        [
            "pinball_loss, expectile_loss",
            "quantile=0.8, expectile=0.8",
            "gaussian_nll_loss, laplace_nll_loss, student_t_nll_loss, crps_gaussian_loss",
            "",
        ],
    ),
    "deviance": (
        "Counts and rates",
        ["poisson_deviance_loss, tweedie_deviance_loss, gamma_deviance_loss", "span=(0.3, 4)"],
    ),
    "binary": (
        "Two classes",
        [
            "binary_cross_entropy_with_logits, sigmoid_focal_loss, poly_binary_cross_entropy",
            "",
            "soft_margin_loss, hinge_loss, squared_hinge_loss, perceptron_loss",
            "span=(-2, 3)",
        ],
    ),
    "multiclass": (
        "Several classes",
        [
            "cross_entropy, softmax_focal_loss, generalized_cross_entropy, poly_cross_entropy",
            _LOGITS,
            "cross_entropy, multi_margin_loss, crammer_singer_loss, sparsemax_loss",
            _LOGITS,
        ],
    ),
    "multilabel": (
        "Several classes at once",
        [
            "multilabel_soft_margin_loss, multilabel_margin_loss, zlpr_loss",
            "pred=[0.0, 1.0, -1.0], target=[1.0, 0.0, 0.0]",
        ],
    ),
    "ranking": (
        "The order of a list",
        ["listnet_loss, listmle_loss, ranknet_loss, lambdarank_loss, approx_ndcg_loss", _LIST],
    ),
    "divergence": (
        "Two distributions",
        [
            "hellinger_loss, js_divergence_loss, total_variation_loss, wasserstein_loss",
            _DISTRIBUTION,
        ],
    ),
    "segmentation": (
        "Segmentation",
        ["dice_loss, jaccard_loss, tversky_loss, matthews_loss", f"{_MASK}, span=(0, 1)"],
    ),
    "sequence": ("Unaligned sequences", []),
    "vocabulary": ("A large vocabulary", []),
    "embedding": (
        "Embeddings",
        [
            "cosine_embedding_loss, contrastive_loss",
            "left=[0.0, 1.0], right=[1.0, 1.0], target=-1",
            "ntxent_loss, supcon_loss, circle_loss",
            f"{_PAIRS}, temperature=0.5, gamma=2.0",
        ],
    ),
}
"""The families in the order of the site: title, and pairs of losses to compare and arguments."""

COMPARED = {
    "masks": "Two masks, and the pixels where they agree and differ.",
    "lists": "A list in the order of its scores, beside the best order.",
    "plan": "Two distributions, and the masses that one moves to become the other.",
    "alignments": "The matched times of two series, and the paths that CTC adds up.",
    "vectors": "An anchor, a positive and a negative, with the margin.",
}
"""Pictures of what a loss compares, if it is more than numbers: a function of `compared`."""

COMPARES = {
    **dict.fromkeys(("segmentation", "dice_loss", "jaccard_loss", "tversky_loss"), "masks"),
    "matthews_loss": "masks",
    **dict.fromkeys(("ranking", "lambdarank_loss", "approx_ndcg_loss", "listmle_loss"), "lists"),
    **dict.fromkeys(("divergence", "sinkhorn_loss", "wasserstein_loss"), "plan"),
    **dict.fromkeys(("sequence", "ctc_loss", "soft_dtw_loss"), "alignments"),
    **dict.fromkeys(("embedding", "triplet_margin_loss"), "vectors"),
}
"""The families and the losses with such a picture."""
