"""The command `jobyard`: composition root of the command line."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobyard.errors import ConfigurationError, JobyardError
from jobyard_cli import keys, log_level, quotas
from jobyard_cli.plan import plan
from jobyard_cli.settings import ClientSettings, UpSettings
from jobyard_cli.up import up as run_yard
from jobyard_cli.watch import watch as follow

if TYPE_CHECKING:
    from jobyard_cli.client import ApiClient

app = typer.Typer(
    help="Background jobs: the whole yard on this machine, and a client for its API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(keys.app, name="keys")
app.add_typer(quotas.app, name="quotas")
app.command()(plan)
app.command("log-level")(log_level.log_level)


def main() -> None:
    """Runs the command line; a known trouble is one line on stderr and an exit code."""
    try:
        app()
    except ConfigurationError as error:
        _fail(error, 2)
    except JobyardError as error:
        _fail(error, 1)


def _fail(error: JobyardError, code: int) -> None:
    line = " ".join(str(error).split())
    sys.stderr.write(f"jobyard: {line}\n")
    sys.exit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@app.command()
def up(
    port: Annotated[
        int | None, typer.Option(help="Port of the API; 0 takes a free one. [JOBYARD_API_PORT]")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes. [JOBYARD_WORKERS, 2]")
    ] = None,
    redis_url: Annotated[
        str | None,
        typer.Option(help="Use this server instead of an embedded one. [JOBYARD_REDIS_URL]"),
    ] = None,
    *,
    autoscale: Annotated[
        bool | None,
        typer.Option("--autoscale", help="Scale the workers with the work. [JOBYARD_AUTOSCALE]"),
    ] = None,
    minimum: Annotated[
        int | None,
        typer.Option("--min", help="Fewest workers then. [JOBYARD_AUTOSCALE_MIN, 0]"),
    ] = None,
    maximum: Annotated[
        int | None,
        typer.Option("--max", help="Most workers then. [JOBYARD_AUTOSCALE_MAX, 4]"),
    ] = None,
) -> None:
    """Start store, API, scheduler and workers here; Ctrl-C drains and stops them all."""
    given = {
        "api_port": port,
        "workers": workers,
        "redis_url": redis_url,
        "autoscale": autoscale,
        "autoscale_min": minimum,
        "autoscale_max": maximum,
    }
    run_yard(UpSettings.load(**{name: value for name, value in given.items() if value is not None}))


@app.command()
def submit(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    payload: Annotated[str, typer.Option(help="The payload, a JSON object.")] = "{}",
    queue: Annotated[str | None, typer.Option(help="Another queue than the task's own.")] = None,
) -> None:
    """Submit a job to the API at JOBYARD_API_URL and print it."""
    with _client() as client:
        job = client.submit(task, _object(payload), queue)
    typer.echo(json.dumps(job, indent=2, ensure_ascii=False))


@app.command()
def watch(job_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the job.")]) -> None:
    """Follow a job until it ends; the exit code is 0 only if it succeeded."""
    with _client() as client:
        code = follow(client, job_id, typer.echo)
    raise typer.Exit(code)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"jobyard {installed_version('jobyard-cli')}")


def _client() -> ApiClient:
    # Late: `jobyard up` does not wait for an HTTP client that it does not use.
    from jobyard_cli.client import ApiClient  # noqa: PLC0415

    settings = ClientSettings.load()
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return ApiClient(str(settings.api_url), key)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"--payload: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise ConfigurationError("--payload: give a JSON object, as in --payload '{\"a\": 2}'")
    return value


if __name__ == "__main__":
    main()
