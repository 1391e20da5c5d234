"""Databases as the tests of the store have them."""

from tests.store.conftest import emptied, migrated_file, opened, server, store, url

__all__ = ["emptied", "migrated_file", "opened", "server", "store", "url"]
