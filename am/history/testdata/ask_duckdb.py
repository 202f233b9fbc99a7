"""Answers SQL, a JSON text a line, over the views of the page whose path it is given; rows come as JSON arrays."""
import datetime, decimal, glob, importlib.util, json, os, sys, urllib.parse
import duckdb

page, dataset = open(sys.argv[1]).read().replace("DATASET", sys.argv[2]), sys.argv[2]
connection = None


def reach_bucket(connection):
    """Loads the extension from its package, and tells DuckDB what the environment tells amsql."""
    package = os.path.dirname(importlib.util.find_spec("duckdb_extension_httpfs").origin)
    connection.load_extension(*glob.glob(package + "/extensions/*/httpfs.duckdb_extension"))
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])
    connection.execute(f"""create secret (type s3, key_id '{os.environ["AWS_ACCESS_KEY_ID"]}', secret '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
        region '{os.environ["AWS_REGION"]}', endpoint '{endpoint.netloc}', url_style 'path', use_ssl {endpoint.scheme == "https"})""")


def cell(value):
    if isinstance(value, datetime.datetime):
        return {"micros": round(value.timestamp() * 1e6)}
    return int(value) if isinstance(value, decimal.Decimal) else value


def answer(sql):
    global connection
    if connection is None:
        fresh = duckdb.connect()
        fresh.execute("set timezone = 'UTC'")
        if dataset.startswith("s3:"):
            reach_bucket(fresh)
        fresh.execute(page)
        connection = fresh
    return [[cell(value) for value in row] for row in connection.execute(sql).fetchall()]


for line in sys.stdin:
    try:
        print(json.dumps({"rows": answer(json.loads(line))}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
