"""A person signs in with a key: the cookie, what it may do, and who else may not."""

from __future__ import annotations

from functools import partial
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

import httpx
import pytest

from jobyard.api_keys import Scope, new_api_key
from support.api_server import running_api
from support.keys import make_key, revoke
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import StoreServer

JOB = {"task": "echo", "payload": {}}
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def browser(server: StoreServer) -> Iterator[httpx.Client]:
    """A client with cookies of an API that asks for keys."""
    with (
        running_api(server.url, auth="required") as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


def sign_in(browser: httpx.Client, key: str, **form: str) -> httpx.Response:
    return browser.post("/sign-in", data={"key": key, **form}, headers=OURS)


def acting(browser: httpx.Client) -> dict[str, str]:
    return {**OURS, "X-CSRF-Token": browser.cookies["jobyard_csrf"]}


def is_refused(url: str, cookies: dict[str, str]) -> bool:
    return httpx.get(f"{url}/v1/jobs", cookies=cookies).status_code == 401


@pytest.mark.parametrize("page", ["/rq", "/docs", "/redoc"])
def test_a_person_without_a_key_is_sent_to_the_form(browser: httpx.Client, page: str) -> None:
    sent = browser.get(page, headers={"Accept": "text/html"})

    assert (sent.status_code, sent.headers["location"]) == (303, f"/sign-in?next={page}")
    assert browser.get(page).status_code == 401


def test_the_form_runs_no_script_and_sends_to_this_site_only(browser: httpx.Client) -> None:
    form = browser.get("/sign-in", params={"next": "/docs"})

    policy = form.headers["content-security-policy"]
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "value='/docs'" in form.text


def test_the_cookie_opens_what_the_key_opens(server: StoreServer, browser: httpx.Client) -> None:
    key = make_key(server, "acme", [Scope.JOBS_READ])

    signed = sign_in(browser, key.text, next="/docs")

    assert (signed.status_code, signed.headers["location"]) == (303, "/docs")
    assert browser.get("/rq").status_code == 200
    assert browser.get("/v1/jobs").status_code == 200
    assert browser.get("/v1/api-keys").status_code == 403
    who = browser.get("/sign-in/session").json()
    assert who == {
        "name": "acme's", "tenant": "acme", "scopes": ["jobs:read"], "signed_in": True,
    }  # fmt: skip


def test_scripts_cannot_read_the_session_and_other_sites_do_not_send_it(
    server: StoreServer, browser: httpx.Client
) -> None:
    signed = sign_in(browser, make_key(server).text)

    session, csrf = (SimpleCookie(line) for line in signed.headers.get_list("set-cookie"))
    held, token = session["jobyard_session"], csrf["jobyard_csrf"]
    assert held["httponly"]
    assert held["samesite"] == token["samesite"] == "strict"
    assert held["max-age"] == "43200"
    assert not token["httponly"]


def test_the_key_and_the_session_are_not_in_the_store(
    server: StoreServer, browser: httpx.Client
) -> None:
    key = make_key(server)
    sign_in(browser, key.text)

    with server.client() as client:
        held = b"".join(client.dump(name) + name for name in client.scan_iter())
    assert browser.cookies["jobyard_session"].encode() not in held
    assert key.text.encode() not in held


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": "right"},
        {"Sec-Fetch-Site": "same-site", "X-CSRF-Token": "right"},
        {"Origin": "https://evil.example", "X-CSRF-Token": "right"},
        {"X-CSRF-Token": "right"},
        {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": "wrong"},
    ],
    ids=str,
)
def test_nothing_is_changed_by_cookie_unless_our_page_sent_it(
    server: StoreServer, browser: httpx.Client, wrong: dict[str, str]
) -> None:
    sign_in(browser, make_key(server).text)
    headers = dict(wrong)
    if headers.get("X-CSRF-Token") == "right":
        headers["X-CSRF-Token"] = browser.cookies["jobyard_csrf"]

    for refused in (
        browser.post("/v1/jobs", json=JOB, headers=headers),
        browser.get("/send-email/a@example.com", headers=headers),
        browser.post("/sign-out", headers=headers),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "cross-site-request")
    assert browser.get("/v1/jobs").json()["jobs"] == []


def test_our_pages_act_for_who_is_signed_in(server: StoreServer, browser: httpx.Client) -> None:
    sign_in(browser, make_key(server).text)
    own = {"Origin": str(browser.base_url), "X-CSRF-Token": browser.cookies["jobyard_csrf"]}

    assert browser.post("/v1/jobs", json=JOB, headers=acting(browser)).status_code == 201
    assert browser.post("/v1/jobs", json=JOB, headers=own).status_code == 201


def test_a_key_needs_no_token(server: StoreServer, browser: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {make_key(server).text}"}

    assert browser.post("/v1/jobs", json=JOB, headers=headers).status_code == 201


def test_another_session_has_another_token(server: StoreServer, browser: httpx.Client) -> None:
    key = make_key(server).text
    sign_in(browser, key)
    first = browser.cookies["jobyard_csrf"]
    browser.cookies.clear()
    sign_in(browser, key)

    refused = browser.post("/v1/jobs", json=JOB, headers={**OURS, "X-CSRF-Token": first})

    assert refused.status_code == 403


def test_who_signs_out_is_out_everywhere(server: StoreServer, browser: httpx.Client) -> None:
    sign_in(browser, make_key(server).text)
    kept = dict(browser.cookies)
    with running_api(server.url, auth="required") as other:
        assert httpx.get(f"{other}/v1/jobs", cookies=kept).status_code == 200

        assert browser.post("/sign-out", headers=acting(browser)).status_code == 204

        assert "jobyard_session" not in browser.cookies
        for url in (other, str(browser.base_url)):
            wait_for(partial(is_refused, url, kept), 10)


def test_a_session_ends_with_its_key(server: StoreServer, browser: httpx.Client) -> None:
    key = make_key(server)
    sign_in(browser, key.text)
    assert browser.get("/v1/jobs").status_code == 200

    revoke(server, key.id)

    wait_for(lambda: browser.get("/v1/jobs").status_code == 401, 10)


@pytest.mark.parametrize(
    "key",
    ["", "yd_wrong", "' or 1=1", new_api_key().text],
    ids=["empty", "mistyped", "odd", "unknown"],
)
def test_a_wrong_key_signs_nobody_in(browser: httpx.Client, key: str) -> None:
    refused = sign_in(browser, key, next="/docs")

    assert refused.status_code == 401
    assert "not valid" in refused.text
    assert "set-cookie" not in refused.headers


def test_another_site_signs_nobody_in(server: StoreServer, browser: httpx.Client) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        form = {"key": make_key(server).text}
        assert browser.post("/sign-in", data=form, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "page", ["//evil.example", "https://evil.example", "/\\evil.example", "x", "/a\nb", ""]
)
def test_the_way_on_does_not_lead_to_another_site(
    server: StoreServer, browser: httpx.Client, page: str
) -> None:
    signed = sign_in(browser, make_key(server).text, next=page)

    assert signed.headers["location"] == "/rq"


def test_the_form_shows_what_it_is_given_as_text(browser: httpx.Client) -> None:
    page = browser.get("/sign-in", params={"next": "/'><script>alert(1)</script>"})

    assert "<script>" not in page.text


def test_the_bootstrap_key_signs_in(server: StoreServer) -> None:
    key = new_api_key().text
    with (
        running_api(server.url, bootstrap_key=key) as url,
        httpx.Client(base_url=url) as browser,
    ):
        assert sign_in(browser, key).status_code == 303
        assert browser.get("/v1/api-keys").status_code == 200
        kept = dict(browser.cookies)
    with running_api(server.url, bootstrap_key=new_api_key().text) as url:
        assert httpx.get(f"{url}/v1/jobs", cookies=kept).status_code == 401
