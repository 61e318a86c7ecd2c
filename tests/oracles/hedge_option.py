"""Options that may hedge, beside services/hedge/src/option.rs.

usage: hedge_option.py        (Python 3 with scipy 1.17.1)

The implied volatility is the root of a value by scipy's normal distribution, found by Brent's method.
Prints per case: implied volatility, delta, what a position of one in money makes if the price moves by
-10 % and by +10 %, and what a share loses a day by time over ten sessions of 365/252 days, and over 400
days, which end with the expiry.
"""

from math import exp, log, sqrt

from scipy.optimize import brentq
from scipy.stats import norm

SESSIONS = 10 * 365 / 252


def value(call, price, strike, volatility, rate, dividends, years):
    """Black, Scholes and Merton; what exercise is worth without time."""
    sign = 1 if call else -1
    if years <= 0:
        return max(sign * (price - strike), 0.0)
    deviation = volatility * sqrt(years)
    forward = price * exp((rate - dividends) * years)
    first = log(forward / strike) / deviation + deviation / 2
    inside = forward * norm.cdf(sign * first) - strike * norm.cdf(sign * (first - deviation))
    return sign * exp(-rate * years) * inside


CASES = [
    # call, price, strike, premium, rate, dividends, days
    (False, 200.0, 190.0, 3.10, 0.05, 0.013, 45),
    (True, 200.0, 210.0, 5.20, 0.05, 0.013, 90),
    (False, 100.0, 130.0, 30.50, 0.03, 0.0, 180),
]
for call, price, strike, premium, rate, dividends, days in CASES:
    years = days / 365

    def of(price, volatility, years):
        return value(call, price, strike, volatility, rate, dividends, years)

    volatility = brentq(lambda v: of(price, v, years) - premium, 1e-4, 10.0, xtol=1e-15, rtol=1e-14)
    step = 1e-4 * price
    delta = (of(price + step, volatility, years) - of(price - step, volatility, years)) / (2 * step)
    moved = [
        (of(price * (1 + r), volatility, years) - premium) / (delta * price) for r in (-0.1, 0.1)
    ]

    def decay(over):
        over = min(over, days)
        return (premium - of(price, volatility, years - over / 365)) / over

    print(
        f"{'call' if call else 'put'} {price:g} {strike:g} {premium:g}: volatility {volatility:.8f} "
        f"delta {delta:.7f} moved {moved[0]:.7f} {moved[1]:.7f} "
        f"decay {decay(SESSIONS):.8f} {decay(400):.8f}"
    )
