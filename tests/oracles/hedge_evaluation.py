"""Hedges of the crowded trade on every session of 2013 to mid 2021, by least squares with numpy.

usage: hedge_evaluation.py FOLDER        (pip install numpy pandas)

FOLDER is the value of REAL_DATA. services/hedge/examples/evaluation/tests.rs has the printed numbers.
A book is long a seventh of each megacap and short a fund, one unit of money a side, every day: IWM, which
the hedges hold, or KRE, which they do not. A fitted hedge is that of the 252 sessions before its own, both
about their means, with equal weights or a half-life.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(sys.argv[1]) / "prices"
LONG = ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META", "TSLA"]
WINDOW = 252


def returns(symbol, folder, column):
    table = pd.read_csv(FOLDER / folder / f"{symbol}.csv.gz", parse_dates=["Date"])
    return table.set_index("Date")[column]


funds = pd.DataFrame({s: returns(s, "etf_ohlcv", "Close") for s in ["SPY", "IWM", "QQQ"]}).dropna()
funds["KRE"] = returns("KRE", "etf_close", "Close")
names = pd.DataFrame({s: returns(s, "yahoo", "Adj Close") for s in LONG}).reindex(funds.index)
moves = pd.concat([names.pct_change(fill_method=None), funds.pct_change(fill_method=None)], axis=1)
moves = moves.loc["2011-06-01":"2021-06-30"]
mean = moves[LONG].mean(axis=1)
stand_in = moves[LONG].isna()
filled = moves[LONG].apply(lambda column: column.fillna(mean))
days = moves.index
first = int(np.searchsorted(days, np.datetime64("2013-01-01")))
spy, iwm, qqq = (moves[s].to_numpy() for s in ["SPY", "IWM", "QQQ"])
PAIR = np.column_stack([qqq, iwm])
# Columns, half-life in sessions (None: equal weights), amounts that are not fitted.
HEDGES = {
    "SPY": (np.column_stack([spy]), None, None),
    "QQQ and IWM, one side each": (PAIR, None, np.array([-1.0, 1.0])),
    "QQQ and IWM, dollar-neutral": (np.column_stack([iwm - qqq]), None, None),
    "QQQ and IWM": (PAIR, None, None),
    "QQQ and IWM, half-life 126": (PAIR, 126, None),
}


def fitted(x, y, half_life):
    ages = np.arange(len(y))[::-1]
    weights = np.ones(len(y)) if half_life is None else 0.5 ** (ages / half_life)
    x = x - np.average(x, axis=0, weights=weights)
    y = y - np.average(y, weights=weights)
    root = np.sqrt(weights)
    return -np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]


def report(name, book, columns, half_life, fixed):
    after = np.empty(len(book) - first)
    large = np.empty(len(after), dtype=bool)
    for at in range(first, len(book)):
        window = slice(at - WINDOW, at)
        amount = fitted(columns[window], book[window], half_life) if fixed is None else fixed
        after[at - first] = book[at] + columns[at] @ amount
        large[at - first] = abs(book[at]) >= 2 * book[window].std(ddof=1)
    before = book[first:]
    quiet = days[first:] < "2020"
    worst = (after - before).argmin()
    vaccine = int(np.searchsorted(days, np.datetime64("2020-11-09"))) - first
    print(
        f"{name}: cut {1 - after.var() / before.var():.4f}, before 2020"
        f" {1 - after[quiet].var() / before[quiet].var():.4f}, {large.sum()} large days"
        f" {1 - (after[large] ** 2).sum() / (before[large] ** 2).sum():.4f}, made a year"
        f" {252 * (after - before).mean():.4f}, worst {days[first + worst].date()}"
        f" {(after - before)[worst]:.4f}, 2020-11-09 {before[vaccine]:.4f} to {after[vaccine]:.4f},"
        f" last amounts {np.round(amount, 4)}"
    )


share = stand_in.iloc[first - WINDOW :].to_numpy().mean() / 2
print(f"{len(days) - first} sessions to {days[-1].date()}, stand-ins {share:.4f} of gross")
for short in ["IWM", "KRE"]:
    book = (filled.mean(axis=1) - moves[short]).to_numpy()
    print(f"short {short}: made {252 * book[first:].mean():.4f} a year")
    for name, (columns, half_life, fixed) in HEDGES.items():
        report(name, book, columns, half_life, fixed)
