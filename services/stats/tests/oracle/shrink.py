"""Expected values for tests/reference/weights.rs: the prior of a group of unequal estimates.

    pip install numpy==2.4.6 scipy==1.17.1
    python shrink.py > shrink.txt

Paule and Mandel (1982): the variance t of the true values solves
sum((b - m)^2 / (t + se^2)) = n - 1 with m the mean weighted by 1/(t + se^2). Solved
here by bracketing, in the Rust code by Newton's method.
"""

import numpy as np
import scipy
from scipy.optimize import brentq


def put(name, values):
    print(f"{name}:", *(f"{v:.17g}" for v in np.ravel(values)))


def lcg(count, seed):
    out = []
    for _ in range(count):
        seed = (1664525 * seed + 1013904223) % 2**32
        out.append(seed / 2**32 - 0.5)
    return np.array(out)


print("# numpy", np.__version__, "scipy", scipy.__version__)

FLOOR = 1e-4


def prior(b, se):
    mean = lambda t: np.sum(b / (t + se**2)) / np.sum(1 / (t + se**2))
    excess = lambda t: np.sum((b - mean(t)) ** 2 / (t + se**2)) - (len(b) - 1)
    t = brentq(excess, FLOOR, 1e3, xtol=1e-16, rtol=1e-14) if excess(FLOOR) > 0 else FLOOR
    return mean(t), t


# 30 names with a spread of .3, errors of .05 to .3; then one of them with an error of 4.
se = 0.05 + 0.25 * (lcg(30, 2) + 0.5)
b = 1.1 + 0.3 * np.sqrt(12) * lcg(30, 4) + se * np.sqrt(12) * lcg(30, 6)
put("estimates", b), put("errors", se), put("prior", prior(b, se))
b[7], se[7] = -6.0, 4.0
put("noisy_estimates", b), put("noisy_errors", se), put("noisy_prior", prior(b, se))
b, se = np.array([1.0, 2.0, 6.0]), np.array([0.5, 0.5, 2.0])
put("three_prior", prior(b, se))
