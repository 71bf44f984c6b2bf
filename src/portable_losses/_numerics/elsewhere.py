"""What array libraries call otherwise than the namespace of formulas does."""

import difflib
from collections.abc import Collection

_HERE = {
    "absolute": "xp.abs(x)",
    "amax": "xp.max(x, axis=axis)",
    "amin": "xp.min(x, axis=axis)",
    "arccos": "xp.acos(x)",
    "arccosh": "xp.acosh(x)",
    "arcsin": "xp.asin(x)",
    "arcsinh": "xp.asinh(x)",
    "arctan": "xp.atan(x)",
    "arctan2": "xp.atan2(x, y)",
    "arctanh": "xp.atanh(x)",
    "cat": "xp.concat(arrays)",
    "clamp": "xp.clip(x, low, high)",
    "clip_by_value": "xp.clip(x, low, high)",
    "concatenate": "xp.concat(arrays)",
    "cumsum": "xp.cumulative_sum(x, axis=axis)",
    "dot": "xp.row_dot(x, y, axis)",
    "elu": "xp.where(x > 0, x, xp.expm1(xp.minimum(x, 0.0)))",
    "entr": "-xp.xlogy(x, x)",
    "expit": "xp.sigmoid(x)",
    "fabs": "xp.abs(x)",
    "fmax": "xp.maximum(x, y)",
    "fmin": "xp.minimum(x, y)",
    "gammaln": "xp.lgamma(x)",
    "gather": "xp.pick(x, labels, axis)",
    "gelu": "0.5 * x * (1 + xp.erf(x / 2**0.5))",
    "hardtanh": "xp.clip(x, -1.0, 1.0)",
    "leaky_relu": "xp.where(x > 0, x, 0.01 * x)",
    "log_expit": "xp.log_sigmoid(x)",
    "logsigmoid": "xp.log_sigmoid(x)",
    "nan_to_num": "xp.where(xp.isnan(x), 0.0, x)",
    "permute": "xp.permute_dims(x, axes)",
    "psi": "xp.digamma(x)",
    "relu6": "xp.clip(x, 0.0, 6.0)",
    "rint": "xp.round(x)",
    "rsqrt": "1 / xp.sqrt(x)",
    "silu": "x * xp.sigmoid(x)",
    "softmin": "xp.softmax(-x, axis)",
    "swish": "x * xp.sigmoid(x)",
    "transpose": "xp.permute_dims(x, axes)",
    "unsqueeze": "xp.expand_dims(x, axis=axis)",
}
"""The expression for a function that other libraries have under another name, or at all."""


def meant(name: str, known: Collection[str]) -> str:
    """Return what to write for a function that the namespace does not have."""
    if expression := _HERE.get(name):
        return f"write {expression}"
    if close := difflib.get_close_matches(name, known, n=1):
        return f"did you mean xp.{close[0]}?"
    return "build it from others, such as xp.exp, xp.where and xp.maximum"
