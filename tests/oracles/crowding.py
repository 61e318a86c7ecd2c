"""Overlap and cosine of a book with crowds, by the formulas of the contract (crowding.proto).

usage: crowding.py simulate > crowding_input.csv        (standard library only)
       crowding.py measure < crowding_input.csv > crowding_expected.csv

Both files are committed; services/exposure/tests/exposure/crowding.rs compares the Rust core with the
second. A row of the input is a name: symbol, whether it can be in a crowd, number of managers and of
convinced ones (empty: none known), shares held, float, short interest (empty: unknown), normal volume
and the market value in the book.
"""

import csv
import math
import random
import sys

NAMES = 120
MOST = 8
COLUMNS = ["symbol", "eligible", "managers", "convinced", "held", "float", "short", "volume", "value"]
LONG = ["managers_holding", "managers_convinced", "share_of_float_held", "days_of_volume_held"]
SHORT = ["short_of_float"]


def simulate():
    draw = random.Random(13)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(COLUMNS)
    for at in range(NAMES):
        known = draw.random() < 0.8
        managers = draw.randint(1, 40) if known else ""
        out.writerow([
            f"N{at:03}",
            int(draw.random() < 0.9),
            managers,
            draw.randint(0, managers) if known else "",
            draw.randint(1, 10**6) if known else "",
            draw.randint(10**6, 10**7),
            draw.randint(0, 2 * 10**6) if draw.random() < 0.9 else "",
            draw.randint(10**4, 10**6),
            draw.choice([0, 0, 1, -1]) * draw.randint(1, 10**6),
        ])


def measure(name, crowd):
    """The measure of a crowd, or None."""
    number = lambda column: float(name[column]) if name[column] != "" else None
    if crowd == "managers_holding":
        return number("managers")
    if crowd == "managers_convinced":
        return number("convinced")
    top = number("short") if crowd == "short_of_float" else number("held")
    bottom = number("volume") if crowd == "days_of_volume_held" else number("float")
    return None if top is None else top / bottom


def members(names, crowd):
    """The head of a ranking, ties by symbol."""
    ranked = [
        (-value, name["symbol"])
        for name in names
        if name["eligible"] == "1" and (value := measure(name, crowd)) is not None and 0.0 < value
    ]
    ranked.sort()
    return [symbol for _, symbol in ranked][: min(MOST, math.ceil(len(ranked) / 10))]


def dot(a, b):
    return sum(value * b.get(symbol, 0.0) for symbol, value in a.items())


def compare(book, crowd):
    """Overlap and cosine of two vectors of weights whose absolute values add up to one."""
    book = {symbol: value / sum(map(abs, book.values())) for symbol, value in book.items()}
    crowd = {symbol: value / sum(map(abs, crowd.values())) for symbol, value in crowd.items()}
    same = [s for s in book if s in crowd and 0.0 < book[s] * crowd[s]]
    overlap = sum(min(abs(book[s]), abs(crowd[s])) for s in same)
    active = 0.5 * sum(abs(book.get(s, 0.0) - crowd.get(s, 0.0)) for s in {*book, *crowd})
    assert abs(1.0 - active - overlap) < 1e-12, "1 - active share is the overlap"
    return overlap, dot(book, crowd) / math.sqrt(dot(book, book) * dot(crowd, crowd))


def main():
    names = list(csv.DictReader(sys.stdin))
    book = {name["symbol"]: float(name["value"]) for name in names}
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["crowd", "members", "with", "against", "overlap", "cosine"])
    for crowd in LONG + SHORT:
        sign = -1.0 if crowd in SHORT else 1.0
        chosen = members(names, crowd)
        side = {symbol: sign * value for symbol, value in book.items() if 0.0 < sign * value}
        overlap, cosine = compare(side, {symbol: 1.0 for symbol in chosen})
        both = [sign * book[symbol] for symbol in chosen]
        gained, lost = sum(v for v in both if 0.0 < v), -sum(v for v in both if v < 0.0)
        out.writerow([crowd, len(chosen), gained, lost, f"{overlap:.17g}", f"{cosine:.17g}"])
    longs, shorts = members(names, "managers_holding"), members(names, "short_of_float")
    crowd = {symbol: 0.5 / len(longs) for symbol in longs}
    for symbol in shorts:
        crowd[symbol] = crowd.get(symbol, 0.0) - 0.5 / len(shorts)
    overlap, cosine = compare(book, crowd)
    net = sum(book[s] for s in longs) - sum(book[s] for s in shorts)
    out.writerow(["book", len(crowd), net, 0.0, f"{overlap:.17g}", f"{cosine:.17g}"])


if __name__ == "__main__":
    simulate() if sys.argv[1] == "simulate" else main()
