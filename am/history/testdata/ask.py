"""ask.py ENGINE PAGE DATASET answers SQL, a JSON text a line, over the views of the page. Rows come as JSON arrays."""
import datetime, decimal, glob, importlib.util, json, os, sys, tempfile, urllib.parse


def duckdb(page):
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    if dataset.startswith("s3:"):
        reach_bucket(connection)
    connection.execute(page)
    return lambda sql: connection.execute(sql).fetchall()


def reach_bucket(connection):
    """Loads the extension from its package, and tells DuckDB what the environment tells amsql."""
    package = os.path.dirname(importlib.util.find_spec("duckdb_extension_httpfs").origin)
    connection.load_extension(*glob.glob(package + "/extensions/*/httpfs.duckdb_extension"))
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])
    connection.execute(f"""create secret (type s3, key_id '{os.environ["AWS_ACCESS_KEY_ID"]}', secret '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
        region '{os.environ["AWS_REGION"]}', endpoint '{endpoint.netloc}', url_style 'path', use_ssl {endpoint.scheme == "https"})""")


def spark(page):
    from pyspark.sql import SparkSession

    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "512m",
        # For so few rows, the first compiler alone takes half the time.
        "spark.driver.extraJavaOptions": f"-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.io.tmpdir={tempfile.gettempdir()}",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": tempfile.gettempdir(),
    }
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    for statement in page.removesuffix(";\n").split(";\n"):
        session.sql(statement)
    return lambda sql: session.sql(sql).collect()


def cell(value):
    if isinstance(value, datetime.datetime):
        return {"micros": round(value.timestamp() * 1e6)}
    return int(value) if isinstance(value, decimal.Decimal) else value


engine, page, dataset = sys.argv[1:]
ask = None
for line in sys.stdin:
    try:
        if ask is None:
            ask = globals()[engine](open(page).read().replace("DATASET", dataset))
        print(json.dumps({"rows": [[cell(value) for value in row] for row in ask(json.loads(line))]}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
