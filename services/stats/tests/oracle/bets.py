"""Expected values for tests/reference/bets.rs: effective numbers of bets.

    pip install numpy==2.4.6 scipy==1.17.1
    python bets.py > bets.txt

The minimum torsion is found here as what it is, the linear map t of standardised returns x with
uncorrelated t x that minimises E|t x - x|^2, by a search over rotations (BFGS with the exponential
of an antisymmetric matrix) and the best scales; the Rust code iterates over polar factors.
"""

import numpy as np
import scipy
from scipy.linalg import expm, sqrtm
from scipy.optimize import minimize


def put(name, values):
    print(f"{name}:", *(f"{v:.17g}" for v in np.ravel(values)))


def antisymmetric(parameters, n):
    out = np.zeros((n, n))
    out[np.triu_indices(n, 1)] = parameters
    return out - out.T


def shares(exposures):
    squares = exposures**2
    return squares / squares.sum()


def bets(p):
    p = p[p > 0]
    return np.exp(-(p * np.log(p)).sum())


def torsion(S, x):
    n, sd = len(x), np.sqrt(np.diag(S))
    C = S / np.outer(sd, sd)
    root = np.real(sqrtm(C))

    # y = Q C^(-1/2) x is uncorrelated with unit variances, and E y x' = Q C^(1/2): the best scale of
    # y_i is (Q C^(1/2))_ii, and what it leaves of x_i is 1 - (Q C^(1/2))_ii^2.
    def left(parameters):
        return n - (np.diag(expm(antisymmetric(parameters, n)) @ root) ** 2).sum()

    found = minimize(left, np.zeros(n * (n - 1) // 2), method="BFGS", options={"gtol": 1e-12})
    Q = expm(antisymmetric(found.x, n))
    return shares(Q @ root @ (sd * x))


def principal(S, x):
    values, vectors = np.linalg.eigh(S)
    return shares((vectors.T @ x) * np.sqrt(values))[::-1]


print("# numpy", np.__version__, "scipy", scipy.__version__)

sd = np.array([0.012, 0.02, 0.03])
C = np.array([[1, 0.6, 0.3], [0.6, 1, 0.5], [0.3, 0.5, 1]])
x = np.array([10.0, -6.0, -2.0])
cases = {"three": (np.outer(sd, sd) * C, x)}
rng = np.random.default_rng(7)
F = rng.normal(size=(6, 9))
S = F @ F.T
cases["six"] = (S, rng.normal(size=6))
for name, (S, x) in cases.items():
    put(f"{name}_covariance", S), put(f"{name}_amounts", x)
    put(f"{name}_torsion", torsion(S, x)), put(f"{name}_torsion_bets", [bets(torsion(S, x))])
    put(f"{name}_principal", principal(S, x)), put(f"{name}_principal_bets", [bets(principal(S, x))])
