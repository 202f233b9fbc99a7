"""Answers SQL, a JSON text a line, over the views of the page whose path it is given; rows come as JSON arrays."""
import datetime, decimal, json, sys
import duckdb

page, dataset = open(sys.argv[1]).read().replace("DATASET", sys.argv[2]), sys.argv[2]
connection = None


def cell(value):
    if isinstance(value, datetime.datetime):
        return {"micros": round(value.timestamp() * 1e6)}
    return int(value) if isinstance(value, decimal.Decimal) else value


def answer(sql):
    global connection
    if connection is None:
        fresh = duckdb.connect()
        fresh.execute("set timezone = 'UTC'")
        fresh.execute(page)
        connection = fresh
    return [[cell(value) for value in row] for row in connection.execute(sql).fetchall()]


for line in sys.stdin:
    try:
        print(json.dumps({"rows": answer(json.loads(line))}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
