"""
Gradient boosting with any loss
===============================

Boosting needs the gradient and the second derivative of each prediction: ``grad_and_hess`` returns
both. Twenty lines boost scikit-learn's trees with whatever loss they are given.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeRegressor

import portable_losses as pl

features, target = load_diabetes(return_X_y=True)
target = target / target.std()
rng = np.random.default_rng(0)
train, test, y_train, y_test = train_test_split(features, target, random_state=0)
wrong = rng.random(len(y_train)) < 0.1
y_train = np.where(wrong, y_train + 15, y_train)  # a tenth of the training data is wrong

# %%
# Newton's step of each leaf is the sum of the gradients over the sum of the second derivatives. A
# tree that is fitted to gradient / second with weights ``second`` has just these values.


def boost(loss, rounds=150, rate=0.05, **parameters):
    raw, raw_test = np.full(len(train), np.median(y_train)), np.full(len(test), np.median(y_train))
    errors = []
    for _ in range(rounds):
        gradient, second = loss.grad_and_hess(raw, y_train, reduction="sum", **parameters)
        second = np.maximum(second, 1e-2)
        tree = DecisionTreeRegressor(max_depth=2, min_samples_leaf=10, random_state=0)
        tree.fit(train, -gradient / second, sample_weight=second)
        raw += rate * tree.predict(train)
        raw_test += rate * tree.predict(test)
        errors.append(float(pl.l1_loss(raw_test, y_test)))
    return errors


errors = {
    "mse_loss": boost(pl.mse_loss),
    "pseudo_huber_loss": boost(pl.pseudo_huber_loss, delta=1.0),
    "log_cosh_loss": boost(pl.log_cosh_loss),
}
for name, found in errors.items():
    print(f"{name:18} mean absolute error on clean test data: {found[-1]:.3f}")

# %%

figure, ax = plt.subplots(figsize=(6.6, 3.8))
for name, found in errors.items():
    ax.plot(found, label=name)
ax.set(xlabel="trees", ylabel="mean absolute error", title="Trees boosted on data with outliers")
ax.legend()
plt.show()
