"""Serves `LanguageRuntime` (pulumi/language.proto) to the Pulumi engine."""

import json
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

# Without it gRPC pauses its threads around every process start.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

import grpc

from tools.language_host.processes import Processes, how_it_ended, output
from tools.language_host.protocol import messages, plugins, services

SHOWN = 32
"""Exit code by which a program says that the user has seen its error (pulumi-language-python-exec)."""

PROGRAM = Path(__file__).with_name("program.py")

THREADS = 256
"""Each running program and plugin holds one; a thread is made when it is needed."""


class LanguageHost(services.LanguageRuntimeServicer):  # type: ignore[misc]
    """What the engine asks: to run a program or a plugin in Python, and what that Python holds."""

    def __init__(self, engine: str, executor: Path, processes: Processes) -> None:
        self._engine = engine
        self._executor = executor
        self._processes = processes
        self._programs: set[subprocess.Popen[bytes]] = set()
        self._cancelled = False

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        return messages.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        from importlib.metadata import version

        return plugins.PluginInfo(version=version("pulumi"))

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        return messages.GetRequiredPackagesResponse()  # plugins then load when a resource first needs them

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        return messages.GetRequiredPluginsResponse()

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run the program of a stack to its end."""
        command = [_python(request.info, context), "-u", str(PROGRAM), str(self._executor)]
        arguments = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "stack": request.stack,
            "pwd": request.pwd,
            "dry_run": "true" if request.dryRun else "false",
            "parallel": str(request.parallel),
            "organization": request.organization,
            "root_directory": request.info.root_directory,
        }
        for name, value in arguments.items():
            if value:
                command += [f"--{name}", value]
        command += [request.info.entry_point or request.program or ".", *request.args]
        environment = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        process = self._start(context, command, request.pwd, environment, signal.SIGINT)
        self._programs.add(process)
        if not context.add_callback(lambda: self._processes.end_soon(process)) or self._cancelled:
            self._processes.end_soon(process)
        for name, chunk in output(process):
            _write_all(1 if name == "stdout" else 2, chunk)
        code = process.returncode
        self._programs.discard(process)
        self._processes.ended(process)
        if code == 0:
            return messages.RunResponse()
        if code == SHOWN or self._cancelled:
            return messages.RunResponse(bail=True)
        return messages.RunResponse(error=f"The program {how_it_ended(code)}")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Run a provider or a policy pack, whose output is the stream, for as long as the engine listens."""
        python, program = _python(request.info, context), request.info.program_directory
        if request.kind == "analyzer":
            command = [python, "-u", "-m", "pulumi.policy", *request.args, program]
        else:
            command = [python, "-u", program, *request.args]
        environment = dict(entry.split("=", 1) for entry in request.env)
        process = self._start(context, command, request.pwd, environment, signal.SIGTERM)
        if not context.add_callback(lambda: self._processes.end_soon(process)):
            self._processes.end_soon(process)
        for name, chunk in output(process):
            yield messages.RunPluginResponse(**{name: chunk})
        self._processes.ended(process)
        yield messages.RunPluginResponse(exitcode=process.returncode)

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        _refuse(context, "this Python language host installs nothing: run make install")

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        python = _python(request.info, context)
        return messages.AboutResponse(
            executable=python, version=_installed(python)[0], metadata={"languageHost": "meshwright"}
        )

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        packages = _installed(_python(request.info, context))[1]
        required = set() if request.transitiveDependencies else {name for *_, names in packages for name in names}
        return messages.GetProgramDependenciesResponse(
            dependencies=[
                messages.DependencyInfo(name=name, version=version)
                for name, version, _ in sorted(packages)
                if name.lower().replace("_", "-").replace(".", "-") not in required
            ]
        )

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The user pressed Ctrl-C, or all is done. Providers get a Cancel of their own from the engine."""
        from google.protobuf.empty_pb2 import Empty

        self._cancelled = True
        for process in list(self._programs):
            self._processes.end_soon(process)
        return Empty()

    def _start(
        self,
        context: grpc.ServicerContext,
        command: list[str],
        folder: str,
        environment: dict[str, str],
        stop: signal.Signals,
    ) -> subprocess.Popen[bytes]:
        try:
            return self._processes.start(command, folder, environment, stop)
        except OSError as problem:
            _refuse(context, f"could not start {command[0]}: {problem.strerror or problem}")


def _python(info: Any, context: grpc.ServicerContext) -> str:
    from google.protobuf.json_format import MessageToDict

    from tools.language_host.interpreter import InterpreterNotFound, interpreter

    try:
        return interpreter(MessageToDict(info.options), info.root_directory)
    except InterpreterNotFound as problem:
        _refuse(context, str(problem))


def _refuse(context: grpc.ServicerContext, sentence: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, sentence)
    raise AssertionError("abort raises")


@cache
def _installed(python: str) -> tuple[str, list[tuple[str, str, list[str]]]]:
    from tools.language_host.interpreter import installed

    return installed(python)


def _write_all(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


def serve(engine: str, executor: Path) -> None:
    """Serve on a free port of this machine, written to stdout, until SIGINT, SIGTERM or the engine's death."""
    processes = Processes()
    over, end = os.pipe()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os.write(end, b"."))
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=unlimited)
    services.add_LanguageRuntimeServicer_to_server(LanguageHost(engine, executor, processes), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Thread(target=_await_engine, args=(end,), daemon=True).start()
    os.read(over, 1)
    processes.end()
    os._exit(0)  # gRPC's threads and open streams are not worth waiting for


def _await_engine(end: int) -> None:
    """The engine holds the other end of stdin, and never writes: it closes when the engine was killed."""
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        while os.read(0, 4096):
            pass
        os.write(end, b".")
