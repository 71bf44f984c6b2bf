"""The domain of the scale of a distribution, which is predicted beside its location."""

from typing import Annotated

from annotated_types import Interval

from ..typing import Array, Domain

Scale = Annotated[
    Array,
    Domain(
        "positive numbers",
        safe=1.0,
        interval=Interval(gt=0.0),
        shared=True,
        hint="apply `special.softplus` or an exponential to the output of a model",
    ),
]
