"""Runs a job of Azure Container Apps: `containerapps_run.py JOB.json [--undo]`.

Shows the lines of its container and exits with its code; 2 where it could not be started, with Azure's own reason.
The lines are those of Azure's log stream, which ends with the container: where it gives none, it says where they are
found minutes later.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest
from azure.identity import DefaultAzureCredential
from azure.mgmt.appcontainers import ContainerAppsAPIClient
from azure.mgmt.appcontainers.models import JobExecutionContainer, JobExecutionTemplate

LOOK = (0.5, 5.0)
"""Seconds between two looks at an execution: at first, and at most."""
PATIENCE = 120
"""Seconds in which Azure may not answer, or not know an execution yet that it has just started."""
HOPELESS = ("ImagePull", "ErrImage", "InvalidImageName", "CreateContainer")
"""Why a container waits that will not start by itself: the words of Kubernetes, which is below."""
FIRM = 45
"""Seconds in which a pull that fails may still succeed."""
ENDED = ("Succeeded", "Failed", "Stopped")
STREAMING = "2023-11-02-preview"
"""The version of the API that tells where an execution's lines are; `az containerapp job logs show` asks the same."""
SETTLE = 5
"""Seconds in which the stream may still give lines of a container that has ended."""
METRICS = "::mesh::"
"""Begin of what a job says of itself (runner.py)."""
LOGIN = "`az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
AWAY = (ServiceRequestError, ServiceResponseError)


class Refused(Exception):
    """Why the job can't run, in one sentence."""


class Run:
    """One execution of a job."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told, self.container = told, told["container"]
        self.at = (told["resourceGroup"], told["job"])
        # ARM_ENDPOINT: another Azure than the public one, or than that of AZURE_CLOUD.
        self.client: Any = ContainerAppsAPIClient(
            DefaultAzureCredential(), told["subscription"], os.environ.get("ARM_ENDPOINT")
        )

    def template(self, command: list[str]) -> JobExecutionTemplate:
        """The job's own containers with another command for ours.

        A template replaces all but the volumes, which stay the job's (github.com/microsoft/azure-container-apps, 909).
        """
        found = self.client.jobs.get(*self.at).template
        containers = [
            JobExecutionContainer(
                name=own.name,
                image=own.image,
                command=command if own.name == self.container else own.command,
                args=None if own.name == self.container else own.args,
                env=own.env,
                resources=own.resources,
            )
            for own in found.containers
        ]
        return JobExecutionTemplate(containers=containers)

    def run(self, command: list[str] | None) -> int:
        """Run to the end; the execution never outlives us."""
        name = ""
        try:
            template = self.template(command) if command else None
            name = self.client.jobs.begin_start(*self.at, template, polling_interval=2).result().name
            group, job = self.at
            where = f"az containerapp job logs show -g {group} -n {job} --execution {name} --container {self.container}"
            print(f"execution {name}; its lines: {where}", flush=True)
            return self.code(self.wait(name))
        except BaseException:
            self.stop(name)
            raise

    def wait(self, name: str) -> Any:
        """The execution's properties once it has ended."""
        delay, heard, said, hopeless = LOOK[0], time.monotonic(), "", 0.0
        shown: threading.Thread | None = None
        while True:
            found = self.look(name)
            now = time.monotonic()
            if shown is None and found is not None and state(found) in ("Running", *ENDED):
                shown = self.follow(name)
            if found is not None and state(found) in ENDED:
                if shown is not None:
                    shown.join(SETTLE)
                return found
            heard = now if found is not None else heard
            if now - heard > PATIENCE:
                raise Refused(f"Azure has said nothing of the execution {name} for {PATIENCE} s")
            why = waits(found)
            if why and why != said:
                print(why, flush=True)
            said = why
            hopeless = (hopeless or now) if any(word in why for word in HOPELESS) else 0.0
            if hopeless and now - hopeless > FIRM:
                raise Refused(f"the container does not start: {why}")
            time.sleep(delay)
            delay = min(delay * 1.3, LOOK[1])

    def look(self, name: str) -> Any:
        """The execution's properties now; None where Azure does not answer, or does not know it yet."""
        try:
            return self.client.job_execution(*self.at, name).properties
        except AWAY:
            return None
        except HttpResponseError as error:
            if error.status_code != 404:
                raise
            return None

    def follow(self, name: str) -> threading.Thread | None:
        """Show the container's lines from now on; None where Azure does not tell yet where they are."""
        try:
            replicas = self.ask("GET", f"/executions/{name}/replicas")["value"]
            containers = [part for replica in replicas for part in replica["properties"]["containers"]]
            places = [part["logStreamEndpoint"] for part in containers if part["name"] == self.container]
            token = self.ask("POST", "/getAuthToken")["properties"]["token"] if places else ""
        except (AzureError, KeyError, TypeError, ValueError):
            return None
        if not places:
            return None
        thread = threading.Thread(target=show, args=(places[0], token), daemon=True)
        thread.start()
        return thread

    def ask(self, method: str, what: str) -> Any:
        """What the job's own address answers; the SDK knows nothing of lines."""
        subscription, (group, job) = self.told["subscription"], self.at
        path = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.App/jobs/{job}{what}"
        request = HttpRequest(method, f"{self.client._config.base_url}{path}", params={"api-version": STREAMING})
        answer = self.client.send_request(request)
        answer.raise_for_status()
        return answer.json()

    def code(self, ended: Any) -> int:
        """The exit code of our container, or what the execution's end means."""
        status = state(ended)
        if status == "Succeeded":
            return 0
        codes = [part.code for part in parts(ended) if part.name == self.container and part.code]
        why = [text for text in (ended.reason, ended.message) if text]
        if status == "Stopped":
            why.insert(0, "stopped from outside")
        if why:
            print(": ".join(dict.fromkeys(why)), flush=True)
        return int(codes[0]) if codes else 1

    def stop(self, name: str) -> None:
        """End the execution, if it still runs."""
        if not name:
            return
        try:
            found = self.look(name)
            if found is None or state(found) not in ENDED:
                self.client.jobs.begin_stop_execution(*self.at, name, polling=False)
        except AzureError as error:
            print(f"the execution {name} goes on: {sentence(error, self.told)}", flush=True)


def show(place: str, token: str) -> None:
    """Print the lines of a container until it ends."""
    asked = {"follow": "true", "output": "json", "tailLines": "300"}
    heads = {"Authorization": f"Bearer {token}"}
    with (
        suppress(requests.RequestException),
        requests.get(place, params=asked, headers=heads, stream=True, timeout=(10, None)) as answer,
    ):
        answer.raise_for_status()
        for raw in answer.iter_lines():
            if raw:
                print(text_of(raw.decode(errors="replace")), flush=True)


def text_of(line: str) -> str:
    """What a program wrote: the stream wraps it as {TimeStamp, Log}, and may put marks of its own before it."""
    with suppress(ValueError):
        told = json.loads(line)
        if isinstance(told, dict) and "TimeStamp" in told:
            line = str(told.get("Log", ""))
    at = line.find(METRICS)
    return line[at:] if at > 0 else line


def state(properties: Any) -> str:
    """An execution's state; the SDK has an Enum for those that it knows."""
    return str(getattr(properties.status, "value", properties.status))


def parts(properties: Any) -> list[Any]:
    """What is known of the containers of an execution's replicas."""
    replicas = (properties.detailed_status.replicas if properties and properties.detailed_status else None) or []
    return [part for replica in replicas for part in replica.containers or []]


def waits(properties: Any) -> str:
    """What Azure says of containers that do not run yet."""
    told = [f"{part.status or ''} {part.additional_information}".strip() for part in parts(properties)]
    return "; ".join(text for text in dict.fromkeys(told) if not text.endswith("None"))


def sentence(error: AzureError, told: dict[str, Any]) -> str:
    """What Azure says, and what helps."""
    status = getattr(error, "status_code", None)
    known = getattr(error, "error", None)
    said = " ".join(str(getattr(known, "message", None) or error.message).split())
    if isinstance(error, AWAY):
        return f"Azure does not answer: {said}"
    if isinstance(error, ClientAuthenticationError) and status is None:
        entra = re.search(r"AADSTS\d+: [^.]*", said)
        return f"this machine has no Azure credentials that work{f' ({entra[0]})' if entra else ''}; {LOGIN}"
    if status == 401:
        return f"Azure does not accept the credentials of this machine: {said}; {LOGIN}"
    if status == 403:
        action = re.search(r"perform action '([^']+)'", said)
        return f"the right `{action[1]}` is missing: {said}" if action else f"Azure forbids it: {said}"
    if status == 404:
        code, where = getattr(known, "code", ""), f"subscription {told['subscription']}"
        if code == "SubscriptionNotFound":
            return f"there is no {where} for who is logged in here; {LOGIN}"
        if code == "ResourceGroupNotFound":
            return f"there is no resource group {told['resourceGroup']} in {where}"
        return f"there is no Container Apps job {told['job']} in resource group {told['resourceGroup']} of {where}"
    return f"Azure refuses the job: {said}"


def main() -> None:
    """The command line."""
    told: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(130))
    for key in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):  # as Pulumi's provider calls them
        if f"ARM_{key}" in os.environ:
            os.environ.setdefault(f"AZURE_{key}", os.environ[f"ARM_{key}"])
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # it tells every way to log in that it tried
    try:
        sys.exit(Run(told).run(told["undo"] if "--undo" in sys.argv else None))
    except Refused as refused:
        print(refused, flush=True)
    except AzureError as error:
        print(sentence(error, told), flush=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
