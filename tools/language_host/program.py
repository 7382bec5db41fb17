"""Runs pulumi-language-python-exec and its program, which end without a traceback when they are interrupted."""

import os
import runpy
import signal
import sys
from types import FrameType, TracebackType


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    # The engine interrupts twice: at Ctrl-C, and when it closes the host. The second would break cleaning up.
    signal.signal(signal.SIGINT, lambda *_: None)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.excepthook = _show
    signal.signal(signal.SIGINT, _interrupt_once)
    del sys.argv[0]
    sys.path[0] = os.path.dirname(sys.argv[0])  # noqa: PTH120 - pathlib would be imported for this alone
    runpy.run_path(sys.argv[0], run_name="__main__")
