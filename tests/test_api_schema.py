"""Whatever is sent to the API, made up from its own description: it answers as described."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from controller.config import load
from controller.config_model import HttpSettings
from controller.daemon import Controller
from hw import TABLES
from sync.api.app import site as api_site
from sync.api.limits import Rate, Rates
from sync.api.operations import operations
from sync.desk_tokens import SCOPES, Tokens
from sync.inbound_server import InboundServer
from sync.office import Office
from sync.platforms import PLATFORMS
from tests.fakes import MONDAY, FakeClock
from tests.locks import ada, call, write_site

pytestmark = pytest.mark.slow

EXAMPLES = 12  # of each operation, as described and otherwise
PLENTY = Rates(Rate(1e9, 1e9), Rate(1e9, 1e9), Rate(1e9, 1e9))
NAMES = [
    *("put_users_one", "post_users", "get_users_one", "patch_users_one", "delete_users_one"),
    *("get_doors", "get_groups", "post_doors_one_open", "get_events", "get_roster"),
]
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


class Served:
    """The API on loopback without limits, before a door, with one user in it."""

    def __init__(self, url: str, token: str, description: dict[str, Any]) -> None:
        self.url, self.token = url, token
        self.schema = schemathesis.openapi.from_dict(description)
        self.operations: dict[str, Any] = {}
        for found in self.schema.get_all_operations():
            operation: Any = found.ok()  # type: ignore[union-attr]
            self.operations[operation.definition.raw["operationId"]] = operation

    def try_out(self, case: Any) -> int:
        """Send it and check the answer; its status."""
        case.headers["X-Api-Token"] = self.token
        response = case.call(base_url=f"{self.url}/api/v1")
        case.validate_response(response, checks=CHECKS)
        return int(response.status_code)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with ExitStack() as ends:
        config = load(write_site(tmp_path_factory.mktemp("site")), TABLES, PLATFORMS)
        clock = FakeClock()
        ends.enter_context(Controller(config, clock))
        office = Office(config, threading.Event(), clock)
        ends.callback(office.close)
        assert office.desk
        token = Tokens(office.desk).add("tester", SCOPES, "us", MONDAY)
        server = InboundServer(
            HttpSettings(port=0), [], sites=[api_site(office, office.desk, PLENTY)]
        )
        server.open()
        ends.callback(server.close)
        assert call(server.url, "PUT", "/users/front", token, ada()).status == 201
        assert {each.path for each in operations(office)}
        description = call(server.url, "GET", "/openapi.json").body
        yield Served(server.url, token, description)


def test_every_operation_is_tried(served: Served) -> None:
    assert sorted(served.operations) == sorted([*NAMES, "get_openapi_json"])


@pytest.mark.parametrize("name", NAMES)
def test_as_described_it_is_answered_as_described(served: Served, name: str) -> None:
    operation = served.operations[name]
    known = {"id": "front"} if "{id}" in operation.path else None
    statuses: set[int] = set()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.data())
    def run(data: Any) -> None:
        statuses.add(served.try_out(data.draw(operation.as_strategy(path_parameters=known))))

    run()
    assert not statuses & {401, 403, 429}


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in ("get_doors", "get_groups")]
)
def test_otherwise_it_is_refused_as_described(served: Served, name: str) -> None:
    operation = served.operations[name]

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.data())
    def run(data: Any) -> None:
        served.try_out(data.draw(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)))

    run()
