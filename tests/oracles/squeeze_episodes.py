"""Counts of what `ballast squeeze calibrate --as-of 2021-03-31 --label jump` observes, with pandas.

usage: squeeze_episodes.py FOLDER        (pip install pandas)

FOLDER is the value of REAL_DATA. An observation is a heavily short name on a session: 10 % of the
float or 5 days to cover at the settlement, both as known at the close, with at least 60 returns and
a label that is known. The label is the price leg: the return of the five sessions after a day less
beta times that of SPY is at least max(3 sigma sqrt 5, 15 %); beta and sigma are of the 60 daily
returns before. Events of one name at most five sessions apart are one episode.
"""

import sys
from pathlib import Path

import pandas as pd

FOLDER = Path(sys.argv[1])
LAST = pd.Timestamp("2021-03-31")
SETTLEMENTS = ["2020-11-30", "2020-12-15", "2020-12-31", "2021-01-15"]


def spelled(symbols):
    return symbols.astype(str).str.strip().str.upper().str.replace(r"[-/ ]", ".", regex=True)


def read(name, **options):
    return pd.read_csv(FOLDER / name, keep_default_na=False, na_values=[""], **options)


def prices():
    """Per name: closes for returns, and volumes in the units of shares of January 2021."""
    bars = read("prices/us_equities_2020-07_2021-03.csv.gz", parse_dates=["Date"])
    bars = bars[(bars["Close"] > 0) & (bars["Adj Close"] > 0)]
    bars["Ticker"] = spelled(bars["Ticker"])
    splits = read("universe/split_factor_2021-01-29_to_2024-03.csv")
    factors = dict(zip(spelled(splits["symbol"]), splits["factor"]))
    for name, own in bars.groupby("Ticker"):
        own = own.sort_values("Date").set_index("Date")
        yield name, own["Adj Close"], own["Volume"] / factors.get(name, 1.0)


def labels(close, spy):
    """Per day with 60 returns before and five sessions after: whether the name jumped."""
    market = spy.reindex(close.index)
    move, index = close.pct_change(fill_method=None), market.pct_change(fill_method=None)
    sigma = move.rolling(60).std()
    beta = move.rolling(60).cov(index) / index.rolling(60).var()
    ahead = close.shift(-5) / close - 1 - beta * (market.shift(-5) / market - 1)
    known = ahead.notna() & sigma.notna()
    return (ahead >= (3 * sigma * 5**0.5).clip(lower=0.15))[known]


def known_at(close, times):
    """Short interest of each name and its float, from the lists that were public at the close."""
    short, public = {}, {}
    settled = sorted(times[times["first_seen"] <= close]["settlement"])
    for settlement in settled:
        for row in tables[settlement].itertuples(index=False):
            own = pd.to_datetime(row.short_interest_date, format="%m/%d/%y")
            # Rows of older days are no settlement that one in ten names have.
            if row.shares_sold_short >= 0 and own == pd.Timestamp(settlement):
                short[row.symbol] = (own, row.shares_sold_short)
            if row.public_float > 0:
                public[row.symbol] = row.public_float
    newest = pd.Timestamp(settled[-1]) if settled else None
    return {
        name: (day, count, public[name])
        for name, (day, count) in short.items()
        if name in public and (newest - day).days <= 40
    }


def counts(panel):
    """The fields of CalibrationSample, by their names on the wire."""
    events = panel[panel["event"]].sort_values(["name", "at"])
    begins = events.groupby("name")["at"].diff().fillna(6) > 5
    episodes = events[begins]
    weeks = episodes["Date"].dt.to_period("W-SUN")
    first = weeks.min()
    spans = weeks.map(lambda week: (week - first).n // 26).value_counts()
    return {
        "sessionCount": panel["Date"].nunique(),
        "nameDayCount": len(panel),
        "eventCount": len(events),
        "episodeCount": len(episodes),
        "nameCount": events["name"].nunique(),
        "weekCount": weeks.nunique(),
        "regimeCount": int((spans >= 10).sum()),
    }


tables = {}
for settlement in SETTLEMENTS:
    tables[settlement] = read(f"short_interest/settle_{settlement}.csv.gz")
    tables[settlement]["symbol"] = spelled(tables[settlement]["symbol"])
times = read("short_interest/publication_times.csv", parse_dates=["first_seen"])
spy = read("prices/etf_ohlcv/SPY.csv.gz", parse_dates=["Date"]).set_index("Date")["Close"]
sessions = spy.index[spy.index <= LAST]

known = {}
for count in range(1, len(SETTLEMENTS) + 1):
    seen = sorted(times["first_seen"])[count - 1]
    known[count] = known_at(seen, times)

rows = []
for name, close, volume in prices():
    at_settlement = {
        pd.Timestamp(day): volume[volume.index <= day].tail(21) for day in SETTLEMENTS
    }
    for day, event in labels(close, spy).items():
        instant = day.replace(hour=16).tz_localize("America/New_York")
        public = int((times["first_seen"] <= instant).sum())
        if not public or name not in known[public]:
            continue
        settled, short, free = known[public][name]
        before = at_settlement[settled]
        days = short / before.mean() if len(before) >= 15 and before.mean() > 0 else 0.0
        if short / free >= 0.10 or days >= 5.0:
            rows.append((day, sessions.get_loc(day), name, event))

panel = pd.DataFrame(rows, columns=["Date", "at", "name", "event"])
# Matured: before the second newest published settlement.
matured = panel[panel["Date"] < pd.Timestamp(SETTLEMENTS[-2])]
if __name__ == "__main__":
    print("observed", counts(panel))
    print("matured", counts(matured))
