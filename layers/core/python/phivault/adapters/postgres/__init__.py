"""PostgreSQL: the sealed resources. What operators run (bootstrap, migrate, keys) is imported by its own name."""

from phivault.adapters.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
