"""
One program, three libraries
============================

The program ``examples/train_digits.py`` trains a classifier of handwritten digits with two layers
on NumPy, PyTorch and JAX. Model, loss and steps are the same, and only the gradient differs:
PyTorch and JAX differentiate the model. NumPy has no autodiff. There
``cross_entropy.value_and_grad`` returns the derivative by the logits, and the chain rule leads from
there through the two layers.
"""

import runpy

import matplotlib.pyplot as plt

program = runpy.run_path("../../examples/train_digits.py")
found = {
    name: program["train"](name, *rest, progress=False) for name, *rest in program["libraries"]()
}
for name, curves in found.items():
    print(f"{name:8} loss {curves.loss[-1]:.6f}  accuracy {curves.accuracy[-1]:.1%}")

# %%
# The curves lie on each other.

program["draw"](found)
plt.show()

# %%
# The whole program:
#
# .. literalinclude:: ../../examples/train_digits.py
#    :language: python
