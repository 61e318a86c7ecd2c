"""Measures of risk by skfolio, empyrical and PyPortfolioOpt, under the conventions of each.

usage: libraries.py simulate > libraries_input.csv        (standard library only)
       libraries.py measure < libraries_input.csv > libraries_expected.csv
       (pip install skfolio==1.12.2 empyrical==0.5.5 six==1.17.0 PyPortfolioOpt==1.6.0; Python 3.11
       with numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, pandas 3.1.1)

Both files are committed; services/stats/tests/reference/libraries.rs says how each convention is
ours, and compares. The input has the daily returns of five names. The book holds them with WEIGHTS.

Each row of the output is one number: library, measure, parameter, name or pair of names, value.
"""

import csv
import random
import sys

SESSIONS = 60
NAMES = ["A", "B", "C", "D", "E"]
WEIGHTS = [0.5, 0.35, -0.25, 0.6, -0.2]
# Shares of 60 sessions that are whole (6, 3) and not (4.8, 1.5, 0.6).
TAILS = [0.1, 0.05, 0.08, 0.025, 0.01]
SPAN = 20


def simulate():
    draw = random.Random(41)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(NAMES)
    for _ in range(SESSIONS):
        market = draw.gauss(0.0004, 0.01)
        jump = -0.04 if draw.random() < 0.05 else 0.0
        row = [(0.6 + 0.2 * at) * (market + jump) + draw.gauss(0, 0.012) for at in range(len(NAMES))]
        out.writerow([f"{value:.6f}" for value in row])


def measure():
    import empyrical
    import numpy as np
    import pandas as pd
    from pypfopt import EfficientFrontier, risk_models
    from skfolio import Portfolio, RiskMeasure, measures

    rows = list(csv.reader(sys.stdin))
    returns = pd.DataFrame([[float(cell) for cell in row] for row in rows[1:]], columns=rows[0])
    returns.index = pd.bdate_range("2024-01-02", periods=len(returns))
    weights = np.array(WEIGHTS)
    series = {name: returns[name] for name in NAMES}
    series["book"] = returns @ weights
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["library", "measure", "parameter", "of", "value"])

    def put(library, what, parameter, of, value):
        out.writerow([library, what, parameter, of, repr(float(value))])

    for name, values in series.items():
        plain = values.to_numpy()
        for tail in TAILS:
            put("skfolio", "value_at_risk", tail, name, measures.value_at_risk(plain, 1 - tail))
            put("skfolio", "cvar", tail, name, measures.cvar(plain, 1 - tail))
            put("empyrical", "value_at_risk", tail, name, empyrical.value_at_risk(plain, tail))
            mean_below = empyrical.conditional_value_at_risk(plain, tail)
            put("empyrical", "conditional_value_at_risk", tail, name, mean_below)
        put("skfolio", "standard_deviation", "", name, measures.standard_deviation(plain))
        put("skfolio", "biased_deviation", "", name, measures.standard_deviation(plain, biased=True))
        put("skfolio", "skew", "", name, measures.skew(plain))
        put("skfolio", "kurtosis", "", name, measures.kurtosis(plain))
        put("empyrical", "annual_volatility", "", name, empyrical.annual_volatility(plain))
        if name not in ("A", "book"):
            beta = empyrical.beta(plain, series["A"].to_numpy())
            put("empyrical", "beta", "A", name, beta)
    # Contributions by numerical differentiation.
    book = Portfolio(X=returns, weights=weights)
    for what, measured in [("cvar", RiskMeasure.CVAR), ("deviation", RiskMeasure.STANDARD_DEVIATION)]:
        parts = book.contribution(measure=measured, spacing=1e-7)
        for name, value in zip(NAMES, parts):
            put("skfolio", f"contribution_{what}", 0.05 if what == "cvar" else "", name, value)
    shrunk = risk_models.CovarianceShrinkage(returns, returns_data=True)
    matrices = [
        ("sample_cov", "", risk_models.sample_cov(returns, returns_data=True)),
        ("exp_cov", SPAN, risk_models.exp_cov(returns, returns_data=True, span=SPAN)),
        ("ledoit_wolf", "constant_variance", shrunk.ledoit_wolf()),
        ("ledoit_wolf", "constant_correlation", shrunk.ledoit_wolf("constant_correlation")),
        ("oracle_approximating", "", shrunk.oracle_approximating()),
    ]
    for what, parameter, matrix in matrices:
        values = np.asarray(matrix)
        for row, first in enumerate(NAMES):
            for column in range(row + 1):
                put("pypfopt", what, parameter, f"{first}-{NAMES[column]}", values[row, column])
    sample = matrices[0][2]
    front = EfficientFrontier(None, sample, weight_bounds=(-1, 1))
    front.set_weights(dict(zip(NAMES, WEIGHTS)))
    put("pypfopt", "annual_volatility", "", "book", front.portfolio_performance()[1])


if __name__ == "__main__":
    {"simulate": simulate, "measure": measure}[sys.argv[1]]()
