"""Ready lines that open a port: nothing to fill in but the credential, which is named by reference."""

from dataclasses import dataclass

from catalogue.record import Endpoint, Port, parse_urn


@dataclass(frozen=True)
class Snippet:
    title: str
    text: str


def snippets(port: Port) -> list[Snippet]:
    """How to open `port`, the usual way first; empty when its address is not known."""
    address = parse_urn(port.urn).short
    end = port.endpoint
    match port.protocol:
        case "sql" if end.host and end.database:
            return _sql(address, end, end.host, end.database)
        case "s3" if end.bucket:
            return _s3(address, end, end.bucket)
        case "http" if end.url:
            return [Snippet("Link", end.url), Snippet("Command line", f"mesh open {address}")]
        case "dask" | "spark" if end.host and end.port:
            return _cluster(port.protocol, address, f"{end.host}:{end.port}")
    return []


def _reference(address: str) -> str:
    return f"# user and password: mesh credentials {address}"


def _sql(address: str, end: Endpoint, host: str, database: str) -> list[Snippet]:
    schema = end.schema_ or "public"
    table = f'"{schema}"."{end.tables[0]}"' if end.tables else None
    query = f"select * from {table} limit 10" if table else "select 1"
    at = f"host={host} port={end.port or 5432} dbname={database}"
    url = f"postgresql+psycopg://{host}:{end.port or 5432}/{database}"
    return [
        Snippet("psql", f'{_reference(address)}\npsql "{at}" -c {_quoted(query)}'),
        Snippet(
            "Python",
            f"{_reference(address)}, in PGUSER and PGPASSWORD\n"
            "import psycopg\n\n"
            f'with psycopg.connect("{at}") as connection:\n'
            f"    rows = connection.execute('{query}').fetchall()",
        ),
        Snippet(
            "pandas",
            f"{_reference(address)}, in PGUSER and PGPASSWORD\n"
            "import pandas, sqlalchemy\n\n"
            f'engine = sqlalchemy.create_engine("{url}")\n'
            f"frame = pandas.read_sql('{query}', engine)",
        ),
        Snippet("SQLAlchemy", url),
    ]


def _s3(address: str, end: Endpoint, bucket: str) -> list[Snippet]:
    uri = f"s3://{bucket}/{(end.prefix or '').lstrip('/')}"
    store = end.url or (f"http://{end.host}:{end.port}" if end.host else "")
    flag = f" --endpoint-url {store}" if store else ""
    options = f', "client_kwargs": {{"endpoint_url": "{store}"}}' if store else ""
    keys = f"# access key and secret key: mesh credentials {address}, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return [
        Snippet("S3", f"{keys}\naws s3 ls{flag} {uri}"),
        Snippet(
            "Python",
            f"{keys}\nimport pandas\n\n"
            f'frame = pandas.read_parquet("{uri}", storage_options={{"anon": False{options}}})',
        ),
        Snippet("URI", uri),
    ]


def _cluster(protocol: str, address: str, at: str) -> list[Snippet]:
    if protocol == "dask":
        code = f'# certificate: mesh credentials {address}\nfrom distributed import Client\n\nclient = Client("tcp://{at}")'
        return [Snippet("Python", code), Snippet("Address", f"tcp://{at}")]
    code = (
        f"# shared key: mesh credentials {address}\nfrom pyspark.sql import SparkSession\n\n"
        f'spark = SparkSession.builder.master("spark://{at}").getOrCreate()'
    )
    return [Snippet("Python", code), Snippet("Address", f"spark://{at}")]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
