"""Value, delta, gamma and vega of options by integration, beside services/portfolio/src/option.rs.

usage: option.py        (Python 3 and nothing else)

The value of an option is the discounted mean of what it pays under a lognormal price, here by the
trapezium rule over 400,000 steps between the kink of the payoff and twelve deviations; the sensitivities
are its central differences. No formula of Black, Scholes and Merton is used. Prints one row per case.
"""

from math import exp, log, pi, sqrt

STEPS = 400_000


def value(call, price, strike, volatility, rate, dividends, years):
    """Discounted mean of max(S - K, 0) or max(K - S, 0)."""
    deviation = volatility * sqrt(years)
    drift = (rate - dividends - volatility**2 / 2) * years
    kink = (log(strike / price) - drift) / deviation
    low, high = (kink, 12.0) if call else (-12.0, kink)
    step = (high - low) / STEPS
    total = 0.0
    for at in range(STEPS + 1):
        z = low + at * step
        pays = price * exp(drift + deviation * z) - strike
        weight = 0.5 if at in (0, STEPS) else 1.0
        total += weight * abs(pays) * exp(-z * z / 2)
    return exp(-rate * years) * total * step / sqrt(2 * pi)


CASES = [
    (True, 49, 50, 0.2, 0.05, 0.0, 0.3846),
    (False, 49, 50, 0.2, 0.05, 0.0, 0.3846),
    (True, 12, 12.5, 0.35, 0.01, 0.02, 140 / 365),
    (True, 14.4, 12.5, 0.35, 0.01, 0.02, 140 / 365),
    (True, 14.4, 12.5, 0.45, 0.01, 0.02, 140 / 365),
    (True, 13.8, 12.5, 0.35, 0.01, 0.02, 140 / 365),
    (False, 12, 12.5, 0.35, 0.01, 0.02, 140 / 365),
    (False, 13.8, 12.5, 0.35, 0.01, 0.02, 140 / 365),
    (False, 100, 80, 0.5, 0.03, 0.01, 1.5),
]
for call, price, strike, volatility, rate, dividends, years in CASES:
    def of(price, volatility):
        return value(call, price, strike, volatility, rate, dividends, years)

    step, small = 1e-3 * price, 1e-3
    low, middle, high = (of(price + by, volatility) for by in (-step, 0, step))
    delta = (high - low) / (2 * step)
    gamma = (high - 2 * middle + low) / step**2
    vega = (of(price, volatility + small) - of(price, volatility - small)) / (2 * small)
    name = "call" if call else "put"
    print(f"{name} {price} {strike}: value {middle:.6f} delta {delta:.6f} gamma {gamma:.6f} vega {vega:.5f}")
