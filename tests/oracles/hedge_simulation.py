"""Expected shortfall of simulated scenarios, beside services/hedge/tests/desk/simulated_tail.rs.

usage: hedge_simulation.py        (Python 3 with scipy 1.17.1 and numpy 2.4.6)

Prints per distribution and confidence: the expected shortfall of a loss with mean 0 and standard
deviation 1, by numerical integration of scipy's quantiles, and sqrt(n) times the standard error of its
estimate from n independent draws, sqrt((Var(L | tail) + c x (ES - VaR)^2) / (1 - c)) (Manistre and
Hancock 2005, equation for CTE). Student's t is scaled to a variance of 1.
"""

from math import sqrt

from scipy.integrate import quad
from scipy.stats import norm, t

for name, of in [("normal", norm), ("t8", t(8, scale=sqrt(6 / 8))), ("t4", t(4, scale=sqrt(2 / 4)))]:
    for c in [0.95, 0.99]:
        q = of.ppf(c)
        tail = 1 - c
        mean = quad(lambda x: x * of.pdf(x), q, float("inf"), epsabs=1e-14)[0] / tail
        square = quad(lambda x: x * x * of.pdf(x), q, float("inf"), epsabs=1e-14)[0] / tail
        error = sqrt((square - mean * mean + c * (mean - q) ** 2) / tail)
        print(f"{name} {c}: {mean:.9f} {error:.4f}")
