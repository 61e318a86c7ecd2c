"""Expected values for tests/reference/tails.rs and backtests.rs, from numpy and scipy.

    pip install numpy==2.4.6 scipy==1.17.1
    python parametric.py > parametric.txt

One vector per line, as in oracle.py. Values are computed differently from the Rust code: moments by
scipy, expected shortfall by quadrature of the quantile function, the volatility of an exponential
recursion as an explicit weighted sum, and the zones by scipy's binomial distribution.
"""

import numpy as np
import scipy
import scipy.integrate
import scipy.stats


def put(name, values):
    print(f"{name}:", *(f"{v:.17g}" for v in np.ravel(values)))


def lcg(count, seed):
    out = []
    for _ in range(count):
        seed = (1664525 * seed + 1013904223) % 2**32
        out.append(seed / 2**32 - 0.5)
    return np.array(out)


print("# numpy", np.__version__, "scipy", scipy.__version__)

# Sums of three uniforms, bent so that losses are larger than gains.
u = lcg(900, 5).reshape(300, 3).sum(axis=1) / 100
x = np.where(u < 0, 1.6, 1.0) * u
put("parametric_series", x)
levels = [0.9, 0.95, 0.99]
put("parametric_levels", levels)


def tail(quantile, confidence):
    """Value at risk and expected shortfall of a quantile function of profits."""
    alpha = 1 - confidence
    mean = scipy.integrate.quad(quantile, 0, alpha, epsabs=1e-14, epsrel=1e-12, limit=500)[0]
    return -quantile(alpha), -mean / alpha


normal = scipy.stats.norm(np.mean(x), np.std(x, ddof=1))
put("gaussian", [tail(normal.ppf, level) for level in levels])

s, k = scipy.stats.skew(x), scipy.stats.kurtosis(x)
put("moments", [np.mean(x), np.std(x, ddof=1), s, k])


def expansion(p):
    z = scipy.stats.norm.ppf(p)
    q = z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
    return np.mean(x) + np.std(x, ddof=1) * q


put("cornish_fisher", [tail(expansion, level) for level in levels])

seeds, lam = 60, 0.94
ages = np.arange(len(x) - seeds)[::-1]
variance = lam ** (len(x) - seeds) * np.mean(x[:seeds] ** 2)
variance += (1 - lam) * np.sum(lam**ages * x[seeds:] ** 2)
ewma = scipy.stats.norm(0, np.sqrt(variance))
put("ewma_deviation", [np.sqrt(variance)])
put("ewma", [tail(ewma.ppf, level) for level in levels])

# The zones: days, probability, and the first number of breaches that is yellow and red.
rows = []
for days in [50, 250, 500, 1000]:
    for p in [0.01, 0.025, 0.05]:
        cdf = scipy.stats.binom(days, p).cdf(np.arange(days + 1))
        rows.append([days, p, np.argmax(cdf >= 0.95), np.argmax(cdf >= 0.9999)])
put("zones", rows)
