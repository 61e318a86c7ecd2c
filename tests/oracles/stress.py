#!/usr/bin/env python3
"""Conditional expectations, projections and likeliest scenarios of services/stress, in other ways.

Conditional expectations come from the dense covariance of all coordinates and names, projections from
least squares on stacked rows, and likeliest scenarios from a general solver (SLSQP) in deviations.
Prints the table that services/stress/tests/stress/oracle.rs compares with:

    python3 tests/oracles/stress.py > tests/oracles/stress_expected.csv

numpy 2.4, scipy 1.17.
"""

import numpy as np
from scipy.optimize import minimize

COORDINATES, NAMES = 6, 5


class Draws:
    """The linear congruential generator of methodology C5, uniform in [-0.5, 0.5)."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return self.state / 2**32 - 0.5

    def array(self, *shape):
        return np.array([self.next() for _ in range(int(np.prod(shape)))]).reshape(shape)


def problem(seed):
    """Covariance of coordinates, specific variances, and the form of a book."""
    draws = Draws(seed)
    loadings = draws.array(COORDINATES, COORDINATES)
    common = 1e-3 * loadings @ loadings.T + 1e-5 * np.eye(COORDINATES)
    specific = 1e-4 * (1 + draws.array(NAMES))
    book = draws.array(COORDINATES + NAMES)
    return draws, common, specific, book


def dense(common, specific):
    size = COORDINATES + NAMES
    whole = np.zeros((size, size))
    whole[:COORDINATES, :COORDINATES] = common
    whole[COORDINATES:, COORDINATES:] = np.diag(specific)
    return whole


def given(seed):
    """Three shocks: a coordinate, a name with exposures, a basket of all names."""
    draws, common, specific, book = problem(seed)
    forms = np.zeros((3, COORDINATES + NAMES))
    forms[0, 1] = 1.0
    forms[1, :COORDINATES] = draws.array(COORDINATES)
    forms[1, COORDINATES + 2] = 1.0
    forms[2] = draws.array(COORDINATES + NAMES)
    values = 0.1 * draws.array(3)
    whole = dense(common, specific)
    variance = forms @ whole @ forms.T
    with_book = forms @ whole @ book
    expected = with_book @ np.linalg.solve(variance, values)
    left = book @ whole @ book - with_book @ np.linalg.solve(variance, with_book)
    distance = np.sqrt(values @ np.linalg.solve(variance, values))
    print(f"given,{seed},{expected!r},{left!r},{distance!r}")


def reverse(seed):
    """Bounds of one to two deviations, a loss of nine tenths of the largest; worst of several starts."""
    draws, common, specific, book = problem(seed)
    deviations = np.sqrt(np.concatenate([np.diag(common), specific]))
    low = -(1.5 + draws.array(COORDINATES)) * np.sqrt(np.diag(common))
    high = (1.5 + draws.array(COORDINATES)) * np.sqrt(np.diag(common))
    reach = (1.5 + draws.next()) * np.sqrt(specific)
    low, high = np.concatenate([low, -reach]), np.concatenate([high, reach])
    largest = -np.minimum(book * low, book * high).sum()
    loss = (0.25 + 0.15 * (seed % 5)) * largest
    whole = dense(common, specific)
    scaled = whole / np.outer(deviations, deviations)
    inverse, per = np.linalg.inv(scaled), book * deviations
    best = np.inf
    for start in (0.0, 0.5, 1.0):
        corner = np.where(book > 0, low, high) / deviations
        found = minimize(
            lambda z: z @ inverse @ z,
            start * corner * loss / largest,
            jac=lambda z: 2 * inverse @ z,
            bounds=list(zip(low / deviations, high / deviations)),
            constraints=[{"type": "eq", "fun": lambda z: (per @ z + loss) / loss,
                          "jac": lambda z: per / loss}],
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 2000},
        )
        if abs(per @ found.x + loss) < 1e-9 * loss:
            best = min(best, found.fun)
    print(f"reverse,{seed},{loss!r},{np.sqrt(best)!r},")


def projection(seed):
    """Two series on three factors over 80 sessions with weights, the ridge as added rows."""
    draws = Draws(seed)
    factors = 0.02 * draws.array(80, 3)
    series = factors @ draws.array(3, 2) + 0.01 * draws.array(80, 2)
    weights = 1 + draws.array(80)
    weights /= weights.sum()
    centred_f = factors - weights @ factors
    centred_s = series - weights @ series
    root = np.sqrt(weights)[:, None]
    ridge = np.diag(np.sqrt(1e-3 * (weights[:, None] * centred_f**2).sum(0)))
    rows = np.vstack([root * centred_f, ridge])
    slopes = np.linalg.lstsq(rows, np.vstack([root * centred_s, np.zeros((3, 2))]), rcond=None)[0]
    errors = centred_s - centred_f @ slopes
    residual = 80 / 76 * (weights[:, None] * errors).T @ errors
    for at in range(2):
        print(f"slopes,{seed},{slopes[0, at]!r},{slopes[1, at]!r},{slopes[2, at]!r}")
    print(f"residual,{seed},{residual[0, 0]!r},{residual[0, 1]!r},{residual[1, 1]!r}")


np.set_printoptions(legacy="1.25")
for seed in range(1, 13):
    given(seed)
    reverse(seed)
    projection(seed)
