"""The event API against its own OpenAPI document: whatever is sent, the answer is declared."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.web.conftest import House

schemathesis = pytest.importorskip(
    "schemathesis", reason="Schemathesis is missing: pip install schemathesis"
)

pytestmark = pytest.mark.slow

SCOPES = {
    "POST /events": "events:write",
    "GET /leads": "leads:read",
    "GET /leads/{portal}/{lead}": "leads:read",
    "GET /assistants": "assistants:read",
    "PUT /assistants/{portal}/{assistant}/off-days": "assistants:write",
}


@pytest.mark.parametrize("operation", SCOPES)
def test_every_answer_is_a_declared_one(house: House, operation: str) -> None:
    method, path = operation.split(" ")
    api = schemathesis.openapi.from_url(f"{house.url}/openapi.json")
    checks = schemathesis.checks
    seen: set[int] = set()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=api[path][method].as_strategy())
    def try_it(case: Any) -> None:
        answer = case.call(headers=house.bearer(SCOPES[operation]))
        seen.add(answer.status_code)
        if answer.status_code != 429:
            case.validate_response(
                answer,
                checks=[
                    checks.not_a_server_error,
                    checks.status_code_conformance,
                    checks.content_type_conformance,
                    checks.response_schema_conformance,
                ],
            )

    try_it()
    assert seen


def test_all_operations_are_tried(house: House) -> None:
    document = house.get("/openapi.json").json()
    found = {f"{m.upper()} {p}" for p, item in document["paths"].items() for m in item}
    assert found == set(SCOPES)
