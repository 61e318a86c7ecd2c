"""Expected values for tests/reference/, from numpy, scipy, statsmodels and scikit-learn.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0 scikit-learn==1.9.1
    python oracle.py > oracle.txt

One vector per line: a name, a colon, numbers with 17 digits. Inputs are printed too, so that the Rust
side reads exactly the same doubles.
"""

import numpy as np
import scipy
import scipy.stats
import sklearn
import sklearn.covariance
import statsmodels
import statsmodels.api as sm
from statsmodels.robust.norms import HuberT


def put(name, values):
    print(f"{name}:", *(f"{v:.17g}" for v in np.ravel(values)))


def lcg(count, seed=42):
    """methodology.md, C5: x <- 1664525x + 1013904223 mod 2^32, u = x/2^32 - 0.5."""
    out = []
    for _ in range(count):
        seed = (1664525 * seed + 1013904223) % 2**32
        out.append(seed / 2**32 - 0.5)
    return np.array(out)


print("# numpy", np.__version__, "scipy", scipy.__version__, "statsmodels", statsmodels.__version__,
      "scikit-learn", sklearn.__version__)

# Returns on two factors, with heavy tails and four squeezes on days when the first factor jumped.
n = 120
u = lcg(4 * n, seed=7).reshape(n, 4)
x1 = 0.03 * u[:, 0]
x2 = 0.02 * u[:, 1] + 0.3 * x1
y = 0.0004 + 1.3 * x1 - 0.6 * x2 + 0.01 * u[:, 2] / (0.55 - np.abs(u[:, 3])) ** 0.5
y[[20, 47, 80, 111]] += [0.35, -0.12, 0.8, 0.2]
x1[[20, 80]] = [-0.03, -0.045]
h = 30.0
lam = 0.5 ** (1 / h)
w = lam ** np.arange(n - 1, -1, -1)
w /= w.sum()
X = sm.add_constant(np.column_stack([x1, x2]))
put("y", y), put("x1", x1), put("x2", x2), put("w", w)

ols = sm.OLS(y, X).fit()
put("ols", ols.params), put("ols_se", ols.bse), put("ols_r2", [ols.rsquared])
put("ols_sd", [np.sqrt(ols.scale)])
wls = sm.WLS(y, X, weights=w).fit()
put("wls", wls.params), put("wls_se", wls.bse), put("wls_r2", [wls.rsquared])
L = int(np.floor(4 * (n / 100) ** (2 / 9)))
put("lags", [L])
for name, fit in (("ols", ols), ("wls", wls)):
    for lags in (0, L):
        hac = fit.get_robustcov_results("HAC", maxlags=lags, use_correction=True)
        put(f"{name}_hac{lags}_se", hac.bse)
        put(f"{name}_hac{lags}_cov", hac.cov_params())

# One regressor, the shape of most calls.
one = sm.OLS(y, X[:, :2]).fit()
put("one", one.params), put("one_se", one.bse)

# Huber. statsmodels: MAD about zero, k = 1.345; iterated far beyond its default tolerance.
for name, design in (("huber", X), ("huber_one", X[:, :2])):
    rlm = sm.RLM(y, design, M=HuberT(1.345)).fit(
        scale_est="mad", conv="coefs", tol=1e-13, maxiter=500)
    put(name, rlm.params), put(f"{name}_scale", [rlm.scale])
    put(f"{name}_h1_se", rlm.bse)


def huber_by_hand(y, X, w, k, lags):
    """Weighted Huber and its sandwich, directly from the normal equations."""
    root = np.sqrt(w)
    b = np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
    for _ in range(1000):
        e = y - X @ b
        s = np.median(np.abs(e)) / scipy.stats.norm.ppf(0.75)
        v = w * np.minimum(1, k * s / np.maximum(np.abs(e), 1e-300))
        b = np.linalg.solve(X.T @ (X * v[:, None]), X.T @ (v * y))
    e = y - X @ b
    s = np.median(np.abs(e)) / scipy.stats.norm.ppf(0.75)
    inlier = np.abs(e) <= k * s
    A = X.T @ (X * (w * inlier)[:, None])
    g = X * (w * np.clip(e, -k * s, k * s))[:, None]
    S = g.T @ g
    for lag in range(1, lags + 1):
        G = g[lag:].T @ g[:-lag]
        S += (1 - lag / (lags + 1)) * (G + G.T)
    V = np.linalg.inv(A) @ S @ np.linalg.inv(A) * len(y) / (len(y) - X.shape[1])
    return b, np.sqrt(np.diag(V)), s, (~inlier).sum()


for name, weights in (("huber_plain", np.ones(n)), ("huber_weighted", w)):
    for lags in (0, L):
        b, se, s, out = huber_by_hand(y, X, weights, 1.345, lags)
        put(name, b), put(f"{name}_scale", [s]), put(f"{name}_out", [out])
        put(f"{name}_se{lags}", se)

# Moments, ranks, quantiles.
put("moments", [y.mean(), y.var(), y.var(ddof=1), scipy.stats.skew(y), scipy.stats.kurtosis(y)])
ties = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0])
put("ties", ties), put("ties_ranks", scipy.stats.rankdata(ties))
put("ties_percentile_of_5", [scipy.stats.percentileofscore(ties, 5.0, kind="mean") / 100])
for rule in ("linear", "lower", "higher", "inverted_cdf", "weibull", "median_unbiased"):
    put(f"quantile_{rule}", [np.quantile(y, p, method=rule) for p in (0.01, 0.05, 0.5, 0.9, 1.0)])

# The normal distribution.
ps = np.array([1e-300, 1e-20, 1e-8, 0.001, 0.01, 0.025, 0.05, 0.3, 0.5, 0.6, 0.95, 0.975, 0.99, 0.999999])
put("normal_p", ps), put("normal_quantile", scipy.stats.norm.ppf(ps))
xs = np.array([-37.0, -20.0, -8.0, -3.0, -1.0, -0.1, 0.0, 0.5, 2.0, 5.0])
put("normal_x", xs), put("normal_cdf", scipy.stats.norm.cdf(xs)), put("normal_pdf", scipy.stats.norm.pdf(xs))

# Covariances: the LCG fixture of methodology.md, C5, and others of its shape.
f = lcg(300).reshape(60, 5)
b = np.array([1.5, 1.0, 0.5, -0.3])
k = np.array([0.4, 0.6, 1.0, 1.2])
P = 0.02 * (b * f[:, 4:5] + k * f[:, :4])
put("panel", P.T), put("factor", f[:, 4])
put("cov_sample", np.cov(P.T)), put("cov_population", np.cov(P.T, ddof=0))
lw = sklearn.covariance.LedoitWolf().fit(P)
oas = sklearn.covariance.OAS().fit(P)
put("lw_identity", [lw.shrinkage_]), put("lw_identity_cov", lw.covariance_)
put("oas", [oas.shrinkage_]), put("oas_cov", oas.covariance_)
lam = 0.94
e = lam ** np.arange(59, -1, -1)
e /= e.sum()
put("cov_ewma_zero", (P * e[:, None]).T @ P)
D = P - e @ P
put("cov_ewma_mean", (D * e[:, None]).T @ D)


def shrinkage(X, target, entries):
    """Definition, entry by entry: sums of (co)variances of the entries over time."""
    T, N = X.shape
    X = X - X.mean(0)
    S = X.T @ X / T
    F = target(X, S)
    cross = np.einsum("ti,tj->tij", X, X) - S
    pi = (cross**2).mean(0).sum()
    rho = sum(
        entries(X, S, cross, i, j) for i in range(N) for j in range(N))
    gamma = ((F - S) ** 2).sum()
    delta = np.clip((pi - rho) / gamma / T, 0, 1)
    return delta, delta * F + (1 - delta) * S


def mean_correlation(S):
    d = np.sqrt(np.diag(S))
    R = S / np.outer(d, d)
    return (R.sum() - len(S)) / (len(S) * (len(S) - 1))


def constant_target(X, S):
    d = np.sqrt(np.diag(S))
    F = mean_correlation(S) * np.outer(d, d)
    np.fill_diagonal(F, np.diag(S))
    return F


def constant_entries(X, S, cross, i, j):
    """Ledoit and Wolf (2004, JPM), appendix B."""
    if i == j:
        return (cross[:, i, i] ** 2).mean()
    ti = (cross[:, i, i] * cross[:, i, j]).mean()
    tj = (cross[:, j, j] * cross[:, i, j]).mean()
    return mean_correlation(S) / 2 * (
        np.sqrt(S[j, j] / S[i, i]) * ti + np.sqrt(S[i, i] / S[j, j]) * tj)


# Not the true factor: for that everything is noise and the intensity is clipped to one.
second = P[:, 0] - P[:, 2]
put("second_factor", second)
m = second - second.mean()


def factor_target(X, S):
    c = X.T @ m / len(m)
    F = np.outer(c, c) / (m @ m / len(m))
    np.fill_diagonal(F, np.diag(S))
    return F


def factor_entries(X, S, cross, i, j):
    """Ledoit and Wolf (2003), lemma 2."""
    if i == j:
        return (cross[:, i, i] ** 2).mean()
    c = X.T @ m / len(m)
    v = m @ m / len(m)
    xi, xj = X[:, i], X[:, j]
    r = (c[j] / v * xi + c[i] / v * xj - c[i] * c[j] / v**2 * m) * m * xi * xj
    return r.mean() - c[i] * c[j] / v * S[i, j]


for name, target, entries in (("lw_constant", constant_target, constant_entries),
                              ("lw_factor", factor_target, factor_entries)):
    delta, cov = shrinkage(P, target, entries)
    put(name, [delta]), put(f"{name}_cov", cov)
put("mean_correlation", [mean_correlation(np.cov(P.T))])

values, vectors = np.linalg.eigh(np.cov(P.T))
put("eigenvalues", values[::-1])
S = np.cov(P.T)
rhs = np.array([0.01, -0.02, 0.03, 0.005])
put("solve", np.linalg.solve(S, rhs))

# Kupiec's p-values.
put("chi2_sf", scipy.stats.chi2.sf([5.0252, 3.5554, 0.1084], 1))
