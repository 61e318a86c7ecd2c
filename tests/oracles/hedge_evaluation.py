"""Hedges of the crowded trade on every session of 2013 to mid 2021, by least squares with numpy.

usage: hedge_evaluation.py FOLDER        (pip install numpy pandas)

FOLDER is the value of REAL_DATA. services/hedge/examples/evaluation/tests.rs has the printed numbers.
The book is long a seventh of each megacap and short the small-cap fund, one unit of money a side, every
day. Every hedge is fitted on the 252 sessions before its own, both about their means.
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
names = pd.DataFrame({s: returns(s, "yahoo", "Adj Close") for s in LONG}).reindex(funds.index)
moves = pd.concat([names.pct_change(fill_method=None), funds.pct_change(fill_method=None)], axis=1)
moves = moves.loc["2011-06-01":"2021-06-30"]
mean = moves[LONG].mean(axis=1)
stand_in = moves[LONG].isna()
filled = moves[LONG].apply(lambda column: column.fillna(mean))
book = (filled.mean(axis=1) - moves["IWM"]).to_numpy()
days = moves.index
first = int(np.searchsorted(days, np.datetime64("2013-01-01")))
spy, iwm, qqq = (moves[s].to_numpy() for s in ["SPY", "IWM", "QQQ"])
HEDGES = {
    "SPY": np.column_stack([spy]),
    "QQQ and IWM, dollar-neutral": np.column_stack([iwm - qqq]),
    "QQQ and IWM": np.column_stack([qqq, iwm]),
}


def report(name, columns):
    after = np.empty(len(book) - first)
    large = np.empty(len(after), dtype=bool)
    amounts = []
    for at in range(first, len(book)):
        window = slice(at - WINDOW, at)
        x = columns[window] - columns[window].mean(axis=0)
        y = book[window] - book[window].mean()
        amount = -np.linalg.lstsq(x, y, rcond=None)[0]
        after[at - first] = book[at] + columns[at] @ amount
        large[at - first] = abs(book[at]) >= 2 * book[window].std(ddof=1)
        amounts.append(amount)
    before = book[first:]
    cut = 1 - after.var() / before.var()
    tail = 1 - (after[large] ** 2).sum() / (before[large] ** 2).sum()
    worst = (after - before).argmin()
    print(
        f"{name}: cut {cut:.4f}, {large.sum()} large days {tail:.4f}, made a year"
        f" {252 * (after - before).mean():.4f}, worst {days[first + worst].date()}"
        f" {(after - before)[worst]:.4f}, last amounts {np.round(amounts[-1], 4)}"
    )


share = stand_in.iloc[first - WINDOW :].to_numpy().mean() / 2
print(f"{len(book) - first} sessions to {days[-1].date()}, stand-ins {share:.4f} of gross")
for name, columns in HEDGES.items():
    report(name, columns)
