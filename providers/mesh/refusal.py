"""An error that is one sentence for the person who runs `pulumi up`."""


class Refusal(Exception):
    """What went wrong and what to do, in a sentence; log lines may follow. Shown without a traceback."""


class Cancelled(Refusal):
    """The operation was interrupted (Ctrl-C) and what it had begun is removed."""
