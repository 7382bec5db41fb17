"""Tables of the catalogue's database."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 1

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

meta = Table("meta", metadata, Column("key", String(40), primary_key=True), Column("value", String(200)))

# One row a Pulumi stack: the newest update that the catalogue has seen of it.
stack = Table(
    "stack",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("result", String(20), nullable=False),
    Column("seen", String(32), nullable=False),
)

# Current view, one row a product and environment. `content` is the record as published, the other columns serve search.
product = Table(
    "product",
    metadata,
    Column("uid", String(36), primary_key=True),
    Column("environment", String(24), primary_key=True),
    Column("urn", String(120), nullable=False),
    Column("name", String(40), nullable=False),
    Column("domain", String(24), nullable=False),
    Column("stack", String(100), nullable=False, index=True),
    Column("state", String(12), nullable=False),  # registered | retired | tombstone
    Column("owner", String(200), nullable=False),
    Column("classification", String(200), nullable=False),
    Column("template", String(200), nullable=False),
    Column("target", String(200), nullable=False),
    Column("monthly", Float, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("text", Text, nullable=False),  # lower case, what search looks into
    Column("content", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("first_seen", String(32), nullable=False),
    Column("last_seen", String(32), nullable=False),
    UniqueConstraint("urn", "environment"),
    Index(None, "domain", "name"),
)

# Every content a product ever had.
version = Table(
    "version",
    metadata,
    Column("uid", String(36), primary_key=True),
    Column("environment", String(24), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("content", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("at", String(32), nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),  # registered | changed | retired | restored | tombstoned
    Column("uid", String(36), nullable=False),
    Column("environment", String(24), nullable=False),
    Column("urn", String(120), nullable=False),
    Column("stack", String(100), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    Index(None, "uid", "environment", "at"),
)

# What publishers have still to send; written with the event, in its transaction.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("event", String(36), ForeignKey("event.id"), nullable=False, unique=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("sent", String(32)),
)
