"""A PostgreSQL for servers that share one."""

from tests.store.conftest import postgres

__all__ = ["postgres"]
