"""Expected values for tests/reference/scenarios.rs and backtests.rs, from numpy and scipy.

    pip install numpy==2.4.6 scipy==1.17.1
    python tails.py > tails.txt

One vector per line, as in oracle.py. All values are computed differently from the Rust code: the
bootstrap's variance from its transition matrix, expected shortfall by minimisation, and p-values of
simulated statistics by enumerating every history.
"""

import itertools

import numpy as np
import scipy
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


# --- Filtered historical simulation -------------------------------------------------------------
def ewma_sigmas(x, initial, lam):
    """sigma_1 .. sigma_{T+1} as explicit weighted sums, not as a recursion."""
    sums = [initial]
    for t in range(1, len(x) + 1):
        ages = np.arange(t)[::-1]
        sums.append(lam**t * initial + (1 - lam) * np.sum(lam**ages * x[:t] ** 2))
    return np.sqrt(sums)


# methodology.md, C4: there the start is the mean square of the whole series.
r = np.array([0.01, -0.02, 0.015, -0.03, 0.005, 0.02, -0.01, 0.0, 0.012, -0.025])
sigma = ewma_sigmas(r, np.mean(r**2), 0.94)
put("filter_c4", r), put("filter_c4_sigma", [sigma[-1]])
put("filter_c4_scenarios", r / sigma[:-1] * sigma[-1])

# 60 seeds and 100 outcomes whose volatility doubles half way.
x = 0.02 * lcg(160, 11) * np.where(np.arange(160) < 100, 1, 2)
sigma = ewma_sigmas(x[60:], np.mean(x[:60] ** 2), 0.94)
put("filter_series", x), put("filter_sigma", [sigma[-1]])
put("filter_multipliers", sigma[-1] / sigma[:-1])


# --- The stationary bootstrap -------------------------------------------------------------------
def bootstrap_variance(x, block):
    """T times the variance of a resample's mean, from the Markov chain of the indices: the next
    index is the following one (wrapping around) with probability q, otherwise any index."""
    n, q = len(x), 1 - 1 / block
    step = q * np.roll(np.eye(n), 1, axis=1) + (1 - q) / n
    d = x - x.mean()
    total, power = d @ d / n, np.eye(n)
    for k in range(1, n):
        power = power @ step
        total += 2 * (1 - k / n) * (d @ power @ d) / n
    return total


ar = np.zeros(61)
noise = lcg(61, 5)
for t in range(1, 61):
    ar[t] = 0.6 * ar[t - 1] + noise[t]
put("boot_x", ar)
blocks = [1, 2, 4, 10]
put("boot_blocks", blocks), put("boot_v", [bootstrap_variance(ar, b) for b in blocks])
put("boot_short_x", ar[1:6]), put("boot_short_v", [bootstrap_variance(ar[1:6], b) for b in blocks])


# --- Weighted scenarios -------------------------------------------------------------------------
RULES = {
    "linear": lambda n, p: (n - 1) * p + 1,
    "lower": lambda n, p: np.floor((n - 1) * p + 1),
    "higher": lambda n, p: np.ceil((n - 1) * p + 1),
    "ceil": lambda n, p: np.ceil(n * p),
    "weibull": lambda n, p: (n + 1) * p,
    "median_unbiased": lambda n, p: (n + 1 / 3) * p + 1 / 3,
}


def quantile(profits, weights, n, p, rule):
    """Mean of numpy's weighted inverse of the distribution function over the period that ends at the
    rule's place. The grid has 24,000 cells per period; weights are multiples of 1/24."""
    h = np.clip(RULES[rule](n, p), 1, n)
    cells = (np.arange(24_000) + 0.5) / 24_000
    grid = (h - 1 + cells) / n
    return np.quantile(profits, grid, method="inverted_cdf", weights=weights).mean()


def shortfall(profits, weights, p):
    """Rockafellar and Uryasev: min over c of c + E(loss - c)+ / p; the least c is an outcome."""
    loss, w = -profits, weights / weights.sum()
    return min(c + np.sum(w * np.maximum(loss - c, 0)) / p for c in loss)


# 40 periods of 4 draws that differ by a little noise: period-major.
periods, draws = 40, 4
base = ar[:periods]
pooled = np.repeat(base, draws) + 0.2 * lcg(periods * draws, 9)
equal = np.full(periods * draws, 1 / draws)
put("pooled", pooled)
# 30 scenarios of unequal weight over 24 periods: weights are multiples of 1/24 that add up to 24.
ragged = lcg(30, 21)
parts = np.arange(5, 35)
parts = np.append(parts[:-1], 24 * 24 - parts[:-1].sum())
ragged_weights = parts / 24
put("ragged", ragged), put("ragged_weights", ragged_weights)
for p in (0.05, 0.1, 0.13, 0.5):
    for name, profits, weights, n in (("pooled", pooled, equal, periods),
                                      ("ragged", ragged, ragged_weights, 24)):
        put(f"{name}_var_{p:g}", [-quantile(profits, weights, n, p, rule) for rule in RULES])
        put(f"{name}_es_{p:g}", [shortfall(profits, weights, p)])

# The interval of the 90 % value at risk at level 90 %: 4 of 40 periods are in the tail, 16 draws.
order = np.argsort(pooled)[: 4 * draws]
exceedance = np.bincount(order // draws, minlength=periods) / draws
block = 4  # the least b with b^3 >= 40
error = np.sqrt(bootstrap_variance(exceedance, block) / periods)
reach = scipy.stats.norm.ppf(0.95) * error
put("interval", [-quantile(pooled, equal, periods, 0.1 + reach, "linear"), error])
# p - reach is below 1/40 here (asserted), so the upper end is open; at 70 % both ends are closed.
assert 0.1 - reach < 1 / periods, reach
order = np.argsort(pooled)[: 12 * draws]
exceedance = np.bincount(order // draws, minlength=periods) / draws
error = np.sqrt(bootstrap_variance(exceedance, block) / periods)
reach = scipy.stats.norm.ppf(0.95) * error
put("interval_70", [-quantile(pooled, equal, periods, 0.3 + reach, "linear"),
                    -quantile(pooled, equal, periods, 0.3 - reach, "linear"), error])
# The error of the expected shortfall at 70 %: that of the mean of (border - profit)+ / .3.
border = np.sort(pooled)[12 * draws - 1]
influence = np.maximum(border - pooled, 0).reshape(periods, draws).mean(axis=1) / 0.3
put("shortfall_error_70", [np.sqrt(bootstrap_variance(influence, block) / periods)])


# --- Christoffersen -----------------------------------------------------------------------------
u = lcg(500, 3)
hits = np.zeros(500, dtype=int)
for t in range(500):
    chance = 0.2 if t and hits[t - 1] else 0.05
    hits[t] = u[t] + 0.5 < chance
put("hits", hits)


def loglik(hits, prob):
    """Log-likelihood of hits[1:] with the chance prob[t] of a hit, 0 log 0 = 0."""
    return np.sum(scipy.stats.bernoulli.logpmf(hits[1:], prob))


before = hits[:-1]
pi = hits[1:].mean()
pi0, pi1 = hits[1:][before == 0].mean(), hits[1:][before == 1].mean()
independence = 2 * (loglik(hits, np.where(before, pi1, pi0)) - loglik(hits, np.full(499, pi)))
coverage = 2 * (scipy.stats.bernoulli.logpmf(hits, hits.mean()).sum()
                - scipy.stats.bernoulli.logpmf(hits, 0.05).sum())
put("christoffersen", [
    independence, scipy.stats.chi2.sf(independence, 1),
    independence + coverage, scipy.stats.chi2.sf(independence + coverage, 2), pi1, pi0])
put("kupiec_500", [coverage, scipy.stats.chi2.sf(coverage, 1)])


# --- Acerbi and Szekely -------------------------------------------------------------------------
# Nine days; each forecast has three equally likely outcomes beyond its VaR, together of p = 0.1.
days, p = 9, 0.1
size = 1 + 0.5 * lcg(days, 17)
tails = -size[:, None] * (1 + np.sort(lcg(3 * days, 19).reshape(days, 3) + 0.5, axis=1))
var, es = size, -tails.mean(axis=1)
put("as_var", var), put("as_es", es), put("as_tails", tails)
came = np.where(np.isin(np.arange(days), [2, 5]), -1.7 * es, 0.1)
came[5] = -0.95 * es[5]
put("as_profits", came)


def statistics(ratios, count):
    z1 = 1 + ratios / count if count else np.nan
    return z1, 1 + ratios / (days * p)


hit = came < -var
z1, z2 = statistics(np.sum(came[hit] / es[hit]), hit.sum())
low1 = low2 = some = 0.0
for picks in itertools.product(range(4), repeat=days):
    drawn = [t for t in range(days) if picks[t] < 3]
    chance = (p / 3) ** len(drawn) * (1 - p) ** (days - len(drawn))
    s1, s2 = statistics(sum(tails[t][picks[t]] / es[t] for t in drawn), len(drawn))
    low2 += chance * (s2 <= z2)
    if drawn:
        some += chance
        low1 += chance * (s1 <= z1)
put("acerbi_szekely", [z1, low1 / some, z2, low2])
