"""What a loss returns: values, derivatives and sums of parts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec

from .._backends import progress
from .._engine.evaluate import evaluate
from .._engine.formulas import Formulas
from .._engine.hessian import hessian_product
from .._engine.out import check_reduction, in_a_list
from .._engine.partial import Partial, partial
from .._engine.partial_pieces import partial_of_pieces
from .._engine.stored import evaluate_stored
from .._engine.stores import holds_stored
from ..typing import Array

if TYPE_CHECKING:
    # `Loss` alone, in an annotation, means any loss. Type checkers know this module without its
    # being installed; the standard library has defaults of type parameters from Python 3.13 on.
    from typing_extensions import ParamSpec as _ParamSpec

    Arguments = _ParamSpec("Arguments", default=...)
else:
    Arguments = ParamSpec("Arguments")


class Evaluated(Generic[Arguments]):
    """The methods that evaluate a loss. All take the arguments of the loss."""

    formulas: Formulas
    bound: Mapping[str, Any]
    """What takes the place of the defaults."""

    def __call__(self, *arrays: Arguments.args, **options: Arguments.kwargs) -> Array:
        """Return the reduced loss, or the losses if nothing is reduced, in `out` if it is given."""
        out = options.pop("out", None)
        value = self._evaluate((0,), arrays, options, out)[0]
        return value if out is None else out

    def value_and_grad(
        self, *arrays: Arguments.args, **options: Arguments.kwargs
    ) -> tuple[Array, Any]:
        """Return the reduced loss and its gradient with respect to the predictions.

        Both come from one pass over the data.

        Parameters
        ----------
        *arrays, **options
            Those of the loss. Beside them, for NumPy arrays, ``out=``: an array for the gradient,
            of its shape and dtype, or a tuple of them where the loss has several predictions. It is
            an array or memmap of NumPy, or one in a file, such as those of Zarr and h5py, which is
            written chunk by chunk. And ``progress=True``: a bar of tqdm if it takes more than 2 s,
            also for the loss itself.

        Returns
        -------
        value : array
            The loss.
        gradient : array or tuple of arrays
            Of the shape of the predictions; a tuple where the loss has several. With `axis` or
            ``reduction="none"`` it is the gradient of the sum of the result. It is `out` if that is
            given. After an error, or Ctrl-C, a part of `out` may be written.

        Examples
        --------
        >>> import numpy as np
        >>> import portable_losses as pl
        >>> gradient = np.empty(2)
        >>> value, same = pl.mse_loss.value_and_grad([3.0, 1.0], [1.0, 1.0], out=gradient)
        >>> gradient, same is gradient
        (array([2., 0.]), True)
        """
        out = options.pop("out", None)
        value, gradient = self._evaluate((0, 1), arrays, options, out)
        return value, _one_or_all(gradient) if out is None else out

    def grad(self, *arrays: Arguments.args, **options: Arguments.kwargs) -> Any:
        """Return the gradient of the reduced loss: see `value_and_grad`."""
        out = options.pop("out", None)
        gradient = _one_or_all(*self._evaluate((1,), arrays, options, out))
        return gradient if out is None else out

    def grad_and_hess(
        self, *arrays: Arguments.args, **options: Arguments.kwargs
    ) -> tuple[Any, Any]:
        """Return the gradient and the diagonal of the second derivative.

        Gradient boosting and Newton's method use both. For boosting pass ``reduction="sum"``: each
        sample then has its own gradient and curvature. The default, the mean, divides both by the
        number of samples; limits such as the smallest sum of curvatures in a leaf then stop all
        splits, and nothing is learnt.

        Parameters
        ----------
        *arrays, **options
            Those of the loss.

        Returns
        -------
        gradient : array or tuple of arrays
            As of `value_and_grad`.
        second : array or tuple of arrays
            The second derivative, of the same shape.
        """
        gradient, second = self._evaluate((1, 2), arrays, options)
        return _one_or_all(gradient), _one_or_all(second)

    def value_grad_and_hess(
        self, *arrays: Arguments.args, **options: Arguments.kwargs
    ) -> tuple[Array, Any, Any]:
        """Return the reduced loss, its gradient and the diagonal of the second derivative.

        All three come from one pass over the data: see `value_and_grad` and `grad_and_hess`.

        Parameters
        ----------
        *arrays, **options
            Those of the loss.

        Returns
        -------
        value : array
            The loss.
        gradient, second : array or tuple of arrays
            As of `grad_and_hess`.

        Examples
        --------
        >>> import portable_losses as pl
        >>> value, gradient, second = pl.mse_loss.value_grad_and_hess([1.0, 3.0], [0.0, 1.0])
        >>> float(value)
        2.5
        >>> gradient, second
        (array([1., 2.]), array([1., 1.]))
        """
        value, gradient, second = self._evaluate((0, 1, 2), arrays, options)
        return value, _one_or_all(gradient), _one_or_all(second)

    def hessian_product(self, *arrays: Any, **options: Any) -> Any:
        r"""Return the product of the Hessian of the reduced loss with a vector.

        The Hessian itself is never formed: a product costs about as much as a gradient. Newton's
        method with conjugate gradients (``newton-cg`` and ``trust-ncg`` of SciPy) needs no more.

        Parameters
        ----------
        *arrays
            Those of the loss, and the vector at the end, which may also be passed as ``vector=``.
            The vector has the shape of the predictions. If the loss has several, it is a tuple of
            arrays, one for each.
        **options
            Those of the loss. With `axis` or ``reduction="none"`` it is the Hessian of the sum of
            the result.

        Returns
        -------
        array or tuple of arrays
            The product, of the shape of the predictions.

        Raises
        ------
        NotImplementedError
            If the loss registers no product, and the library has no autodiff. `rmse_loss` has none.
        TypeError, ValueError
            If the vector does not fit the predictions; also what the loss raises.

        See Also
        --------
        grad_and_hess : The diagonal of the Hessian.
        portable_losses.objectives.scipy_objective : The product for the parameters of a model.

        Notes
        -----
        A loss of single elements has a diagonal Hessian: the product is :math:`\ell''(x) v`. That
        of a function of the softmax is registered; for the cross-entropy it is
        :math:`p \, (v - \sum_j p_j v_j)` in each row. For the others, torch and JAX differentiate
        the registered derivative once: the Hessian is symmetric, so one pass backwards is enough.

        Examples
        --------
        >>> import portable_losses as pl
        >>> pl.cross_entropy.hessian_product([[0.0, 0.0]], [1], [[1.0, 0.0]])
        array([[ 0.25, -0.25]])
        >>> mean, variance, vector = [1.0], [2.0], ([1.0], [0.0])
        >>> pl.gaussian_nll_loss.hessian_product(mean, variance, [0.0], vector)
        (array([0.5]), array([-0.25]))
        """
        return _one_or_all(hessian_product(self.formulas, arrays, {**self.bound, **options}))

    def partial(
        self,
        *arrays: Any,
        pieces: bool = False,
        after: Partial | None = None,
        group: Any = None,
        groups: int | None = None,
        **options: Any,
    ) -> Partial:
        """Return the sums of a part of the data, which add up to the loss of all of it.

        However the data are split, the merged value is that of one call, up to rounding: with
        weights, masks and labels that are left out, and for a function of the mean, such as the
        root of the mean squared error.

        A part holds the two sums of a mean, over the losses of whole rows. With ``pieces=True`` the
        arrays hold pieces of rows, such as tiles of an image, and a part holds the sums over their
        entries. Such parts put the rows together; the mean over the rows is taken at the end.

        Parameters
        ----------
        *arrays
            Those of the loss.
        pieces : bool, default False
            Whether the arrays hold pieces of the rows along `region_axis` or `sample_axis`, and not
            whole rows. All parts then need pieces of the same rows, in the same order, with the
            same `weights`. A mask `where` leaves out entries, or the pieces of some rows. It needs
            a loss that is a function of sums over its rows: `dice_loss`, `jaccard_loss`,
            `tversky_loss`, `matthews_loss`, `generalized_dice_loss`, `barlow_twins_loss`,
            `vicreg_loss`, or one of your own with ``loss(..., sums=)``.
        after : Partial, optional
            The sum of the parts of all pieces from the round before, where sums depend on others:
            `vicreg_loss` takes two rounds, and `barlow_twins_loss` three. Until the last round,
            ``value()`` is an error.
        group : array of int, optional
            The number of the group of each loss, from 0: then there is a mean for each group. With
            `pieces` all pieces of a group are one row, whose loss is the value of the group. On
            libraries where values are not checked, a loss of another group is left out.
        groups : int, optional
            How many groups there are; by default up to the largest number.
        **options
            Those of the loss, without `reduction`. With `axis` there is a mean for each group of
            losses along the other axes.

        Returns
        -------
        Partial
            The sums, in the tuple ``sums``. ``first + second`` and ``sum(parts)`` merge them, and
            ``value()`` is the loss. It can be pickled, and is a pytree of JAX.

        Raises
        ------
        TypeError
            If `reduction` is given, or `axis` beside `group`, or `groups` without it; with `pieces`
            also if `weights` or `after` is given beside `group`, or the loss has no pieces of rows.
            When parts are added: if they are of other losses, parameters or libraries, or only one
            of them is of pieces.
        ValueError
            If `group` does not fit the losses, or is none of `groups`; also what the loss raises.
            When parts are added: if they are of other groups or rows, or their rows have other
            weights.

        Examples
        --------
        >>> import portable_losses as pl
        >>> first = pl.rmse_loss.partial([1.0, 2.0], [0.0, 0.0])
        >>> second = pl.rmse_loss.partial([3.0], [0.0], weights=[0.5])
        >>> float((first + second).value())
        1.9493588689617...
        >>> float(pl.rmse_loss([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], weights=[1.0, 1.0, 0.5]))
        1.9493588689617...
        >>> pl.l1_loss.partial([1.0, 2.0, 4.0], [0.0, 0.0, 0.0], group=[0, 1, 1]).value()
        array([1., 3.])

        Tiles of one image, which is one region:

        >>> import numpy as np
        >>> pred, target = np.linspace(0.0, 1.0, 24).reshape(4, 6), np.eye(4, 6)
        >>> axes = {"region_axis": (0, 1)}
        >>> tiles = [np.s_[:, :3], np.s_[:, 3:5], np.s_[:, 5:]]
        >>> parts = [
        ...     pl.dice_loss.partial(pred[tile], target[tile], pieces=True, **axes)
        ...     for tile in tiles
        ... ]
        >>> float(sum(parts).value()), float(pl.dice_loss(pred, target, **axes))
        (0.77173913043478..., 0.77173913043478...)
        """
        given = self.formulas, arrays, {**self.bound, **options}, group, groups
        if pieces or after is not None:
            return partial_of_pieces(*given, after)
        return partial(*given)

    def _evaluate(
        self,
        orders: tuple[int, ...],
        arrays: tuple[Any, ...],
        options: dict[str, Any],
        out: Any = None,
    ) -> list[Any]:
        """Return what is asked for, with what is bound in place of the defaults."""
        if options and options.pop("progress", False):
            with progress(self.formulas.name):
                return self._evaluate(orders, arrays, options, out)
        if self.bound:
            options = {**self.bound, **options}
        if out is not None and 1 not in orders:
            check_reduction(self.formulas.name, options)
        if (
            holds_stored(arrays)
            or (options and holds_stored(options.values()))
            or (out is not None and holds_stored(in_a_list(out)))
        ):
            return evaluate_stored(self.formulas, orders, arrays, options, out)
        return evaluate(self.formulas, orders, arrays, options, out=out)


def _one_or_all(gradients: Sequence[Array]) -> Any:
    """Return the gradient, or a tuple of several."""
    return gradients[0] if len(gradients) == 1 else tuple(gradients)
