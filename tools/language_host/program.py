"""Runs pulumi-language-python-exec and its program, which ends clean and soon when it is interrupted."""

import atexit
import os
import runpy
import signal
import sys
from types import FrameType


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    from concurrent.futures import ThreadPoolExecutor

    # The engine interrupts twice: at Ctrl-C, and when it closes the host. The second would break cleaning up.
    signal.signal(signal.SIGINT, lambda *_: None)
    # The SDK's threads wait for answers about resources, which do not come any more.
    ThreadPoolExecutor.shutdown = _shut_down  # type: ignore[method-assign]
    raise KeyboardInterrupt


def _shut_down(self: object, wait: bool = True, *, cancel_futures: bool = False) -> None:
    pass


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _interrupt_once)
    del sys.argv[0]
    sys.path[0] = os.path.dirname(sys.argv[0])  # noqa: PTH120 - pathlib would be imported for this alone
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except KeyboardInterrupt:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(128 + signal.SIGINT)
