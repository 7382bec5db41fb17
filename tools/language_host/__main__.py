"""The language host's process: prints its port, serves until the engine ends it."""

import signal
import sys

# The engine ends the host with SIGINT and waits for it, also while it still starts: no traceback then.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from pathlib import Path  # noqa: E402

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from tools.language_host.server import serve  # noqa: E402

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: pulumi-language-python [options] ENGINE_ADDRESS (the Pulumi CLI calls it)")
    serve(engine=sys.argv[-1], executor=CHECKOUT / ".tools" / "bin" / "pulumi-language-python-exec")
