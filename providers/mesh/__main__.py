"""Start of the provider plugin: `python providers/mesh ENGINE_ADDRESS` serves and prints its port."""

import sys
from pathlib import Path

# The engine runs this folder as a script; its modules are one package, found from the checkout's root.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from providers.mesh.server import serve  # noqa: E402

if __name__ == "__main__":
    serve(sys.argv[1:])
