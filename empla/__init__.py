"""The mind and memory of digital employees, on PostgreSQL."""

__version__ = "0.1.0"
