"""Pulumi's gRPC messages without the rest of its SDK, which takes longer to import than the host to start."""

import importlib.util
import sys
from types import ModuleType
from typing import Any


def _without_init(package: str, path: str) -> None:
    """Let the submodules of `package` be imported, but not its `__init__`."""
    if package not in sys.modules:
        module = ModuleType(package)
        module.__path__ = [path]
        sys.modules[package] = module


_spec = importlib.util.find_spec("pulumi")
if _spec is None or not _spec.submodule_search_locations:
    raise ModuleNotFoundError("The Python language host needs the package pulumi in its environment: run make install")
_root = _spec.submodule_search_locations[0]
_without_init("pulumi", _root)
_without_init("pulumi.runtime", f"{_root}/runtime")
_without_init("pulumi.runtime.proto", f"{_root}/runtime/proto")

# Generated code: the stub files import the whole SDK, so its types are not used here.
messages: Any = importlib.import_module("pulumi.runtime.proto.language_pb2")
services: Any = importlib.import_module("pulumi.runtime.proto.language_pb2_grpc")
plugins: Any = importlib.import_module("pulumi.runtime.proto.plugin_pb2")
