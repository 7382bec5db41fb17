"""A user's mistake: what is wrong, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class UserError(Exception):
    """One sentence, the place (`file:line`) where there is one, and a hint how to fix it."""

    def __init__(self, what: str, *, file: Path | str | None = None, line: int | None = None, hint: str = "") -> None:
        self.what = what
        self.file = Path(file) if file is not None else None
        self.line = line
        self.hint = hint
        super().__init__(self.text())

    def place(self) -> str:
        """`file:line`, relative to the working directory where possible; empty without a file."""
        if self.file is None:
            return ""
        shown = self.file
        if shown.is_absolute() and shown.is_relative_to(Path.cwd()):
            shown = shown.relative_to(Path.cwd())
        return f"{shown}:{self.line}" if self.line else str(shown)

    def text(self) -> str:
        """What the user reads, without a colour."""
        place = self.place()
        head = f"{place}: {self.what}" if place else self.what
        return f"{head}\n  hint: {self.hint}" if self.hint else head


class Refused(Exception):
    """All mistakes found before anything was created."""

    def __init__(self, errors: Iterable[UserError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(error.text() for error in self.errors))


def cause(error: BaseException) -> str:
    """The innermost reason of an error that a client has wrapped, without its number."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return str(error).rpartition("] ")[2] or type(error).__name__


def near(name: str, known: Iterable[str]) -> str:
    """A hint that names up to three known names like `name`; all of them where none is near."""
    names = sorted(set(known))
    folded = {each.casefold(): each for each in names}
    close = get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f"`{folded[match]}`" for match in close) + "?"
    if not names:
        return "there is none to choose from"
    return "known: " + ", ".join(f"`{known_name}`" for known_name in names[:12]) + (", ..." if len(names) > 12 else "")
