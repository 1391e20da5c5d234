"""Databases as the tests of the store have them."""

from tests.store.conftest import opened, store

__all__ = ["opened", "store"]
