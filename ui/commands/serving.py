"""`serve`: web pages and one supervised worker. `worker`: a worker alone, in the foreground."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from ui.commands.arguments import AsJson, Base, Functions, Precision, Study
from ui.commands.output import print_json, say


def serve(
    study: Study,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.", min=0, max=65535)] = 7860,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Pages only: runs wait for another worker.")] = False,
    base: Base = None,
    precision: Precision = None,
    public_url: Annotated[
        str | None,
        typer.Option(
            help="Address that people type where a proxy stands in front, such as https://ratings.example.org."
        ),
    ] = None,
    trusted_proxy: Annotated[
        str, typer.Option(help="Proxies whose X-Forwarded-For counts: addresses or networks, parted by commas.")
    ] = "",
    demo: Annotated[bool, typer.Option("--demo", help="Fill a new study with the demo's prompts.")] = False,
    functions: Functions = None,
    as_json: AsJson = False,
) -> None:
    """Open the study in the browser: compare pages, console, and the worker that samples and trains.

    Makes the study where there is none. Prints the address to open. Ctrl-C ends it; runs go on at the next start. With
    accounts (`tastemaker user add`) people log in; without, whoever has the printed address comes in, on this machine.
    """
    from ui.web.server import serve as serve_study

    def on_ready(address: str) -> None:
        if as_json:
            print_json({"address": address, "study": str(study)})
        else:
            print(f"\n  Tastemaker is ready: {address}\n  Ctrl-C ends it.\n", flush=True)

    if sys.stderr.isatty() and not as_json:
        say(f"Starting {study} ...")
    serve_study(
        study,
        host=host,
        port=port,
        worker=not no_worker,
        base=base,
        precision=precision,
        demo=demo,
        public_url=public_url,
        trusted_proxy=trusted_proxy,
        functions=functions,
        on_ready=on_ready,
    )


def worker(
    study: Study,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when no run is left.")] = False,
    functions: Functions = None,
    as_json: AsJson = False,
) -> None:
    """Work off the study's runs in the foreground. Ctrl-C: it writes a checkpoint and hands its run back."""
    from rounds import studies, supervisor

    studies.open_or_create(study).close()  # says in words what is wrong with it
    command = supervisor.worker_command(study.resolve(), parent=os.getpid(), functions=functions)
    if until_idle:
        command.append("--until-idle")
    environment = {**os.environ, **supervisor.worker_environment(study)}
    process = subprocess.Popen(command, env=environment, start_new_session=True)  # Ctrl-C comes to this process alone
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            process.terminate()  # it writes its checkpoint, hands its run back, and ends
    if as_json:
        print_json({"study": str(study), "exit_code": code})
    raise typer.Exit(code if code >= 0 else 128 - code)
