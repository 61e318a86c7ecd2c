"""Expected figures of the wire tests that read real files, computed with pandas.

usage: real_data.py FOLDER > real_data.json        (pip install pandas)

FOLDER is the value of REAL_DATA. The tests read real_data.json, which is committed; the real files
are not. Closes and volumes are converted to the shares of their day: the restated close times the
factor of split_factor_2021-01-29_to_2024-03.csv, the restated volume divided by it.
"""

import json
import sys
from pathlib import Path

import pandas as pd

FOLDER = Path(sys.argv[1])
# Names in the price file, by the names of the day.
LATER = {"FB": "META"}


def read(name, **options):
    return pd.read_csv(FOLDER / name, keep_default_na=False, na_values=[""], **options)


def spelled(symbols):
    """Symbols with one spelling of share classes."""
    return symbols.astype(str).str.strip().str.upper().str.replace(r"[-/ ]", ".", regex=True)


def prices():
    """Bars by symbol and day, with META from its own file."""
    table = read("prices/us_equities_2020-07_2021-03.csv.gz", parse_dates=["Date"])
    meta = read("prices/yahoo/META.csv.gz", parse_dates=["Date"]).assign(Ticker="META")
    table = pd.concat([table[table["Ticker"] != "META"], meta], ignore_index=True)
    table["Ticker"] = spelled(table["Ticker"])
    return table.sort_values(["Ticker", "Date"])


def simple(factor):
    """The whole-number split closest to a ratio of closes."""
    return round(factor) if factor > 1 else 1 / round(1 / factor)


def factors():
    table = read("universe/split_factor_2021-01-29_to_2024-03.csv")
    ratio = table["raw_close_2021_01_29"] / table["split_adjusted_close"]
    return dict(zip(spelled(table["symbol"]), ratio.map(float)))


def settlement(day):
    table = read(f"short_interest/settle_{day}.csv.gz")
    table["symbol"] = spelled(table["symbol"])
    return table


def fund(name):
    table = read(f"prices/etf_ohlcv/{name}.csv.gz", parse_dates=["Date"])
    return table.set_index("Date")["Close"].astype(float)


def squeeze(bars, splits, shorts, settled, on):
    """Figures of the squeeze report for each name on a day, by the names of its fields."""
    out = {}
    for name in ["GME", "AMC", "AMZN", "GOOGL"]:
        own = bars[(bars["Ticker"] == name) & (bars["Date"] <= on)].set_index("Date")
        factor = simple(splits[name])
        close, volume, total = own["Close"] * factor, own["Volume"] / factor, own["Adj Close"]
        row = shorts[shorts["symbol"] == name].iloc[0]
        short, held = row["shares_sold_short"], row["shares_outstanding"]
        public = row["public_float"]
        mean = volume.iloc[-21:].mean()
        since = total[total.index <= settled].iloc[-1]
        out[name] = {
            "short_interest": short,
            "short_of_float": short / public,
            "short_of_float_s3": short / (public + short),
            "short_of_shares_outstanding": short / held,
            "days_to_cover_at_recent_volume": short / mean,
            "close": close.iloc[-1],
            "line_market_cap_usd": close.iloc[-1] * held,
            "return_since_settlement": total.iloc[-1] / since - 1,
            "five_session_return": total.iloc[-1] / total.iloc[-6] - 1,
            "twenty_session_return": total.iloc[-1] / total.iloc[-21] - 1,
            "volume_ratio": volume.iloc[-5:].mean() / volume.iloc[-68:-5].mean(),
            "median_volume_63": volume.iloc[-63:].median(),
        }
    return out


def squeeze_ranking(bars, splits, on):
    """Places by short interest over float among the names that the ranking lists by default, as known
    at the close of a day: a settlement at most 40 days before the newest, a close at most 7 days
    before the latest, a market value of 100m USD or none known, 1m USD traded a day over 21
    sessions, of which at least 15 have a volume."""
    times = read("short_interest/publication_times.csv", parse_dates=["first_seen"])
    close = pd.Timestamp(on).replace(hour=16).tz_localize("America/New_York")
    short, public, shares = {}, {}, {}
    for settled in sorted(times[times["first_seen"] <= close]["settlement"]):
        for row in settlement(settled).itertuples(index=False):
            if row.shares_sold_short == row.shares_sold_short:
                short[row.symbol] = (pd.Timestamp(settled), row.shares_sold_short)
            if row.public_float > 0:
                public[row.symbol] = row.public_float
            if row.shares_outstanding > 0:
                shares[row.symbol] = row.shares_outstanding
    newest = max(day for day, _ in short.values())
    bars = bars[bars["Date"] <= on].dropna(subset=["Close"])
    latest = bars["Date"].max()
    ranked = []
    for name, own in bars.groupby("Ticker"):
        if name not in short or name not in public:
            continue
        settled, count = short[name]
        if (newest - settled).days > 40 or (latest - own["Date"].iloc[-1]).days > 7:
            continue
        value = shares.get(name, float("nan")) * own["Close"].iloc[-1] * splits.get(name, 1.0)
        money = (own["Close"] * own["Volume"]).iloc[-21:]
        if money.count() >= 15 and money.mean() >= 1e6 and not value < 100e6:
            ranked.append((-count / public[name], name))
    ranked.sort()
    places = {name: place for place, (_, name) in enumerate(ranked, 1)}
    ratios = {name: -ratio for ratio, name in ranked}
    names = ["GME", "AMC", "KOSS"]
    return {
        "ranked": len(ranked),
        "places": {name: places.get(name) for name in names},
        "short_of_float": {name: ratios.get(name) for name in names},
        "first": [name for _, name in ranked[:5]],
    }


def breadth(bars, on):
    """Members of the S&P 500 on a day: with prices, rising, falling, above their 50-day mean."""
    members = read("universe/sp500_ticker_start_end.csv", parse_dates=["start_date", "end_date"])
    current = (members["start_date"] <= on) & ~(members["end_date"] <= on)
    names = {LATER.get(name, name) for name in spelled(members[current]["ticker"])}
    own = bars[bars["Ticker"].isin(names) & (bars["Date"] <= on)]
    closes = own.pivot(index="Date", columns="Ticker", values="Close")
    today = closes.loc[on].dropna().index
    move = (closes[today].iloc[-1] / closes[today].iloc[-2] - 1).dropna()
    above = closes[today].iloc[-50:]
    above = above.loc[:, above.notna().all()]
    return {
        "members": len(names),
        "with_prices": len(move),
        "advancing": int((move > 0).sum()),
        "declining": int((move < 0).sum()),
        "with_50_closes": above.shape[1],
        "above_50_closes": int((above.iloc[-1] > above.mean()).sum()),
    }


def spread(first, second, on):
    """First minus second: the value of the day, its z over the 252 days before, its rank."""
    both = pd.concat([fund(first), fund(second)], axis=1, join="inner").dropna()
    moves = (both / both.shift() - 1).dropna()
    values = (moves.iloc[:, 0] - moves.iloc[:, 1]).loc[:on]
    before, value = values.iloc[-253:-1], values.iloc[-1]
    larger = values.iloc[:-1][values.iloc[:-1] >= value]
    return {
        "value": value,
        "z": (value - before.mean()) / before.std(),
        "above_zero": int((values > 0).sum()),
        "rank": int((values > value).sum()) + 1,
        "observations": len(values),
        "since": None if larger.empty else str(larger.index[-1].date()),
    }


def own_z(first, second, on):
    """First minus second, and that over its deviation from zero before the day, weighted with a
    half-life of 252 sessions from 1,260 observations before the year on."""
    both = pd.concat([fund(first), fund(second)], axis=1, join="inner").dropna()
    moves = (both / both.shift() - 1).dropna()
    values = (moves.iloc[:, 0] - moves.iloc[:, 1]).loc[:on]
    z = pd.Series(float("nan"), values.index)
    for at, day in enumerate(values.index):
        january = values.index.searchsorted(pd.Timestamp(day.year, 1, 1))
        past = values.iloc[max(0, january - 1260) : at].to_numpy()
        if len(past) >= 21:
            weights = 0.5 ** (pd.Series(range(len(past)))[::-1].to_numpy() / 252)
            z.iloc[at] = values.iloc[at] / ((weights * past**2).sum() / weights.sum()) ** 0.5
    return values, z


def session_move(pairs, on):
    """The z of the larger of two spreads, how many of the last 2,520 sessions of SPY to the day have
    one, and how many of those, and of the last 252, are at 2.5 or more."""
    (one, one_z), (other, other_z) = [own_z(*pair, on) for pair in pairs]
    one, other = one.align(other)
    z = one_z.reindex(one.index).where(one.abs().fillna(0) >= other.abs().fillna(0), other_z)
    z = z.loc[fund("SPY").loc[:on].index[-2520:][0] :].dropna()
    large = z.abs() >= 2.5
    return {
        "z": z.iloc[-1],
        "sessions": len(z),
        "rotations": int(large.sum()),
        "last_year": int(large.iloc[-252:].sum()),
    }


def small_up_while_large_fell():
    both = pd.concat([fund("IWM"), fund("SPY")], axis=1, join="inner", keys=["iwm", "spy"]).dropna()
    moves = (both / both.shift() - 1).dropna()
    hits = moves[(moves["iwm"] > 0.03) & (moves["spy"] < 0)]
    return {
        "observations": len(moves),
        "days": [str(day.date()) for day in hits.index],
        "iwm": hits["iwm"].iloc[-1],
        "spy": hits["spy"].iloc[-1],
    }


def coverage(bars):
    """Names with short interest published by 2021-01-27, and how many have no price by then."""
    days = ["2020-11-30", "2020-12-15", "2020-12-31"]
    tables = [settlement(day) for day in days]
    names = set()
    for table in tables:
        known = table["shares_sold_short"].notna() & table["short_interest_date"].notna()
        names |= set(table[known]["symbol"])
    priced = set(bars[bars["Date"] <= "2021-01-27"]["Ticker"])
    for folder in ["yahoo", "etf_ohlcv", "etf_close"]:
        for path in sorted((FOLDER / "prices" / folder).glob("*.csv.gz")):
            table = pd.read_csv(path)
            if (pd.to_datetime(table["Date"]) <= "2021-01-27").any():
                priced.add(path.name.split(".")[0])
    unpriced = [name for name in names if LATER.get(name, name) not in priced]
    return {"short_interest_names": len(names), "without_prices": len(unpriced)}


def megacaps(bars, splits, on):
    """Change of value of the seven megacaps: shares of the settlement of 2020-12-31, raw closes."""
    shorts = settlement("2020-12-31").set_index("symbol")
    change, before, moves, down = {}, {}, {}, 0
    for name in ["AAPL", "MSFT", "AMZN", "GOOGL", "META", "TSLA", "NVDA"]:
        own = bars[(bars["Ticker"] == name) & (bars["Date"] <= on)]
        close = own["Close"].iloc[-2:]
        # GOOGL's value is that of both share classes, each at its own close.
        classes = ["GOOGL", "GOOG"] if name == "GOOGL" else [name]
        value = [0.0, 0.0]
        for line in classes:
            listed = {"META": "FB"}.get(line, line)
            held = shorts.loc[listed, "shares_outstanding"]
            factor = simple(splits[line]) if line in splits else 1
            line_close = bars[(bars["Ticker"] == line) & (bars["Date"] <= on)]["Close"].iloc[-2:]
            value = [a + held * factor * c for a, c in zip(value, line_close)]
        change[name], before[name] = value[1] - value[0], value[0]
        # None of the seven is ex-dividend that day, so prices suffice, at full precision.
        moves[name] = close.iloc[1] / close.iloc[0] - 1
        down += moves[name] <= -0.02
    return {
        "value_change_usd": sum(change.values()),
        "of_value": sum(change.values()) / sum(before.values()),
        "amzn": change["AMZN"],
        "meta_return": moves["META"],
        "issuers_down": int(down),
    }


def most_shorted(bars, splits, on):
    """The basket bought after each publication: the fifty highest short interests of float.

    A name has a market value of at least 1bn USD, at least 5m USD traded a day over 21 sessions, of
    which at least 15 have a volume, a price not older than 7 days and a settlement not older than 45.
    One held stays up to rank 60.
    """
    times = read("short_interest/publication_times.csv", parse_dates=["first_seen"])
    times = times[times["settlement"] <= "2020-12-31"]
    closes = bars.pivot(index="Date", columns="Ticker", values="Close")
    traded = closes * bars.pivot(index="Date", columns="Ticker", values="Volume")
    total = bars.pivot(index="Date", columns="Ticker", values="Adj Close")
    latest, held, eligible = {}, [], 0
    for settled, seen in times.itertuples(index=False):
        day = seen.tz_convert("America/New_York")
        for row in settlement(settled).itertuples(index=False):
            if row.shares_sold_short == row.shares_sold_short and isinstance(
                row.short_interest_date, str
            ):
                latest[LATER.get(row.symbol, row.symbol)] = row
        today = day.tz_localize(None).normalize()
        last_close = today if day.hour >= 16 else today - pd.Timedelta(days=1)
        ranked = []
        for name, row in latest.items():
            if name not in closes:
                continue
            own = closes[name][:last_close].dropna()
            age = today - pd.to_datetime(row.short_interest_date, format="%m/%d/%y")
            if own.empty or age.days > 45 or (today - own.index[-1]).days > 7:
                continue
            public, shares = row.public_float, row.shares_outstanding
            if not (public > 0 and shares > 0):
                continue
            # Prices are restated for later splits; shares are in the units of their day.
            value = shares * own.iloc[-1] * splits.get(name, 1.0)
            money = traded[name][own.index].iloc[-21:]
            if value >= 1e9 and money.count() >= 15 and money.mean() >= 5e6:
                ranked.append((-row.shares_sold_short / public, name))
        ranked.sort()
        eligible, count = len(ranked), min(50, -(-len(ranked) // 10))
        names = [name for _, name in ranked]
        kept = [name for name in names[: int(count * 1.2)] if name in held][:count]
        held = sorted(kept + [name for name in names if name not in kept][: count - len(kept)])
    moves = (total[held] / total[held].shift() - 1).loc[:on].mean(axis=1)
    return {
        "names": len(held),
        "eligible": eligible,
        "first": ranked[0][1],
        "first_short_of_float": -ranked[0][0],
        "return_1": moves.iloc[-1],
        "five_session_return": (1 + moves.iloc[-5:]).prod() - 1,
    }


def companies():
    """Value on 2021-02-01 of names without a float, and of both classes of one company."""
    bars, shorts = prices(), settlement("2021-01-15").set_index("symbol")
    close = bars[bars["Date"] == "2021-02-01"].set_index("Ticker")["Close"]
    value = {name: shorts.loc[name, "shares_outstanding"] * close[name] for name in
             ["VTR", "RSI", "PLL", "FOX", "FOXA"]}
    return {**value, "FOX_both": value["FOX"] + value["FOXA"]}


def main():
    bars, splits = prices(), factors()
    result = {"pandas": pd.__version__}
    result["squeeze_2021_01_27"] = squeeze(
        bars, splits, settlement("2020-12-31"), "2020-12-31", "2021-01-27"
    )
    result["squeeze_2021_01_28"] = squeeze(
        bars, splits, settlement("2021-01-15"), "2021-01-15", "2021-01-28"
    )
    for day in ["2021-01-12", "2021-01-20"]:
        key = f"squeeze_ranking_{day.replace('-', '_')}"
        result[key] = squeeze_ranking(bars, splits, day)
    gme = bars[(bars["Ticker"] == "GME") & (bars["Date"] <= "2021-02-05")]
    result["gme_volume_21_2021_02_05"] = (gme["Volume"] / simple(splits["GME"])).iloc[-21:].mean()
    result["breadth_2020_11_09"] = breadth(bars, pd.Timestamp("2020-11-09"))
    result["breadth_2021_01_27"] = breadth(bars, pd.Timestamp("2021-01-27"))
    result["nasdaq_2020_11_09"] = float(fund("QQQ").pct_change(fill_method=None)["2020-11-09"])
    for name, first, second in [
        ("small_vs_nasdaq", "IWM", "QQQ"),
        ("size_spread", "IWM", "SPY"),
        ("equal_minus_cap", "RSP", "SPY"),
    ]:
        result[f"{name}_2020_11_09"] = spread(first, second, "2020-11-09")
    result["session_move_2020_11_09"] = session_move(
        [("IWM", "QQQ"), ("IWM", "SPY")], "2020-11-09"
    )
    result["small_up_while_large_fell"] = small_up_while_large_fell()
    result["megacaps_2021_01_27"] = megacaps(bars, splits, "2021-01-27")
    for day in ["2021-01-26", "2021-01-27"]:
        result[f"most_shorted_{day.replace('-', '_')}"] = most_shorted(bars, splits, day)
    result["companies_2021_02_01"] = companies()
    result["coverage_2021_01_27"] = coverage(bars)
    json.dump(result, sys.stdout, indent=2, default=float)
    print()


if __name__ == "__main__":
    main()
