"""The investigations in DuckDB over the Parquet files that `cargo bench --bench inspection` wrote: same SQL, same rows, two
threads, median of five. Prints whether the answers agree and the times beside ours."""

import csv
import pathlib
import statistics
import sys
import time

import duckdb

folder = pathlib.Path(sys.argv[1])
db = duckdb.connect()
db.execute("SET threads = 2")
for view in ("mdtrt_d", "setl_d", "fee_list_d"):
    db.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet('{folder / view}.parquet')")


def plain(value):
    """A cell as text; numbers to eight digits, since averages are rounded in different places."""
    if value is None or value == "":
        return ""
    text = str(value)
    try:
        return f"{float(text):.8g}"
    except ValueError:
        return text


print(f"{'investigation':<20} {'ours':>9} {'DuckDB':>9} {'ratio':>7}  rows")
for path in sorted(folder.glob("*.sql")):
    sql = path.read_text()
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        rows = db.execute(sql).fetchall()
        seconds.append(time.perf_counter() - began)
    theirs = statistics.median(seconds)
    ours = float(path.with_suffix(".seconds").read_text())
    with open(path.with_suffix(".csv"), newline="") as f:
        answer = [[plain(c) for c in r] for r in list(csv.reader(f))[1:]]
    same = sorted(answer) == sorted([plain(c) for c in r] for r in rows)
    print(f"{path.stem:<20} {ours:>8.3f}s {theirs:>8.3f}s {ours / theirs:>7.1f}  {len(rows)} {'same' if same else 'DIFFER'}")
