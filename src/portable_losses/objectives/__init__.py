"""Losses in other people's programs: boosting, SciPy, scikit-learn, training loops.

Each function takes a loss and its parameters, and returns what the other package wants: the right
order of arguments, the right sign, the right shapes. Packages are imported by the functions that
need them.
"""

from .catboost import catboost_metric, catboost_objective
from .constants import optimal_constant
from .keras import keras_loss
from .least_squares import scipy_rho
from .lightgbm import lightgbm_metric, lightgbm_objective
from .minimize import scipy_objective
from .scores import d2_score
from .sklearn import sklearn_scorer
from .torch import torch_criterion
from .xgboost import xgboost_metric, xgboost_objective

__all__ = [
    "catboost_metric",
    "catboost_objective",
    "d2_score",
    "keras_loss",
    "lightgbm_metric",
    "lightgbm_objective",
    "optimal_constant",
    "scipy_objective",
    "scipy_rho",
    "sklearn_scorer",
    "torch_criterion",
    "xgboost_metric",
    "xgboost_objective",
]
