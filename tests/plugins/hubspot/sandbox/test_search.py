"""Search: operators, case rules and every cap."""

import pytest


def search(portal, **body):
    return portal.objects("POST", "contacts/search", body)


def found(portal, *filters):
    answer = search(portal, filterGroups=[{"filters": list(filters)}], properties=["city"])
    assert answer.status_code == 200, answer.text
    return {one["properties"]["city"] for one in answer.json()["results"]}


def rule(name, operator, value=None, **more):
    made = {"propertyName": name, "operator": operator, **more}
    return made if value is None else {**made, "value": value}


@pytest.fixture
def towns(portal):
    for city, revenue, status in (
        ("Ulm", "5", "NEW"),
        ("Bonn", "50", "OPEN"),
        ("Bad Ems", "500", ""),
    ):
        portal.contact(
            city=city, annualrevenue=revenue, hs_lead_status=status, hubspot_owner_id="501"
        )
    return portal


@pytest.mark.parametrize(
    ("condition", "cities"),
    [
        (rule("city", "EQ", "uLM"), {"Ulm"}),
        (rule("city", "NEQ", "ulm"), {"Bonn", "Bad Ems"}),
        (rule("annualrevenue", "GT", "9"), {"Bonn", "Bad Ems"}),
        (rule("annualrevenue", "LTE", "50"), {"Ulm", "Bonn"}),
        (rule("annualrevenue", "BETWEEN", "6", highValue="60"), {"Bonn"}),
        (rule("hs_lead_status", "EQ", "NEW"), {"Ulm"}),
        (rule("hs_lead_status", "EQ", "new"), set()),
        (rule("hs_lead_status", "HAS_PROPERTY"), {"Ulm", "Bonn"}),
        (rule("hs_lead_status", "NOT_HAS_PROPERTY"), {"Bad Ems"}),
        (rule("city", "IN", values=["ulm", "bonn"]), {"Ulm", "Bonn"}),
        (rule("city", "IN", values=["Ulm"]), set()),
        (rule("city", "NOT_IN", values=["ulm"]), {"Bonn", "Bad Ems"}),
        (rule("hs_lead_status", "IN", values=["NEW"]), {"Ulm"}),
        (rule("city", "CONTAINS_TOKEN", "bad"), {"Bad Ems"}),
        (rule("city", "CONTAINS_TOKEN", "bo*"), {"Bonn"}),
        (rule("city", "NOT_CONTAINS_TOKEN", "ems"), {"Ulm", "Bonn"}),
        (rule("lastmodifieddate", "GTE", "1000"), {"Ulm", "Bonn", "Bad Ems"}),
        (rule("lastmodifieddate", "LT", "2020-01-01T00:00:00Z"), set()),
        (rule("hubspot_owner_id", "EQ", "501"), {"Ulm", "Bonn", "Bad Ems"}),
    ],
)
def test_operators(towns, condition, cities):
    assert found(towns, condition) == cities


def test_groups_are_alternatives_and_query_is_text(towns):
    groups = [
        {"filters": [rule("city", "EQ", "ulm")]},
        {"filters": [rule("city", "EQ", "bonn"), rule("annualrevenue", "GT", "999")]},
    ]
    assert search(towns, filterGroups=groups).json()["total"] == 1
    assert search(towns, query="ems").json()["total"] == 1


def test_keyset_and_paging(towns):
    sorts = [{"propertyName": "hs_object_id", "direction": "DESCENDING"}]
    first = search(towns, sorts=sorts, limit=2).json()
    assert first["total"] == 3
    second = search(towns, sorts=sorts, limit=2, after=first["paging"]["next"]["after"]).json()
    assert "paging" not in second
    ids = [int(one["id"]) for one in first["results"] + second["results"]]
    assert ids == sorted(ids, reverse=True)
    last = rule("hs_object_id", "GT", str(ids[1]))
    assert search(towns, filterGroups=[{"filters": [last]}]).json()["total"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 0},
        {"after": "9999", "limit": 2},
        {"after": "171590001234"},
        {"after": "MTAw"},
        {"sorts": [{"propertyName": "city"}, {"propertyName": "email"}]},
        {"filterGroups": [{"filters": [rule("city", "EQ", "x")]}] * 6},
        {"filterGroups": [{"filters": [rule("city", "EQ", "x")] * 7}]},
        {"filterGroups": [{"filters": [rule("city", "EQ", "x")] * 5}] * 4},
        {"filterGroups": [{"filters": [rule("no_such", "EQ", "x")]}]},
        {"filterGroups": [{"filters": [rule("city", "LIKE", "x")]}]},
        {"filterGroups": [{"filters": [rule("annualrevenue", "GT", "many")]}]},
        {"query": "x" * 3000},
    ],
)
def test_caps(portal, body):
    assert search(portal, **body).status_code == 400


def test_list_cursor_and_search_cursor_are_not_interchangeable(portal):
    for city in range(3):
        portal.contact(city=str(city))
    cursor = portal.objects("GET", "contacts?limit=1").json()["paging"]["next"]["after"]
    assert search(portal, after=cursor).status_code == 400
    assert portal.objects("GET", "contacts?after=x1").status_code == 400


@pytest.mark.parametrize(
    ("operator", "operand"),
    [("EQ", {"value": "OLD@example.com"}), ("IN", {"values": ["old@example.com"]})],
)
def test_a_contact_is_found_by_its_additional_addresses(portal, operator, operand):
    """https://developers.hubspot.com/docs/api-reference/search/guide: as HubSpot does."""
    loser = portal.contact(email="old@example.com", city="Ulm")
    winner = portal.contact(email="new@example.com", city="Bonn")
    portal.act("merge", primary=winner, merged=loser)
    assert found(portal, rule("email", operator, **operand)) == {"Bonn"}
    assert found(portal, rule("email", "EQ", "no@example.com")) == set()
    assert found(portal, rule("email", "IN", values=["OLD@example.com"])) == set()
