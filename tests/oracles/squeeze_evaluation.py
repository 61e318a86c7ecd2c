"""Counts and lifts of the evaluation of the squeeze score, computed with pandas.

usage: squeeze_evaluation.py FOLDER        (pip install pandas)

FOLDER is the value of REAL_DATA. services/squeeze/examples/evaluation/tests.rs has the printed
numbers. The label is the price leg: the return of the five sessions after a day less beta times that
of SPY is at least max(3 sigma sqrt 5, 15 %); beta and sigma are of the 60 daily returns before.
"""

import sys
from pathlib import Path

import pandas as pd

FOLDER = Path(sys.argv[1])
FIRST, LAST = "2020-12-21", "2021-03-19"


def spelled(symbols):
    return symbols.astype(str).str.strip().str.upper().str.replace(r"[-/ ]", ".", regex=True)


def read(name, **options):
    return pd.read_csv(FOLDER / name, keep_default_na=False, na_values=[""], **options)


def labels():
    """Per name and day: volume and closes up to it, and whether the name jumped afterwards."""
    bars = read("prices/us_equities_2020-07_2021-03.csv.gz", parse_dates=["Date"])
    bars = bars[(bars["Close"] > 0) & (bars["Adj Close"] > 0)]
    bars["Ticker"] = spelled(bars["Ticker"])
    spy = read("prices/etf_ohlcv/SPY.csv.gz", parse_dates=["Date"]).set_index("Date")["Close"]
    out = []
    for name, own in bars.groupby("Ticker"):
        own = own.sort_values("Date").set_index("Date")
        market = spy.reindex(own.index)
        close = own["Adj Close"]
        # The index's return is that of its own sessions, as the name trades on all of them.
        move, index = close.pct_change(fill_method=None), market.pct_change(fill_method=None)
        sigma = move.rolling(60).std()
        beta = move.rolling(60).cov(index) / index.rolling(60).var()
        ahead = close.shift(-5) / close - 1 - beta * (market.shift(-5) / market - 1)
        known = ahead.notna() & sigma.notna()
        least = (3 * sigma * 5**0.5).clip(lower=0.15)
        table = pd.DataFrame({"name": name, "event": ahead >= least, "volume": own["Volume"]})
        out.append(table[known].loc[FIRST:LAST])
    return pd.concat(out).reset_index()


def short_of_float():
    """Short interest over float as known at each close, from the schedule of publications."""
    times = read("short_interest/publication_times.csv", parse_dates=["first_seen"])
    days = read("prices/etf_ohlcv/SPY.csv.gz", parse_dates=["Date"])["Date"]
    out = []
    for day in days[(days >= FIRST) & (days <= LAST)]:
        close = day.replace(hour=16).tz_localize("America/New_York")
        short, public = {}, {}
        known = sorted(times[times["first_seen"] <= close]["settlement"])
        for settled in known:
            for row in tables[settled]:
                if row.shares_sold_short >= 0:
                    short[row.symbol] = (pd.Timestamp(settled), row.shares_sold_short)
                if row.public_float > 0:
                    public[row.symbol] = row.public_float
        newest = pd.Timestamp(known[-1])
        for name, (settled, count) in short.items():
            if name in public and (newest - settled).days <= 40:
                out.append((day, name, count / public[name]))
    return pd.DataFrame(out, columns=["Date", "name", "ratio"])


def lift(table):
    """Event rate of the top tenth of each day / event rate of all."""
    by_day = table.groupby("Date")["ratio"]
    rank = (by_day.rank() - 0.5) / by_day.transform("count")
    return table[rank > 0.9]["event"].mean() / table["event"].mean()


tables = {}
for settlement in ["2020-11-30", "2020-12-15", "2020-12-31", "2021-01-15"]:
    table = read(f"short_interest/settle_{settlement}.csv.gz")
    table["symbol"] = spelled(table["symbol"])
    tables[settlement] = list(table.itertuples(index=False))
panel = labels().merge(short_of_float(), on=["Date", "name"])
heavy = panel[panel["ratio"] >= 0.10]
for what, table in [("all", panel), ("at least 10 % of the float", heavy)]:
    print(what, len(table), int(table["event"].sum()), f"{lift(table):.4f}")
