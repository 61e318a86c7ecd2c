"""P&L between two closes, explained by the formulas of the contract (ExplainPnl).

usage: pnl.py simulate > pnl_input.csv        (standard library only)
       pnl.py explain < pnl_input.csv > pnl_expected.csv

Both files are committed; services/exposure/tests/exposure/explain_oracle.rs compares the Rust core
with the second. Up to the start every name returns exactly b x market + d x small caps, so that its
betas follow by algebra and no estimate is involved; after the start everything is random. The window
has a split, a distribution, a spin-off, a halt and a delisting.

The input has one row per name and session: symbol, session, close as traded, total over price growth
of the day, and the price and share factors of a split on it. The book is held in the shares of the
last session.
"""

import csv
import datetime
import math
import random
import sys

SESSIONS = 340
WINDOW = 6
START = SESSIONS - 1 - WINDOW
HALF_LIFE = 126.0
BETA_SESSIONS = 504
LAMBDA = 0.94
FORECAST_SESSIONS = 252
MARKET, SMALL = "^GSPC", "^RUT"
# Slopes on the market and on the small-cap index, and shares held in units of the last session.
NAMES = {
    "AAPL": (1.1, -0.2, 4_000.0),
    "MSFT": (1.0, -0.1, 2_500.0),
    "AA": (0.4, 0.9, -3_000.0),
    "BB": (-0.1, 1.3, -5_000.0),
    "CC": (0.7, 0.4, 1_500.0),
    "DD": (0.2, 0.6, -2_000.0),
    "EE": (1.3, 0.1, 1_000.0),
    "FF": (0.5, 0.5, -1_200.0),
}
SPLIT = ("BB", START + 3, 4.0, 4.0)
SPIN_OFF = ("CC", START + 2, 1.25, 1.0)
DISTRIBUTION = ("DD", START + 4, 1.012)
HALTED = ("EE", START + 2)
DELISTED = ("FF", START + 4)


def days():
    day, out = datetime.date(2024, 6, 28), []
    # Weekdays without the exchange's holidays of the range.
    closed = {
        "2023-02-20", "2023-04-07", "2023-05-29", "2023-06-19", "2023-07-04", "2023-09-04",
        "2023-11-23", "2023-12-25", "2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29",
        "2024-05-27", "2024-06-19",
    }
    while len(out) < SESSIONS:
        if day.weekday() < 5 and day.isoformat() not in closed:
            out.append(day.isoformat())
        day -= datetime.timedelta(1)
    return out[::-1]


def simulate():
    rng = random.Random(20240711)
    market = [rng.gauss(0.0003, 0.009) for _ in range(SESSIONS)]
    small = [1.1 * m + rng.gauss(0.0, 0.007) for m in market]
    returns = {MARKET: market, SMALL: small}
    for name, (b, d, _) in NAMES.items():
        own = [rng.gauss(0.0, 0.02) if START < t else 0.0 for t in range(SESSIONS)]
        returns[name] = [b * m + d * s + e for m, s, e in zip(market, small, own)]
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["symbol", "session", "close", "distribution", "price_factor", "share_factor"])
    for name, series in returns.items():
        close = 100.0
        for at, (day, r) in enumerate(zip(days(), series)):
            distribution = DISTRIBUTION[2] if (name, at) == DISTRIBUTION[:2] else 1.0
            factors = [split[2:] for split in (SPLIT, SPIN_OFF) if (name, at) == split[:2]]
            price_factor, share_factor = factors[0] if factors else (1.0, 1.0)
            if 0 < at:
                close *= (1.0 + r) / distribution / price_factor
            is_out = (name, at) == HALTED or (name == DELISTED[0] and DELISTED[1] < at)
            if not is_out:
                out.writerow([name, day, repr(close), distribution, price_factor, share_factor])


def rows():
    table = {}
    for row in csv.DictReader(sys.stdin):
        numbers = [float(row[key]) for key in ("close", "distribution", "price_factor", "share_factor")]
        table.setdefault(row["symbol"], {})[row["session"]] = numbers
    return table


def steps(bars, sessions):
    """Price and total return of each session with a close, over the last close before it."""
    out, before = {}, None
    for day in sessions:
        if day not in bars:
            continue
        close, distribution, price_factor, _ = bars[day]
        if before is not None:
            price = close * price_factor / before - 1.0
            out[day] = (price, (1.0 + price) * distribution - 1.0)
        before = close
    return out


def weighted_slope(y, x, weights):
    total = sum(weights)
    mean_x = sum(w * v for w, v in zip(weights, x)) / total
    mean_y = sum(w * v for w, v in zip(weights, y)) / total
    above = sum(w * (v - mean_x) * (u - mean_y) for w, v, u in zip(weights, x, y))
    return above / sum(w * (v - mean_x) ** 2 for w, v in zip(weights, x))


def deviation(past):
    """Forecast of a P&L whose past is one number per session up to the start."""
    past = past[-FORECAST_SESSIONS:]
    weights = [LAMBDA ** (len(past) - 1 - at) for at in range(len(past))]
    mean_square = sum(w * v * v for w, v in zip(weights, past)) / sum(weights)
    return math.sqrt(WINDOW * mean_square)


def explain():
    table, sessions = rows(), days()
    known, window = sessions[1 : START + 1], sessions[START + 1 :]
    total = {name: {day: step[1] for day, step in steps(bars, sessions).items()}
             for name, bars in table.items()}
    market = [total[MARKET][day] for day in known]
    spread = [total[SMALL][day] - total[MARKET][day] for day in known]
    used = min(BETA_SESSIONS, len(known))
    weights = [0.5 ** ((used - 1 - at) / HALF_LIFE) for at in range(used)]
    slope = weighted_slope(spread[-used:], market[-used:], weights)
    size = [s - slope * m for s, m in zip(spread, market)]
    factors = {day: (total[MARKET][day],
                     total[SMALL][day] - (1.0 + slope) * total[MARKET][day]) for day in window}
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["part", "start_value", "pnl", "price", "distributions", "market", "size",
                  "residual", "forecast", "residual_forecast"])
    names, pasts = {}, {}
    for name, (b, d, shares) in NAMES.items():
        bars = table[name]
        # What one share of the last session was at the close of the start.
        then = math.prod(bars[day][3] for day in window if day in bars)
        value = shares / then * bars[sessions[START]][0]
        # b m + d small = (b + d + d slope) m + d s, because small = m + slope m + s.
        betas = (b + d * (1.0 + slope), d)
        pasts[name] = [value * total[name][day] for day in known]
        moves = steps(bars, sessions)
        last = max(day for day in window if day in bars)
        row = [value, 0.0, 0.0, 0.0, 0.0]
        held = value
        for day in window:
            if last < day:
                break
            for at in (0, 1):
                row[3 + at] += held * betas[at] * factors[day][at]
            if day in moves:
                price, whole = moves[day]
                row[1] += held * price
                row[2] += held * (whole - price)
                held *= 1.0 + price
        names[name] = row
    groups = {name: [name] for name in NAMES}
    groups["long"] = [name for name in NAMES if 0 < NAMES[name][2]]
    groups["short"] = [name for name in NAMES if NAMES[name][2] < 0]
    groups["all"] = list(NAMES)
    for group, members in groups.items():
        start, price, distributions, by_market, by_size = (
            sum(names[name][at] for name in members) for at in range(5))
        past = [sum(pasts[name][at] for name in members) for at in range(len(known))]
        # Up to the start the factors explain everything.
        pnl = price + distributions
        out.writerow([group, *map(repr, (start, pnl, price, distributions, by_market, by_size,
                                         pnl - by_market - by_size, deviation(past), 0.0))])
    for at, series in enumerate((market, size)):
        betas = {name: (b + d * (1.0 + slope), d)[at] for name, (b, d, _) in NAMES.items()}
        exposure = sum(names[name][0] * betas[name] for name in NAMES)
        moved = sum(factors[day][at] for day in window)
        out.writerow([("MARKET", "SIZE")[at], repr(exposure), repr(sum(n[3 + at] for n in names.values())),
                      repr(moved), "", "", "", "", repr(deviation([exposure * v for v in series])), ""])


if __name__ == "__main__":
    {"simulate": simulate, "explain": explain}[sys.argv[1]]()
