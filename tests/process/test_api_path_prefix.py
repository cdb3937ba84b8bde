"""Below a path of a proxy's: what comes with the prefix is served, what leads on has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from support.api_server import running_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import StoreServer

PREFIX = "/tools/yard"
KEY = "k" * 40


@pytest.fixture
def outside(server: StoreServer) -> Iterator[httpx.Client]:
    """A client of a proxy that hands requests on as they are."""
    with (
        running_api(server.url, path_prefix=PREFIX, bootstrap_key=KEY) as url,
        httpx.Client(base_url=url, headers={"Accept": "text/html,*/*"}) as client,
    ):
        yield client


def with_key(client: httpx.Client) -> httpx.Client:
    client.headers["Authorization"] = f"Bearer {KEY}"
    return client


def test_a_submission_leads_to_its_job(outside: httpx.Client) -> None:
    client = with_key(outside)

    made = client.post(f"{PREFIX}/v1/jobs", json={"task": "add", "payload": {"a": 2, "b": 3}})

    assert made.status_code == 201
    assert made.headers["location"].startswith(f"{PREFIX}/v1/jobs/")
    assert client.get(made.headers["location"]).json()["id"] == made.json()["id"]


def test_probes_and_neighbours_need_no_prefix(outside: httpx.Client) -> None:
    assert outside.get("/livez").status_code == 200
    assert outside.get(f"{PREFIX}/livez").status_code == 200
    assert with_key(outside).get("/v1/queues").status_code == 200


def test_a_path_that_only_begins_alike_is_none_of_ours(outside: httpx.Client) -> None:
    assert with_key(outside).get(f"{PREFIX}s/v1/queues").status_code == 404


def test_the_type_of_a_problem_leads_to_its_page(outside: httpx.Client) -> None:
    problem = outside.get(f"{PREFIX}/v1/jobs", headers={"Accept": "application/json"}).json()

    assert problem["type"].startswith(f"{PREFIX}/docs/errors/")
    assert outside.get(problem["type"]).status_code == 200


def test_a_person_signs_in_and_lands_on_the_page(outside: httpx.Client) -> None:
    sent_away = outside.get(f"{PREFIX}/rq")
    form = outside.get(sent_away.headers["location"])
    following = re.findall(r"name='next' value='([^']+)'", form.text)[0]

    signed_in = outside.post(
        re.findall(r"action='([^']+)'", form.text)[0], data={"key": KEY, "next": following}
    )

    assert sent_away.headers["location"].startswith(f"{PREFIX}/sign-in")
    assert signed_in.headers["location"] == f"{PREFIX}/rq"
    assert outside.get(signed_in.headers["location"]).status_code == 200


@pytest.mark.parametrize("page", ["/rq", "/docs", "/redoc", "/docs/errors", "/sign-in"])
def test_every_link_of_a_page_is_served(page: str, outside: httpx.Client) -> None:
    shown = with_key(outside).get(PREFIX + page)

    links = re.findall(r"""(?:href|src|spec-url)=["']([^"']+)""", shown.text)
    assert links
    assert {outside.get(link).status_code for link in links} == {200}
    assert all(link.startswith(PREFIX) for link in links)
    assert f'data-prefix="{PREFIX}"' in shown.text


def test_scripts_ask_below_the_prefix(outside: httpx.Client) -> None:
    for name in ("account", "dashboard", "docs"):
        script = outside.get(f"{PREFIX}/static/{name}.js").text
        assert not re.findall(r"""["'`]/(?:v1|rq|sign|openapi)""", script)


def test_the_openapi_document_names_the_prefix(outside: httpx.Client) -> None:
    document = with_key(outside).get(f"{PREFIX}/openapi.json").json()

    assert [each["url"] for each in document["servers"]] == [PREFIX]


def test_head_of_a_page_is_answered(outside: httpx.Client) -> None:
    assert with_key(outside).head(f"{PREFIX}/rq").status_code == 200
