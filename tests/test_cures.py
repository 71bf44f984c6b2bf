"""The commonest mistakes: each message names the cure, and the cure works."""

import re
from typing import Any

import numpy as np
import pytest

import portable_losses as pl
from portable_losses._engine.cures import cure

RANDOM = np.random.default_rng(0)
LEVELS = {"quantile": (0.1, 0.5, 0.9)}


def normal(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape)


def labels(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 3, shape)


LOG_PROB = np.log(np.full((5, 2, 4), 0.25))

SHAPES: list[tuple[Any, tuple[np.ndarray, ...], dict[str, Any], str]] = [
    (pl.cross_entropy, (normal(2, 3, 4, 5), labels(2, 4, 5)), {}, "class_axis=1"),
    (pl.cross_entropy, (normal(3, 6), labels(6)), {}, "class_axis=0"),
    (pl.nll_loss, (-abs(normal(2, 3, 4)), labels(2, 4)), {}, "class_axis=1"),
    (pl.cross_entropy, (normal(6, 3), labels(6, 1)), {}, "target[:, 0]"),
    (pl.cross_entropy, (normal(2, 4, 3), labels(2, 4, 1)), {}, "target[..., 0]"),
    (
        pl.cross_entropy,
        (normal(2, 3, 4, 5), labels(2, 1, 4, 5)),
        {},
        "target[:, 0]` and `class_axis=1",
    ),
    (pl.crps_ensemble_loss, (normal(10, 4), normal(4)), {}, "member_axis=0"),
    (pl.ctc_loss, (LOG_PROB, 1 + labels(2, 2)), {}, "time_axis=0"),
    (
        pl.soft_dtw_loss,
        (normal(5, 2, 3), normal(4, 2, 3)),
        {},
        "time_axis=0, target_time_axis=0",
    ),
    (pl.linear_cross_entropy, (normal(6, 4), normal(4, 9), labels(6)), {}, "weight.T"),
    (pl.pinball_loss, (normal(32, 1, 3), normal(32, 1, 1)), LEVELS, "target[..., 0]"),
    (pl.pinball_loss, (normal(32, 3), normal(32, 1)), LEVELS, "target[:, 0]"),
    (pl.mse_loss, (normal(6), normal(6, 1)), {}, "target.reshape(pred.shape)"),
    (pl.sparsemax_loss, (normal(6, 3), labels(6, 1)), {}, "target[:, 0]"),
    (pl.crps_ensemble_loss, (normal(6, 3), normal(6, 1)), {}, "target[:, 0]"),
    (pl.ntxent_loss, (normal(6, 3), labels(6, 1)), {}, "labels[:, 0]"),
    (pl.cosine_embedding_loss, (normal(6, 3), normal(6, 3), np.ones((6, 1))), {}, "target[:, 0]"),
    (pl.contrastive_loss, (normal(3), normal(3), np.ones(1)), {}, "target[0]"),
    (pl.linear_cross_entropy, (normal(6, 4), normal(3, 4), labels(6, 1)), {}, "labels[:, 0]"),
    (pl.ctc_loss, (LOG_PROB[:, 0], 1 + labels(1, 2)), {}, "labels[0]"),
    (pl.ctc_loss, (LOG_PROB[:, :1].swapaxes(0, 1), 1 + labels(2)), {}, "labels[None]"),
    (pl.soft_dtw_loss, (normal(5), normal(4)), {}, "pred[..., None]` and `target[..., None]"),
    (
        pl.dice_loss,
        (0.5 + 0 * normal(2, 1, 4, 5), labels(2, 4, 5) // 2),
        {"region_axis": (2, 3)},
        "target[:, None]",
    ),
    (pl.pinball_loss, (normal(3, 32), normal(32)), LEVELS, "pred.T"),
    (pl.mse_loss, (normal(3), normal(3)), {"weights": np.ones((3, 1))}, "weights[:, 0]"),
    (
        pl.cross_entropy,
        (normal(2, 3, 4), labels(2, 4)),
        {"class_axis": 1, "where": np.ones((2, 1, 4)) > 0},
        "where[:, 0]",
    ),
    (
        pl.cross_entropy,
        (normal(6, 3), labels(6)),
        {"class_weights": np.ones((3, 1))},
        "class_weights.reshape(-1)",
    ),
    (pl.mse_loss, (normal(3, 2), normal(3, 2)), {"weights": np.ones(3)}, "weights[:, None]"),
    (
        pl.mse_loss,
        (normal(3, 2, 4), normal(3, 2, 4)),
        {"where": np.ones((3, 2)) > 0},
        "where[:, :, None]",
    ),
]


@pytest.mark.parametrize(("loss", "arrays", "options", "wanted"), SHAPES)
def test_the_cure_of_a_shape(loss, arrays, options, wanted):
    with pytest.raises(ValueError, match=re.escape("; ")) as caught:
        loss(*arrays, **options)
    assert f"pass `{wanted}`" in str(caught.value)
    assert "core" not in str(caught.value)
    given = dict(zip(loss.signature.arguments, arrays, strict=False)) | options
    for part in wanted.split("` and `"):
        if re.fullmatch(r"(\w+_axis=\d(, )?)+", part):
            given |= eval(f"dict({part})")
        else:
            name = re.match(r"\w+", part)[0]
            given[name] = eval(part, {}, given)
    assert np.isfinite(loss(**given))


def test_labels_for_losses_of_rows():
    with pytest.raises(ValueError, match="class labels become rows by") as caught:
        pl.multilabel_soft_margin_loss(normal(6, 3), target := labels(6))
    rows = eval(str(caught.value).split("`")[1], {"arange": np.arange, "target": target})
    assert np.isfinite(pl.multilabel_soft_margin_loss(normal(6, 3), rows))


def test_labels_of_images_with_an_axis_of_channels():
    prob, target = 0.5 + 0 * normal(2, 3, 4, 5), labels(2, 1, 4, 5)
    with pytest.raises(ValueError, match=r"pass `class_axis=1` and `target\[:, 0\]`"):
        pl.dice_loss(prob, target, region_axis=(2, 3))
    value = pl.dice_loss(prob, target[:, 0], region_axis=(2, 3), class_axis=1)
    masks = target == np.arange(3)[None, :, None, None]
    assert value == pl.dice_loss(prob, masks, region_axis=(2, 3))


def test_a_cure_that_would_not_help_is_not_named():
    with pytest.raises(ValueError, match=r"except time, d and target_time$"):
        pl.soft_dtw_loss(normal(4, 2, 50), normal(4, 2, 60))  # d would be 50 and 60


def test_no_cure_is_named_where_none_is_known():
    with pytest.raises(ValueError, match=r"their shapes must be the same$"):
        pl.mse_loss(normal(2, 3), normal(4, 5))
    with pytest.raises(ValueError, match=r"their axes must be the same, except class$"):
        pl.cross_entropy(normal(7, 8, 3), labels(2, 2))
    with pytest.raises(
        ValueError, match=r"the axes must be the same|must have the shape \(class, feature\)$"
    ):
        pl.linear_cross_entropy(normal(6, 4), normal(5, 9), labels(6))
    with pytest.raises(ValueError, match=r"may not enlarge it$"):
        pl.mse_loss(normal(3, 2), normal(3, 2), weights=np.ones(5))


def test_sizes_that_a_lazy_library_does_not_know():
    assert cure(pl.mse_loss.signature, 0, 1, (None, 3), (None, 4)) == ""
    assert "class_axis" not in cure(pl.cross_entropy.signature, 0, 1, (None, 3), (None, 4))


def test_axes():
    with pytest.raises(ValueError, match=r"pass the tuple \(0, 1\)"):
        pl.mse_loss(normal(3, 4), normal(3, 4), axis=[0, 1])
    with pytest.raises(ValueError, match=r"pass the tuple \(1, 2\)"):
        pl.dice_loss(np.ones((2, 3, 4)), np.ones((2, 3, 4)), region_axis=[1, 2])
    with pytest.raises(ValueError, match="where the class axis is, is said by class_axis"):
        pl.cross_entropy(normal(3, 4), labels(3), axis=1)


NAMES = [
    (pl.mse_loss, "y_true", "called target here"),
    (pl.cross_entropy, "labels", "called target here"),
    (pl.ctc_loss, "y_pred", "called log_prob here"),
    (pl.mse_loss, "input", "called pred here"),
    (pl.mse_loss, "predictions", "called pred here"),
    (pl.mse_loss, "sample_weight", "called weights here"),
    (pl.cross_entropy, "weight", "called class_weights here"),
    (pl.mse_loss, "weight", "called weights here"),
    (pl.mse_loss, "mask", "called where here"),
    (pl.mse_loss, "dim", "called axis here"),
    (pl.cross_entropy, "dim", "called class_axis here"),
    (pl.huber_loss, "alpha", "called delta here"),
    (pl.pinball_loss, "alpha", "called quantile here"),
    (pl.pinball_loss, "tau", "called quantile here"),
    (pl.mse_loss, "size_average", "called reduction here"),
    (pl.mse_loss, "reduce", "called reduction here"),
    (pl.binary_cross_entropy, "from_logits", "logits go to binary_cross_entropy_with_logits"),
    (pl.categorical_cross_entropy, "from_logits", "logits go to cross_entropy"),
    (pl.cross_entropy, "from_logits", "logits always holds real numbers"),
    (pl.brier_loss, "from_logits", "pred always holds probabilities"),
    (pl.nll_loss, "log_probs", "it is called log_prob here"),
    (pl.cross_entropy, "pred", "it is called logits here"),
    (pl.binary_cross_entropy_with_logits, "logits", "it is called pred here"),
    (pl.poisson_nll_loss, "from_logits", "it is called log_input here"),
    (pl.gaussian_nll_loss, "var", "it is called variance here"),
    (pl.softmax_focal_loss, "alpha", "it is called class_weights here"),
    (pl.expectile_loss, "alpha", "it is called expectile here"),
    (pl.dice_loss, "dim", "it is called region_axis here"),
    (pl.ntxent_loss, "temp", r"did you mean temperature\?"),
    (pl.tweedie_deviance_loss, "tweedie_variance_power", r"did you mean power\?"),
    (pl.mse_loss, "reduce", "it is called reduction here: 'mean', 'sum' or 'none'"),
    (pl.mse_loss, "squared", "rmse_loss"),
    (pl.huber_loss + pl.huber_loss, "delta", r"did you mean delta_1 or delta_2\?"),
    (pl.mse_loss, "wieghts", r"did you mean weights\?"),
    (pl.mse_loss, "elephant", "it has reduction, weights, where, axis"),
]


@pytest.mark.parametrize(("loss", "key", "hint"), NAMES)
def test_the_name_of_an_option(loss, key, hint):
    given = [np.zeros((2, 2))] * len(loss.signature.arguments)
    with pytest.raises(
        TypeError, match=rf"{re.escape(loss.expression)} has no option '{key}': .*{hint}"
    ):
        loss(*given, **{key: 1})


LOSSES = {
    "MSELoss": "mse_loss",
    "L1Loss": "l1_loss",
    "mae_loss": "l1_loss",
    "SmoothL1Loss": "smooth_l1_loss",
    "focal_loss": "sigmoid_focal_loss or softmax_focal_loss",
    "crps": "crps_ensemble_loss or crps_gaussian_loss",
    "tukey_loss": "tukey_biweight_loss",
    "sigmoid_binary_cross_entropy": "binary_cross_entropy_with_logits",
    "softmax_cross_entropy_with_integer_labels": "cross_entropy",
    "mean_squared_log_error": "msle_loss",
    "BinaryFocalCrossentropy": "sigmoid_focal_loss",
    "MCCLoss": "matthews_loss",
    "CELoss": "cross_entropy",
    "rps": "ranked_probability_loss",
    "HuberLoss1D": "huber_loss",
    "quantile_loss": "pinball_loss",
    "log_loss": "binary_cross_entropy or categorical_cross_entropy",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "CrossEntropyLoss": "cross_entropy",
    "GaussianNLLLoss": "gaussian_nll_loss",
    "KLDivLoss": "kl_div",
    "MultiLabelMarginLoss": "multilabel_margin_loss",
    "dice": "dice_loss",
    "hubber_loss": "huber_loss",
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_name_of_a_loss(name):
    with pytest.raises(AttributeError, match=rf"{name}'; did you mean {LOSSES[name]}\?"):
        getattr(pl, name)


@pytest.mark.parametrize(
    "name", ["elephant", "hamming_loss", "train", "__path_hooks__", "_private"]
)
def test_a_name_that_nothing_has(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'$"):
        getattr(pl, name)


def test_a_parameter_by_position():
    with pytest.raises(TypeError, match=r"got 3; everything else is passed by keyword: delta=0.5$"):
        pl.huber_loss([1.0], [2.0], 0.5)
    with pytest.raises(TypeError, match=r"got 3; everything else .*: reduction='sum'$"):
        pl.mse_loss([1.0], [2.0], "sum")
    with pytest.raises(TypeError, match=r"takes 2 .*, got 3; .*: log_target=True$"):
        pl.kl_div([[0.0]], [[1.0]], True)
    with pytest.raises(TypeError, match=r"got 3; .*: quantile=\.\.\. or weights=\.\.\.$"):
        pl.pinball_loss([1.0], [2.0], [0.1, 0.9])


def test_a_mask_by_position():
    """The array of the formula that is a mask belongs to `where`."""
    with pytest.raises(TypeError, match=r"takes 2 arrays \(members, target\), got 3"):
        pl.crps_ensemble_loss([[1.0, 2.0]], [1.0], np.asarray([[True, False]]))


def test_an_array_that_is_missing():
    with pytest.raises(TypeError, match=r"takes 2 arrays \(pred, target\), got 1: pred is missing"):
        pl.mse_loss(target=[1.0])


REDUCTIONS = {"Mean": "mean", "sum_over_batch_size": "mean", "SUM": "sum", "raw_values": "none"}


@pytest.mark.parametrize("said", REDUCTIONS)
def test_the_name_of_a_reduction(said):
    with pytest.raises(ValueError, match=rf"got '{said}'; did you mean '{REDUCTIONS[said]}'\?"):
        pl.mse_loss([1.0], [2.0], reduction=said)


class Column:
    """A column of a table, as in pandas: it has no `reshape`."""

    def __init__(self, *shape):
        self.array = np.ones(shape)
        self.shape = shape

    def to_numpy(self):
        return self.array

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.mark.parametrize(
    ("loss", "arrays", "cure"),
    [
        (
            pl.mse_loss,
            (Column(3, 1), Column(3)),
            "target.to_numpy().reshape(pred.to_numpy().shape)",
        ),
        (pl.mse_loss, (np.ones((3, 1)), Column(3)), "target.to_numpy().reshape(pred.shape)"),
        (pl.mse_loss, ([[1.0]], [1.0]), "np.asarray(target).reshape(np.asarray(pred).shape)"),
        (pl.cross_entropy, (np.ones((3, 2)), [[0], [1], [1]]), "np.asarray(target)[:, 0]"),
        (pl.cross_entropy, (np.ones((3, 2)), Column(3)), "target.to_numpy().astype(int)"),
    ],
)
def test_what_is_no_array_is_made_one(loss, arrays, cure):
    with pytest.raises((TypeError, ValueError), match=re.escape(f"pass `{cure}`")) as caught:
        loss(*arrays)
    given = dict(zip(loss.signature.arguments, arrays, strict=True))
    assert np.size(eval(re.search("`(.*)`", str(caught.value))[1], {"np": np}, given))


def test_a_mean_of_nothing():
    with pytest.raises(ValueError, match="for logarithms pass `log_input=True`"):
        pl.tweedie_deviance_loss([0.0], [1.0], power=1.5)
    with pytest.raises(ValueError, match=r"`tweedie_deviance_loss` and a power from 1 to below 2"):
        pl.gamma_deviance_loss([1.0], [0.0])


def test_labels_of_other_kinds():
    logits = normal(3, 4)
    with pytest.raises(TypeError, match=r"pass `target.astype\(int\)`; probabilities"):
        pl.cross_entropy(logits, np.asarray([0.0, 1.0, 2.0]))
    with pytest.raises(TypeError, match="number the classes from 0"):
        pl.cross_entropy(logits, np.asarray(["a", "b", "c"]))
    assert np.isnan(pl.cross_entropy(logits[:0], []))
    with pytest.raises(TypeError, match="its dtype is float64"):
        pl.cross_entropy(logits[:0], np.zeros(0))


def test_class_weights_of_other_kinds():
    logits, target = normal(3, 4), np.asarray([0, 1, 3])
    with pytest.raises(TypeError, match="a list with the weight of each class"):
        pl.cross_entropy(logits, target, class_weights={0: 1.0})
    with pytest.raises(TypeError, match=r"np.bincount\(y, minlength=K\)"):
        pl.cross_entropy(logits, target, class_weights="balanced")


def test_a_label_that_marks_what_is_left_out():
    """As -100 does by default in torch."""
    logits, target = normal(3, 4), np.asarray([0, -100, 3])
    with pytest.raises(ValueError, match=r"target\[1\] is -100 .*`ignore_index=-100` leaves out"):
        pl.cross_entropy(logits, target)
    assert pl.cross_entropy(logits, target, ignore_index=-100) == pl.cross_entropy(
        logits[::2], target[::2]
    )
