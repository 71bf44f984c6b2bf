"""What boosting needs of a loss: gradient and curvature of each row, and a metric."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from .._loss import Loss
from ..typing import Array
from ._bound import Bound, is_number

Hessian: TypeAlias = Literal["exact", "surrogate"] | float
"""The curvature: the second derivative, one that is positive, or the same number for every row."""


class Boosted(Bound):
    """A loss that has a value for each row.

    Parameters
    ----------
    wrapper : str
        The public function, for messages.
    loss : Loss
        The loss.
    parameters : mapping
        Its parameters and options.
    """

    outputs = "num_class to the number of classes"
    """What to set in the library for a row of predictions."""

    def __init__(self, wrapper: str, loss: Loss[...], parameters: Mapping[str, Any]) -> None:
        super().__init__(wrapper, loss, parameters)
        self.one_prediction()
        self.__name__ = self.name
        if len(self.core) > 1 or self.core in (("region",), ("sample",)):
            raise TypeError(
                f"{wrapper}: {self.name} is a loss of a whole {' and '.join(self.core)}, which has "
                "no value for a row; use a loss of elements, classes or ranked items"
            )
        if loss.formulas.finish is not None:
            raise TypeError(
                f"{wrapper}: {self.name} is a function of the mean over all rows, which has no "
                "value for a row; use the loss inside, such as mse_loss for rmse_loss"
            )

    def __repr__(self) -> str:
        return f"{self.wrapper}({self.summary})"

    def __deepcopy__(self, memo: Any) -> Any:
        """Return itself: nothing in it changes, and CatBoost clones only what is its own copy."""
        return self

    @property
    def ranks(self) -> bool:
        """Whether the loss compares the items of a group, not the outputs of a row."""
        return self.core == ("item",)

    def target_for(self, pred: Array, target: Any) -> Array:
        """Return the targets in the shape and kind that the loss takes.

        Boosting libraries keep all targets as real numbers, in one row after another.
        """
        target = np.asarray(target)
        if pred.ndim == 1 and not (self.ranks or self.takes_elements):
            raise ValueError(
                f"{self.wrapper}: {self.name} needs a row of predictions for each target, and "
                f"has one prediction: set {self.outputs}; for two classes a loss of single "
                "logits needs none, such as binary_cross_entropy_with_logits"
            )
        if target.size == pred.size:
            target = target.reshape(pred.shape)
        elif self.core and self.takes_labels and target.size == pred.shape[0]:
            return _whole(self.wrapper, target.reshape(-1))
        elif not self._spreads(pred, target):
            raise ValueError(
                f"{self.wrapper}: the targets have shape {target.shape} and the predictions "
                f"{pred.shape}: {self.name} needs one target for each prediction"
            )
        # Classifiers number their labels from 0.
        return np.where(target == 0, -1.0, target) if self.takes_signs else target

    def _spreads(self, pred: Array, target: Array) -> bool:
        """Return whether one target goes with several predictions: quantiles, or an ensemble."""
        sequences = [x for x in self.parameters.values() if isinstance(x, (tuple, list))]
        return bool(target.shape == pred.shape[:1] and (sequences or self.core == ("member",)))

    def value(
        self, pred: Array, target: Array, weights: Array | None, sizes: Array | None = None
    ) -> float:
        """Return the weighted mean of the loss. The weight of a group is the mean of its rows."""
        if not self.ranks:
            if weights is not None and pred.ndim > 1 and not self.core:
                weights = weights[:, None]
            return float(self.loss(pred, target, weights=weights, **self.parameters))
        total = of_weights = 0.0
        for rows in groups(self.wrapper, sizes, pred):
            share = np.ones(len(rows)) if weights is None else np.mean(weights[rows], axis=1)
            mean = self.loss(pred[rows], target[rows], weights=share, **self.parameters)
            total += float(mean) * float(share.sum()) if share.any() else 0.0
            of_weights += float(share.sum())
        return total / of_weights if of_weights else float("nan")


class Objective(Boosted):
    """A loss that has a gradient and a curvature for each row.

    Parameters
    ----------
    wrapper, loss, parameters
        See `Boosted`.
    hessian : {"exact", "surrogate"} or float
        The curvature.
    factor : float
        The number that multiplies the loss.
    """

    def __init__(
        self,
        wrapper: str,
        loss: Loss[...],
        parameters: Mapping[str, Any],
        hessian: Hessian,
        factor: float,
    ) -> None:
        super().__init__(wrapper, loss, parameters)
        named = isinstance(hessian, str) and hessian in ("exact", "surrogate")
        if not (named or _is_positive(hessian)):
            raise ValueError(
                f"{wrapper}: hessian must be 'exact', 'surrogate' or a positive number, got "
                f"{hessian!r}"
            )
        if not _is_positive(factor):
            raise ValueError(f"{wrapper}: factor must be a positive number, got {factor!r}")
        self.hessian = hessian if named else float(hessian)
        self.factor = float(factor)

    def derivatives(
        self,
        pred: Array,
        target: Array,
        weights: Array | None,
        sizes: Array | None,
        row_factor: float,
    ) -> tuple[Array, Array]:
        """Return gradient and curvature of each prediction, multiplied by the weight of its row.

        `sizes` are those of the groups, which follow each other. `row_factor` multiplies the second
        derivative of a row of classes.
        """
        if not self.ranks:
            row_factor = row_factor if self.core and pred.ndim > 1 else 1.0
            gradient, curvature = self._of_rows(pred, target, row_factor)
        else:
            gradient, curvature = np.empty_like(pred), np.empty_like(pred)
            for rows in groups(self.wrapper, sizes, pred):
                gradient[rows], curvature[rows] = self._of_rows(pred[rows], target[rows])
        if self.hessian == "exact" and gradient.any() and not (curvature > 0).any():
            raise ValueError(
                f"{self.wrapper}: the second derivative of {self.name} is positive nowhere, and "
                "boosting would learn nothing: pass hessian='surrogate'"
            )
        if weights is not None or self.factor != 1:
            share = np.multiply(self.factor, 1.0 if weights is None else weights, dtype=pred.dtype)
            column = np.reshape(share, (-1, *(1,) * (pred.ndim - 1)))
            gradient *= column
            curvature *= column
        return gradient, curvature

    def _of_rows(self, pred: Array, target: Array, row_factor: float = 1.0) -> tuple[Array, Array]:
        options = {"reduction": "sum", **self.parameters}
        if not isinstance(self.hessian, str):
            return self.loss.grad(pred, target, **options), np.full_like(pred, self.hessian)
        try:
            gradient, second = self.loss.grad_and_hess(pred, target, **options)
        except NotImplementedError as error:
            raise NotImplementedError(
                f"{self.wrapper}: {error}; or pass hessian=1.0, the same curvature for every row"
            ) from error
        if self.hessian == "exact":
            return gradient, second
        if row_factor != 1:
            second *= row_factor
        flat = ~(second > 0)
        if flat.any():
            # A row that is content, with gradient and curvature 0, has no say in a leaf.
            second[flat] = gradient[flat] != 0
            content = flat & (gradient == 0)
            if content.any():
                self._at_kinks(pred, target, options, content, gradient, second)
        return gradient, second

    def _at_kinks(
        self,
        pred: Array,
        target: Array,
        options: Mapping[str, Any],
        content: Array,
        gradient: Array,
        second: Array,
    ) -> None:
        """Write the derivatives of rows at a kink, such as a residual of 0 of a quantile.

        They are those of the boosting libraries: the curvature 1 that the rows beside it have, and
        for a quantile the slope to the right.
        """
        if self.core or not self.loss.signature.domains[0][0].unbounded:
            return
        left, right = (
            self.loss.grad(np.nextafter(pred, pred.dtype.type(end)), target, **options)
            for end in (-np.inf, np.inf)
        )
        kinks = content & (left < 0) & (right > 0)
        second[kinks] = 1
        if "quantile" in self.loss.signature.parameters:
            gradient[kinks] = right[kinks]


def groups(wrapper: str, sizes: Array | None, pred: Array) -> Iterator[Array]:
    """Find the rows of each group: for each size one array, with a line for each group."""
    if sizes is None or not len(sizes):
        raise ValueError(
            f"{wrapper}: the loss ranks the items of a group, and the data have no groups: "
            "set their sizes"
        )
    sizes = np.asarray(sizes, dtype=np.int64)
    if pred.ndim != 1 or sizes.sum() != len(pred):
        raise ValueError(
            f"{wrapper}: the sizes of the groups add up to {sizes.sum()}, and the predictions have "
            f"shape {pred.shape}"
        )
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes[sizes > 0]):
        yield starts[sizes == size][:, None] + np.arange(size)


def _is_positive(number: Any) -> bool:
    """Return whether a parameter is a positive number."""
    return is_number(number) and 0 < number < np.inf


def _whole(wrapper: str, target: Array) -> Array:
    """Return labels as integers; a fractional one is refused."""
    with np.errstate(invalid="ignore"):
        labels = target.astype(np.int64)
    wrong = np.flatnonzero(labels != target)
    if wrong.size:
        place = int(wrong[0])
        raise ValueError(
            f"{wrapper}: the targets must be class labels, integers from 0 to the number of "
            f"classes - 1, but that of row {place} is {target[place]}"
        )
    return labels
