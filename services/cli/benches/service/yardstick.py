"""The yardstick of ingest: the same price file into a DuckDB table, and only parsed by pandas.

usage: yardstick.py PRICES.csv.gz        (pip install duckdb pandas)
"""

import gzip
import pathlib
import statistics
import sys
import tempfile
import time

import duckdb
import pandas

ROUNDS = 7


def table(csv, database):
    started = time.perf_counter()
    connection = duckdb.connect(str(database))
    connection.execute(f"create table prices as select * from read_csv('{csv}')")
    connection.execute("checkpoint")
    connection.close()
    return time.perf_counter() - started


def parsed(csv):
    started = time.perf_counter()
    pandas.read_csv(csv)
    return time.perf_counter() - started


with tempfile.TemporaryDirectory() as folder:
    csv = pathlib.Path(folder) / "prices.csv"
    csv.write_bytes(gzip.decompress(pathlib.Path(sys.argv[1]).read_bytes()))
    tables = [table(csv, csv.with_name(f"{at}.db")) for at in range(ROUNDS)]
    frames = [parsed(csv) for _ in range(ROUNDS)]
for name, seconds in [
    (f"duckdb {duckdb.__version__}, into a table, checkpoint included", tables),
    (f"pandas {pandas.__version__}, parsed only", frames),
]:
    low, median, high = min(seconds), statistics.median(seconds), max(seconds)
    print(f"{name}: {median:.3f} s (min {low:.3f}, max {high:.3f})")
