"""The threshold securities of January and February 2021 by Rule 203(c)(6) of Regulation SHO.

usage: fails_threshold.py FOLDER        (the standard library is enough)

FOLDER is the value of REAL_DATA. tests/wire/squeeze_disclosed.rs has the printed symbols. A name is
added after five settlement days in a row with at least 10,000 shares and 0.5 % of the shares
outstanding not delivered, and taken off after five in a row below that. Shares outstanding are those
of the settlement of 2021-01-15; names without them are left out.
"""

import csv
import gzip
import sys
from collections import defaultdict
from pathlib import Path

FOLDER = Path(sys.argv[1])
LAST = ["20210114", "20210129", "20210212"]

failed = defaultdict(dict)
days = set()
for path in sorted((FOLDER / "fails").glob("cnsfails2021*.gz")):
    with gzip.open(path, "rt", encoding="latin1") as lines:
        for row in (line.split("|") for line in lines):
            if len(row) < 6 or not row[0].isdigit():
                continue
            days.add(row[0])
            failed[row[2]][row[0]] = failed[row[2]].get(row[0], 0) + int(row[3])

outstanding = {}
with gzip.open(FOLDER / "short_interest/settle_2021-01-15.csv.gz", "rt") as lines:
    for row in csv.DictReader(lines):
        if row["shares_outstanding"].strip():
            outstanding[row["symbol"]] = float(row["shares_outstanding"])

for last in LAST:
    on = []
    for symbol, shares in sorted(outstanding.items()):
        if symbol not in failed or shares <= 0:
            continue
        is_on, history = False, []
        for day in sorted(day for day in days if day <= last):
            balance = failed[symbol].get(day, 0)
            history.append(balance >= 10_000 and balance >= 0.005 * shares)
            if len(history) >= 5 and len(set(history[-5:])) == 1:
                is_on = history[-1]
        if is_on:
            on.append(symbol)
    print(last, len(on))
    print(" ".join(on))
