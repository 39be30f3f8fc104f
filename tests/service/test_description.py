"""The API does what its description says, whatever it is sent."""

import contextlib

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from service_client import TOKEN

schemathesis = pytest.importorskip("schemathesis")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def test_the_description_is_complete(client):
    description = client.get("/openapi.json").json()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("description"), where
            for status, answer in operation["responses"].items():
                assert answer["description"], where
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], where
    assert description["components"]["schemas"]["Model"]["examples"]
    assert description["components"]["securitySchemes"]


def test_no_answer_is_undocumented(hub, serve):
    """What is sent is made from the description, half of it wrong on purpose."""
    hub.add_model("org/model", size=1000)
    client = serve(requests_per_s=1e6, request_burst=10**6, retry_waits_s=())
    client.until_ended(client.create("org/model")["id"])
    api = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    checks = schemathesis.checks.CHECKS.get_by_names(CHECKS)
    seen = set()

    def exchange(case):
        answer = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
        case.validate_response(answer, checks=checks)
        seen.add(answer.status_code)

    limits = settings(
        max_examples=6,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    for result in api.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/events"):
            continue  # never ends; test_events reads it
        for mode in schemathesis.GenerationMode:
            cases = operation.as_strategy(generation_mode=mode)
            with contextlib.suppress(Unsatisfiable):  # nothing can be wrong in it
                limits(given(case=cases)(lambda case: exchange(case)))()
    assert {200, 202, 404, 422} <= seen
