"""Expected values for tests/reference/factors.rs: a return on eight factors together.

    pip install statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1
    python factors.py > factors.txt

The factors share a common part, the last one is a change in basis points, and the seventh is nearly a
combination of others. Weights halve every 60 rows. Of least squares with weights: coefficients and
errors by Newey and West. Of a robust fit without weights: coefficients. Of the factors: variance
inflation and the condition number of the weighted columns, each less its mean and divided by its
standard deviation. Such columns have no mean to take out again, so their regressions have no constant.
"""

import numpy as np
import statsmodels
import statsmodels.api as sm

ROWS, HALF_LIFE, LAGS = 150, 60, 4
draw = np.random.default_rng(8)


def put(name, values):
    print(f"{name}:", *(f"{v:.17g}" for v in np.ravel(values)))


print("# statsmodels", statsmodels.__version__, "numpy", np.__version__)

market = 0.01 * draw.standard_normal(ROWS)
factors = [market] + [
    np.round(share * market + 0.006 * draw.standard_normal(ROWS), 6)
    for share in (0.1, -0.2, 0.3, 0.5, -0.6)
]
factors[0] = np.round(market, 6)
factors.append(np.round(0.7 * factors[1] + 0.3 * factors[2] + 0.0008 * draw.standard_normal(ROWS), 6))
factors.append(np.round(6 * draw.standard_normal(ROWS) - 150 * market, 1))
X = np.column_stack(factors)
true = np.array([1.2, 0.6, -0.3, 0.4, 0.0, 0.2, -0.5, -0.0004])
noise = 0.01 * draw.standard_t(4, ROWS)
y = np.round(0.0003 + X @ true + noise + 0.3 * np.roll(noise, 1), 6)
weights = 0.5 ** (np.arange(ROWS)[::-1] / HALF_LIFE)

for at in range(X.shape[1]):
    put(f"factor_{at}", X[:, at])
put("returns", y)
put("weights", weights)

design = sm.add_constant(X)
hac = sm.WLS(y, design, weights=weights).fit().get_robustcov_results(
    "HAC", maxlags=LAGS, use_correction=True
)
put("slopes", hac.params[1:])
put("errors", hac.bse[1:])
put("r_squared", [hac.rsquared])
robust = sm.RLM(y, design, M=sm.robust.norms.HuberT(1.345)).fit(maxiter=500, tol=1e-12)
put("robust", robust.params[1:])

share = weights / weights.sum()
centred = X - share @ X
scaled = np.sqrt(share)[:, None] * centred / np.sqrt(share @ centred**2)
put(
    "inflation",
    [
        1 / (1 - sm.OLS(scaled[:, at], np.delete(scaled, at, axis=1)).fit().rsquared)
        for at in range(X.shape[1])
    ],
)
put("condition_number", [np.linalg.cond(scaled)])
