"""Fits and errors that services/stats/src/logit.rs asserts.

usage: logit.py        (pip install numpy scikit-learn)
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

row = np.arange(200.0)
x = np.column_stack([np.sin(row), 10 + 3 * np.cos(1.7 * row)])
y = (1.2 < x[:, 0] + 0.2 * (x[:, 1] - 10) + 1.5 * np.sin(3.3 * row)).astype(float)


def fit(penalty):
    """Intercept and coefficients in the units of the columns."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    strength = np.inf if penalty == 0 else 1 / penalty
    model = LogisticRegression(C=strength, tol=1e-12, max_iter=10_000).fit((x - mean) / scale, y)
    beta = model.coef_[0] / scale
    return np.array([model.intercept_[0] - mean @ beta, *beta])


def errors(beta, unit, period, reach):
    """Square roots of the diagonal of the sandwich: pairs of one unit, or of periods at most `reach`
    apart, each once; at least that of either clustering alone, times G/(G - 1)."""
    design = np.column_stack([np.ones(len(y)), x])
    p = 1 / (1 + np.exp(-design @ beta))
    bread = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))
    score = design * (y - p)[:, None]

    def variance(related):
        return np.diag(bread @ score.T @ related @ score @ bread)

    same = (unit[:, None] == unit[None, :]).astype(float)
    each = (period[:, None] == period[None, :]).astype(float)
    near = (np.abs(period[:, None] - period[None, :]) <= reach).astype(float)
    both = variance(np.maximum(same, near))
    count = min(len(np.unique(unit)), len(np.unique(period)))
    found = np.maximum(np.maximum(both, variance(same)), variance(each))
    return np.sqrt(found * count / (count - 1))


print("events", y.sum())
for penalty in [0, 1, 10]:
    print(penalty, [f"{b:.8f}" for b in fit(penalty)])
for reach in [0, 1]:
    print([f"{e:.8f}" for e in errors(fit(0), row // 8, row % 21, reach)])
