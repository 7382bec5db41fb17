"""Start of the stand-in for the docker plugin: it does the real thing with the daemon of DOCKER_HOST."""

import sys
from importlib.metadata import version
from pathlib import Path

# The engine runs this folder as a script; the tests are found from the checkout's root, PyPI's `docker` is not hidden.
sys.path[0] = str(Path(__file__).resolve().parents[3])

from tests.plugins.docker import connection  # noqa: E402
from tests.plugins.docker.container import Container  # noqa: E402
from tests.plugins.docker.parts import Network, RemoteImage, Volume  # noqa: E402
from tests.plugins.standin import serve  # noqa: E402

KINDS = {
    "docker:index/container:Container": Container(),
    "docker:index/network:Network": Network(),
    "docker:index/remoteImage:RemoteImage": RemoteImage(),
    "docker:index/volume:Volume": Volume(),
}

if __name__ == "__main__":
    serve(version("pulumi-docker"), KINDS, connection.configure)
