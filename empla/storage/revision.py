"""What this code is written for."""

HEAD = "0026"  # the schema revision
MINIMUM_SERVER = 16  # PostgreSQL
MINIMUM_VECTOR = (0, 8)  # pgvector
