"""The loadtest Job of the chart with the image of the load lab: what it asks the lab to do."""

from __future__ import annotations

from typing import Any

from loadlab.__main__ import parser_of_arguments
from loadlab.scenario import load
from support.chart import Release, render

LAB = {"repository": "jobyard-loadtest", "arguments": ["cluster", "--rate", "200"]}


def container_of(release: Release) -> dict[str, Any]:
    [job] = [job for job in release.of("Job") if "-loadtest-" in job["metadata"]["name"]]
    [container] = job["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


def rendered(**values: Any) -> Release:
    return render({"loadtest": {"enabled": True, "lab": LAB}, **values})


def test_the_lab_understands_what_it_is_told() -> None:
    container = container_of(rendered(api={"pathPrefix": "/yard"}))

    told = parser_of_arguments().parse_args(container["args"])

    assert (told.scenario, told.rate, told.log_report) == ("cluster", "200", True)
    assert told.url == "http://yard-jobyard-api:80/yard"
    assert load(told.scenario, [f"shape.rate={told.rate}"]).shape.rate_at(0) == 200


def test_the_lab_writes_only_where_it_may() -> None:
    container = container_of(rendered())
    told = parser_of_arguments().parse_args(container["args"])

    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
    assert told.directory.is_relative_to("/tmp")


def test_the_lab_has_an_image_of_its_own_and_the_key() -> None:
    container = container_of(rendered(image={"registry": "registry.example.com", "tag": "1.2"}))

    assert container["image"] == "registry.example.com/jobyard-loadtest:1.2"
    assert [each["name"] for each in container["env"]] == ["JOBYARD_API_KEY"]


def test_other_arguments_are_another_job() -> None:
    names = {
        job["metadata"]["name"]
        for arguments in (["cluster"], ["cluster", "--rate", "9"])
        for job in rendered(loadtest={"enabled": True, "lab": {**LAB, "arguments": arguments}}).of(
            "Job"
        )
        if "-loadtest-" in job["metadata"]["name"]
    }

    assert len(names) == 2
