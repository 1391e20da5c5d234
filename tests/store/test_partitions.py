"""PostgreSQL only: history by month, and a bell that mends itself."""

import pytest
from sqlalchemy import create_engine

from leadback.store import open_store
from leadback.store.database import upgrade
from leadback.store.partitions import drop_before, make_ahead
from tests.databases import Server
from tests.store.worlds import add, connect, new


@pytest.mark.postgres
def test_history_is_kept_by_month_and_forgotten_by_month(server: Server) -> None:
    url = server.new()
    upgrade(url)
    engine = create_engine(Server.driver(url))
    with engine.begin() as connection:
        names = (
            connection.exec_driver_sql(
                "SELECT inhrelid::regclass::text FROM pg_inherits "
                "WHERE inhparent = 'history'::regclass ORDER BY 1"
            )
            .scalars()
            .all()
        )
        assert len([name for name in names if name.startswith("history_y")]) == 4
        assert make_ahead(connection) == []
        connection.exec_driver_sql(
            "CREATE TABLE history_y2001m01 PARTITION OF history "
            "FOR VALUES FROM (978307200000) TO (980985600000)"
        )
        connection.exec_driver_sql(
            "INSERT INTO history (portal, seq, at, lead_id, type, source, event_id, event_at, "
            "to_state, result, rule, rule_at, reads, because, rules_version) "
            "VALUES ('acme', 1, 979000000000, '1', 't', 's', 'e', 1, 'x', 'r', '', '', '', '', '')"
        )
        assert drop_before(connection, 980985599999) == 0
        assert drop_before(connection, 980985600000) == 1
        left = connection.exec_driver_sql("SELECT count(*) FROM history").scalar_one()
    engine.dispose()
    server.drop(url)
    assert left == 0


@pytest.mark.postgres
def test_a_month_that_began_without_its_partition_goes_on_without(server: Server) -> None:
    url = server.new()
    upgrade(url)
    engine = create_engine(Server.driver(url))
    with engine.begin() as connection:
        (name,) = connection.exec_driver_sql(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = "
            "'history'::regclass AND inhrelid::regclass::text LIKE 'history_y%%' "
            "ORDER BY 1 LIMIT 1"
        ).scalars()
        connection.exec_driver_sql(f"DROP TABLE {name}")
        connection.exec_driver_sql(
            "INSERT INTO history (portal, seq, at, lead_id, type, source, event_id, event_at, "
            "to_state, result, rule, rule_at, reads, because, rules_version) VALUES ('acme', 1, "
            "extract(epoch FROM now()) * 1000, '1', 't', 's', 'e', 1, 'x', 'r', '', '', '', '', '')"
        )
        assert make_ahead(connection) == []
        assert connection.exec_driver_sql("SELECT count(*) FROM history").scalar_one() == 1
    engine.dispose()
    server.drop(url)


@pytest.mark.postgres
def test_a_broken_bell_mends_itself(server: Server) -> None:
    url = server.new()
    upgrade(url)
    store = open_store(url)
    connect(store)
    bell = store.bell()
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'")
    assert not bell.wait(0.01)
    assert bell.wait(5)  # connected again; something may have come meanwhile
    add(store, new("501", 1))
    assert bell.wait(5)
    bell.close()
    store.close()
    server.drop(url)
