"""Whatever the API accepts is read back as it was sent, by the task and by the client."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import redis

    from support.processes import Services

JSON = {"Content-Type": "application/json"}

# Also what must be refused: halves of surrogate pairs, NaN, integers of any size.
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs", "Cc", "Lo"]), max_size=4)
    | st.sampled_from([2**63 - 1, -(2**63), 2**63, 2**53 + 1, -0.0, 5e-324, 1.7976931348623157e308])
)
keys = st.text(max_size=8) | st.sampled_from(["", "a/b", "~", "__proto__", "task", "\0"])
messages = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=25,
)


@pytest.fixture
def yard(services: Services) -> Iterator[Rest]:
    services.start("jobyard-worker")
    with Rest(services) as api:
        api.wait_for_task("echo")
        yield api


def test_what_is_accepted_reads_back_equal_and_what_is_refused_is_not_stored(
    yard: Rest, client: redis.Redis, figure: Callable[[str, object], None]
) -> None:
    met: Counter[str] = Counter()

    @given(message=messages, is_ascii=st.booleans())
    @settings(max_examples=200, deadline=None)
    def one(message: Any, *, is_ascii: bool) -> None:
        payload = {"message": message}
        text = json.dumps({"task": "echo", "payload": payload}, ensure_ascii=is_ascii)
        stored = set(client.keys("rq:job:*"))

        made = yard.http.post("/v1/jobs", content=text.encode(errors="surrogatepass"), headers=JSON)

        met["accepted" if made.status_code == 201 else "refused"] += 1
        if made.status_code == 201:
            assert_reads_back(yard, made.json(), payload)
        else:
            assert made.json()["code"] in {"unsafe-json", "malformed-json"}
            assert set(client.keys("rq:job:*")) == stored

    one()

    figure("payloads accepted", met["accepted"])
    figure("payloads refused", met["refused"])
    assert min(met["accepted"], met["refused"]) > 10


def assert_reads_back(yard: Rest, made: dict[str, Any], payload: dict[str, Any]) -> None:
    path = f"/v1/jobs/{made['id']}"
    result = yard.http.get(f"{path}/result?wait=30s").json()
    read = yard.http.get(path).json()

    assert (result["state"], read["state"]) == ("succeeded", "succeeded")
    seen = (made["payload"], read["payload"], result["result"], read["result"])
    assert {exactly(each) for each in seen} == {exactly(payload)}


def exactly(value: Any) -> str:
    """Tells 1 from 1.0 and from true, which Python's equality does not."""
    return json.dumps(value, sort_keys=True)
