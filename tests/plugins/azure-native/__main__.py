"""Start of the stand-in for the azure-native plugin: it plays a cloud that records."""

import sys
from importlib.metadata import version
from pathlib import Path

# The engine runs this folder as a script; the tests are found from the checkout's root.
sys.path[0] = str(Path(__file__).resolve().parents[3])

from tests.plugins.clouds import Azure  # noqa: E402
from tests.plugins.recording import Kinds  # noqa: E402
from tests.plugins.standin import serve  # noqa: E402

if __name__ == "__main__":
    serve(version("pulumi-azure-native"), Kinds(Azure))
