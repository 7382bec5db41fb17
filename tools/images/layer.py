"""Layer: a software's packages as one layer of files, the same bytes for the same inputs."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from components.errors import UserError
from components.primitives import Software
from components.targets.containers import DATA, FILES, USER
from tools.images.store import Store

PLACE = "/opt/mesh"
"""Where our packages lie in an image: a virtual environment on the base's Python."""
GLIBCS = (17, 28, *range(31, 41))
"""The minor versions of glibc 2 that uv resolves for (docs.astral.sh/uv, `--python-platform`)."""
INTERPRETER = re.compile(rb"\A#!(/bin/sh\n'''exec' [^\n]*\n' '''|[^\n]*python[^\n]*)\n")
"""The first line of a console script, as uv writes it for short and for long paths."""
PASSWD = f"mesh:x:{USER}:{USER}:Meshwright:{DATA}:/usr/sbin/nologin\n".encode()
GROUP = f"mesh:x:{USER}:\n".encode()
LEVEL = 6
CHUNK = 1 << 20


@dataclass(frozen=True)
class Ingredients:
    """All that a layer is made from."""

    software: Software
    python: str
    """The path of the base's interpreter."""
    glibc: str
    passwd: bytes = field(repr=False)
    """The base's own, to which our user is added."""
    group: bytes = field(repr=False)

    @property
    def platform(self) -> str:
        """uv's name of the newest platform that the base can run."""
        minor = int(self.glibc.split(".")[1])
        fitting = [known for known in GLIBCS if known <= minor]
        if not fitting:
            raise UserError(f"the base image has glibc {self.glibc}; packages need 2.17 at least")
        return f"x86_64-manylinux_2_{fitting[-1]}"


@dataclass(frozen=True)
class Layer:
    """A packed layer in the store. `more` are packages that came along without being pinned."""

    digest: str
    diff_id: str
    size: int
    more: tuple[str, ...] = ()


def make(ingredients: Ingredients, store: Store, folder: Path) -> Layer:
    """Install into `folder`, compile, pack, and clean up."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        install(ingredients, folder)
        more = unpinned(ingredients.software, folder)
        digest, diff_id, size = pack(ingredients, folder, store)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Layer(digest, diff_id, size, more)


def install(ingredients: Ingredients, folder: Path) -> None:
    """The packages for the base's platform, by uv; bytecode by a Python of the same version on this machine."""
    software = ingredients.software
    folder.mkdir(parents=True)
    own = software.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    python = sys.executable if own else run(software, uv("python", "find", software.python)).strip()
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as wanted:
        wanted.write("\n".join(software.packages) + "\n")
        wanted.flush()
        target = ("--prefix", str(folder), "--python-version", software.python)
        platform = ("--python-platform", ingredients.platform)
        quiet = ("--no-progress", "--link-mode", "hardlink")
        run(software, uv("pip", "install", "--python", python, *target, *platform, *quiet, "-r", wanted.name))
    _refuse_local_builds(software, folder, ingredients.platform)
    lib = folder / "lib" / f"python{software.python}" / "site-packages"
    place = f"{PLACE}/{lib.relative_to(folder)}"
    run(software, [python, "-I", str(Path(__file__).with_name("bytecode.py")), str(lib), place])


def uv(*words: str) -> list[str]:
    """uv, as it came with us."""
    binary = Path(sys.executable).with_name("uv")
    return [*([str(binary)] if binary.exists() else [sys.executable, "-m", "uv"]), *words]


def run(software: Software, command: list[str]) -> str:
    """A command's output; its failure becomes a sentence with its last lines."""
    with tempfile.TemporaryDirectory() as folder:  # uv reads the settings of the project it is called in
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
    if done.returncode:
        lines = [re.sub(r"://[^/@\s]*@", "://", line.rstrip()) for line in done.stderr.splitlines() if line.strip()]
        text = "\n".join(f"    {line}" for line in lines[-20:])
        raise UserError(f"software `{software.name}` can't be installed into an image; the last lines:\n{text}")
    return done.stdout


def _refuse_local_builds(software: Software, folder: Path, platform: str) -> None:
    """A package without a wheel was built here; where it holds machine code, that fits this machine alone."""
    for wheel in sorted(folder.glob("lib/python*/site-packages/*.dist-info/WHEEL")):
        for tag in re.findall(r"^Tag: (\S+)", wheel.read_text(encoding="utf-8"), re.MULTILINE):
            if "-linux_" in tag:
                package = wheel.parent.name.removesuffix(".dist-info").replace("-", "==")
                raise UserError(
                    f"software `{software.name}` can't become an image: `{package}` has no wheel for {platform}",
                    hint="build one by auditwheel and offer it in an index of yours, or take another version",
                )


def unpinned(software: Software, folder: Path) -> tuple[str, ...]:
    """Packages that were installed because another needs them, though the software's list has them not."""
    named = {_normal(re.split(r"[\s=\[;<>~!]", package, maxsplit=1)[0]) for package in software.packages}
    found = (path.name.removesuffix(".dist-info") for path in folder.glob("lib/python*/site-packages/*.dist-info"))
    pairs = (name.rpartition("-") for name in sorted(found))
    return tuple(f"{name}=={version}" for name, _, version in pairs if _normal(name) not in named)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pack(ingredients: Ingredients, folder: Path, store: Store) -> tuple[str, str, int]:
    """Digest, digest of the uncompressed files, and size of the packed layer."""
    with store.writing() as (file, keep):
        packed = _Packed(file)
        with tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            for member, content in members(ingredients, folder):
                if isinstance(content, Path):
                    with content.open("rb") as source:
                        tar.addfile(member, source)
                else:
                    tar.addfile(member, io.BytesIO(content))
        packed.finish()
        digest = f"sha256:{packed.outer.hexdigest()}"
        keep(digest)
    return digest, f"sha256:{packed.inner.hexdigest()}", packed.size


class _Packed:
    """Compresses what is written to it; the header of zlib's gzip holds no time and no name."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.size = file, 0
        self.inner, self.outer = hashlib.sha256(), hashlib.sha256()
        self.squeeze = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)

    def write(self, data: bytes) -> int:
        self.inner.update(data)
        self._out(self.squeeze.compress(data))
        return len(data)

    def finish(self) -> None:
        self._out(self.squeeze.flush())

    def _out(self, data: bytes) -> None:
        self.outer.update(data)
        self.size += len(data)
        self.file.write(data)


def members(ingredients: Ingredients, folder: Path) -> Iterator[tuple[tarfile.TarInfo, bytes | Path]]:
    """Every file of the layer, in the order of their names; all of root's, the data directory alone of our user."""
    yield _folder(DATA.lstrip("/"), USER), b""
    yield _file("etc/group", _appended(ingredients.group, GROUP)), _appended(ingredients.group, GROUP)
    yield _file("etc/passwd", _appended(ingredients.passwd, PASSWD)), _appended(ingredients.passwd, PASSWD)
    yield _folder(FILES.lstrip("/")), b""
    yield from sorted(_environment(ingredients, folder), key=lambda pair: pair[0].name)


def _environment(ingredients: Ingredients, folder: Path) -> Iterator[tuple[tarfile.TarInfo, bytes | Path]]:
    root, version = PLACE.lstrip("/"), ingredients.software.python
    yield _folder(root), b""
    home = ingredients.python.rpartition("/")[0]
    config = f"home = {home}\ninclude-system-site-packages = false\nversion = {version}\n".encode()
    yield _file(f"{root}/pyvenv.cfg", config), config
    if not (folder / "bin").is_dir():
        yield _folder(f"{root}/bin"), b""
    for name, target in (("python", ingredients.python), ("python3", "python"), (f"python{version}", "python")):
        yield _link(f"{root}/bin/{name}", target), b""
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        name = f"{root}/{relative}"
        if path.is_symlink():
            yield _link(name, str(path.readlink())), b""
        elif path.is_dir():
            yield _folder(name), b""
        elif relative.parts[0] == ".lock":
            continue
        else:
            content = _content(path, relative)
            member = _file(name, content if isinstance(content, bytes) else b"")
            member.size = len(content) if isinstance(content, bytes) else path.stat().st_size
            member.mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
            yield member, content


def _content(path: Path, relative: Path) -> bytes | Path:
    """A file, without what it says of this machine: interpreters of scripts, and the scripts' hashes."""
    if relative.parts[0] == "bin":
        with path.open("rb") as file:
            if file.read(2) == b"#!":
                return INTERPRETER.sub(f"#!{PLACE}/bin/python\n".encode(), b"#!" + file.read(), count=1)
    if relative.name == "RECORD" and relative.parent.suffix == ".dist-info":
        lines = sorted(path.read_text(encoding="utf-8").splitlines())
        return "".join(f"{_unhashed(line)}\n" for line in lines).encode()
    return path


def _unhashed(line: str) -> str:
    """PEP 376 takes an entry without hash and size."""
    return f"{line.rsplit(',', 2)[0]},," if line.startswith("../../../bin/") else line


def _appended(text: bytes, line: bytes) -> bytes:
    return text + (b"" if not text or text.endswith(b"\n") else b"\n") + line


def _file(name: str, content: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    return member


def _folder(name: str, owner: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.uid, member.gid = tarfile.DIRTYPE, 0o755, owner, owner
    return member


def _link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
    return member
