"""Scores, covariances, thresholds and states of a simulated market, by the formulas of the contract.

usage: composite.py simulate > composite_input.csv        (pip install numpy scipy)
       composite.py evaluate < composite_input.csv > composite_expected.csv

Both files are committed; services/rotation/tests/composite_oracle.rs compares the Rust core with
the second. The input has one-day changes and daily levels in whole units, one column per measure;
an empty field is a missing value. Changes over several sessions are sums, so that both sides read
the same numbers. Unlike the core, which keeps running sums, this file weighs whole windows with
vectors and forms the covariance matrix.
"""

import datetime
import sys

import numpy as np
from scipy.special import ndtri

SESSIONS = 2_600
SCORES = {
    "size": [
        ("small_vs_nasdaq.1d", 5, 1),
        ("size_spread.1d", 21, 1),
        ("concentration.top7_weight.1d", 5, -1),
        ("most_shorted.less_index.1d", 5, 1),
    ],
    "breadth": [
        ("equal_minus_cap.1d", 5, 1),
        ("share_above_50d.change.1d", 10, 1),
        ("advance_decline_line.share.5d", None, 1),
        ("new_highs_less_lows", None, 1),
    ],
    "risk": [
        ("index_return.large_cap_index.1d", 5, -1),
        ("volatility_change.1d", 21, 1),
        ("defensive_minus_cyclical.1d", 5, 1),
        ("credit_spread_change_bp.1d", 5, 1),
    ],
    "squeeze": [
        ("most_shorted.less_index.1d", 1, 1),
        ("most_shorted.less_index.1d", 5, 1),
        ("most_shorted.less_index.1d", 21, 1),
        ("most_shorted.1d", 5, 1),
    ],
}
COLUMNS = sorted({measure for parts in SCORES.values() for measure, _, _ in parts})


def simulate():
    rng = np.random.default_rng(20201109)
    days = []
    day = datetime.date(2012, 3, 1)
    while len(days) < SESSIONS:
        if day.weekday() < 5:
            days.append(day)
        day += datetime.timedelta(1)
    # Volatility and a slow drift that the measures share, so that states change.
    volatility = np.exp(0.4 * np.sin(np.arange(SESSIONS) / 190))
    drift = np.sin(np.arange(SESSIONS) / 23) * 0.25
    columns = {}
    for at, measure in enumerate(COLUMNS):
        noise = rng.standard_t(5, SESSIONS) * volatility
        common = drift * (1 if at % 3 else -0.5)
        # The last change partly reverses, so that variance ratios are below one.
        noise[1:] -= 0.15 * noise[:-1]
        columns[measure] = np.round(100 * (noise + common))
    columns["most_shorted.less_index.1d"][:700] = np.nan
    columns["most_shorted.1d"][:700] = np.nan
    columns["credit_spread_change_bp.1d"][:] = np.nan
    columns["share_above_50d.change.1d"][1_500:1_560] = np.nan
    columns["equal_minus_cap.1d"][1_520:1_530] = np.nan
    print(",".join(["session", *COLUMNS]))
    for at, day in enumerate(days):
        row = ["" if np.isnan(columns[m][at]) else str(int(columns[m][at])) for m in COLUMNS]
        print(",".join([day.isoformat(), *row]))


def read():
    lines = [line.rstrip("\n").split(",") for line in sys.stdin]
    days = [datetime.date.fromisoformat(line[0]) for line in lines[1:]]
    columns = {
        name: np.array([np.nan if line[at] == "" else float(line[at]) for line in lines[1:]])
        for at, name in enumerate(lines[0])
        if at > 0
    }
    return days, columns


def own_sessions(days, column):
    """Days and values of a measure without its missing ones."""
    there = ~np.isnan(column)
    return np.array(days)[there], column[there]


def first_of_year(days, year):
    return int(np.searchsorted(days, datetime.date(year, 1, 1)))


def weights(count, half_life):
    return 0.5 ** (np.arange(count)[::-1] / half_life)


def deviation(days, daily, end, sessions):
    """Standard deviation of a change over some sessions, from the daily changes before `end`."""
    first = max(0, first_of_year(days, days[end].year) - 1_260)
    x = daily[first:end]
    if len(x) < 126:
        return None
    w = weights(len(x), 252)
    gamma = [np.sum(w[k:] * x[k:] * x[: len(x) - k]) / np.sum(w) for k in range(sessions)]
    variance = gamma[0] + 2 * sum((1 - k / sessions) * gamma[k] for k in range(1, sessions))
    return np.sqrt(sessions * max(variance, 0.25 * gamma[0]))


def z_scores(days, column, sessions):
    """z by session: that of the last value, at most five calendar days old."""
    own, values = own_sessions(days, column)
    z = np.full(len(own), np.nan)
    for at in range(len(own)):
        if sessions is None:
            past = values[max(0, at - 1_260) : at]
            if len(past) >= 126:
                below = np.sum(past < values[at]) + np.sum(past == values[at]) / 2
                z[at] = ndtri((below + 0.5) / (len(past) + 1))
        elif at + 1 >= sessions:
            sigma = deviation(own, values, at, sessions)
            if sigma:
                z[at] = np.sum(values[at + 1 - sessions : at + 1]) / sigma
    out = np.full(len(days), np.nan)
    for at, day in enumerate(days):
        last = int(np.searchsorted(own, day, side="right")) - 1
        if last >= 0 and (day - own[last]).days <= 5:
            out[at] = z[last]
    return out


def score(days, z):
    """Σ z / √(1'C1) over the components present. `z` is signed and clipped, one row per session."""
    out = np.full(len(days), np.nan)
    for at, day in enumerate(days):
        present = ~np.isnan(z[at])
        if present.sum() < 3:
            continue
        first = max(0, first_of_year(np.array(days), day.year) - 2_520)
        rows = z[first:at][:, present]
        rows = rows[~np.isnan(rows).any(axis=1)]
        if len(rows) < 252:
            continue
        w = weights(len(rows), 504)
        covariance = (rows * w[:, None]).T @ rows / np.sum(w)
        shrunk = 0.8 * covariance + 0.2 * np.diag(np.diag(covariance))
        one = np.ones(present.sum())
        out[at] = np.sum(z[at][present]) / np.sqrt(one @ shrunk @ one)
    return out


def step(side, held, value, on, two_sided):
    """A switch after one more session: its side (0, 1, −1) and the sessions it has held it."""
    if np.isnan(value):
        new = 0
    elif side != 0 and held < 3:
        new = side
    elif side == 1 and value >= on / 2:
        new = 1
    elif side == -1 and value <= -on / 2:
        new = -1
    elif value >= on:
        new = 1
    elif two_sided and value <= -on:
        new = -1
    else:
        new = 0
    return (new, held + 1) if new == side else (new, 1)


def states(scores, first, end, on_of):
    """States of sessions, from switches that are off before the first."""
    switches = {"size": (0, 0), "breadth": (0, 0), "risk": (0, 0)}
    found = []
    for at in range(first, end):
        for name, (side, held) in switches.items():
            switches[name] = step(side, held, scores[name][at], on_of(at), name == "size")
        on = {name: side for name, (side, _) in switches.items()}
        if any(np.isnan(scores[name][at]) for name in switches):
            found.append("UNKNOWN")
        elif on["risk"]:
            found.append("RISK_OFF")
        elif on["size"]:
            found.append("SMALL_LED" if on["size"] > 0 else "MEGACAP_LED")
        else:
            found.append("BROADENING" if on["breadth"] else "NEUTRAL")
    return found


def threshold(scores, start):
    """The lowest of 0.50, 0.55, … 3.00 with at most twelve changes of state a year."""
    first = max(0, start - 2_520)
    on = None
    for twentieths in range(10, 61):
        on = twentieths / 20
        known = [s for s in states(scores, first, start, lambda _: on) if s != "UNKNOWN"]
        if len(known) < 1_260:
            return 1.0
        changes = sum(one != other for one, other in zip(known, known[1:]))
        if 252 * changes / len(known) <= 12:
            break
    return on


def evaluate():
    days, columns = read()
    scores = {}
    for name, parts in SCORES.items():
        z = [sign * np.clip(z_scores(days, columns[m], h), -3, 3) for m, h, sign in parts]
        scores[name] = score(days, np.column_stack(z))
    on = {}
    for year in {day.year for day in days}:
        on[year] = threshold(scores, first_of_year(np.array(days), year))
    print("session,size,breadth,risk,squeeze,on_at,state")
    for at in range(350, len(days), 3):
        first = max(0, at - 755)
        state = states(scores, first, at + 1, lambda s: on[days[s].year])[-1]
        values = [scores[name][at] for name in SCORES]
        texts = ["" if np.isnan(v) else f"{v:.12g}" for v in values]
        print(",".join([days[at].isoformat(), *texts, f"{on[days[at].year]:.2f}", state]))


if __name__ == "__main__":
    {"simulate": simulate, "evaluate": evaluate}[sys.argv[1]]()
