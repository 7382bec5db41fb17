"""Programs: Kubernetes, etcd and CoreDNS, built from their Go modules once and kept outside the checkout.

`python -m tests.kubernetes.programs` builds what is missing: about 6 minutes on 2 cores, 7 GB of Go's caches on the
way, 250 MB at the end.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.tools import image_base
from tools.images.store import default_root

VERSION, ETCD, COREDNS = "1.34.2", "3.6.16", "1.14.7"
KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")
NEEDED = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "ip": "iproute2",
    "unshare": "util-linux",
}
PLUGINS = Path("/usr/lib/cni")
SOURCES = Path(__file__).parent / "sources"
PULUMI = Path(__file__).resolve().parents[2] / ".tools" / "bin" / "pulumi"


def folder() -> Path:
    """Where they lie."""
    return default_root().parent / "tests" / f"kubernetes-{VERSION}"


def missing() -> str:
    """Why a cluster can't be run here; empty if it can."""
    packages = sorted(package for program, package in NEEDED.items() if shutil.which(program) is None)
    if not (PLUGINS / "bridge").is_file():
        packages.append("containernetworking-plugins")
    if packages:
        return f"needs apt-get install {' '.join(packages)}"
    if os.geteuid() != 0:
        return "containerd and the kubelet need root"
    if not all((folder() / program).exists() for program in ("hyperkube", "etcd", "coredns")):
        return "needs Kubernetes: run `python -m tests.kubernetes.programs` (about 6 minutes)"
    if not PULUMI.exists():
        return "tools/ has not brought the Pulumi CLI yet: run `make install`"
    return image_base.missing()


def build() -> None:
    """Build what is not there yet."""
    folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder()) as name:
        work = Path(name)
        if not (folder() / "hyperkube").exists():
            flags = f"-X k8s.io/component-base/version.gitVersion=v{VERSION}"
            _built(work, "hyperkube", f"k8s.io/kubernetes@v{VERSION}", SOURCES / "hyperkube.go", flags)
        for program in KUBERNETES:
            (folder() / program).unlink(missing_ok=True)
            (folder() / program).symlink_to("hyperkube")
        if not (folder() / "etcd").exists():
            _built(work, "etcd", f"go.etcd.io/etcd/server/v3@v{ETCD}", SOURCES / "etcd.go")
        if not (folder() / "coredns").exists():
            _built(work, "coredns", f"github.com/coredns/coredns@v{COREDNS}", SOURCES / "coredns.go")


def _built(work: Path, name: str, module: str, source: Path, flags: str = "") -> None:
    """One program from its module, and from the lines that say what of it we want."""
    here = work / name
    here.mkdir()
    shutil.copy(source, here / "main.go")
    path, _, version = module.partition("@")
    (here / "go.mod").write_text(f"module {name}\n\ngo 1.25.0\n\nrequire {path} {version}\n{_staging(module, here)}")
    _go(here, "mod", "tidy")
    made = here / "made"
    _go(here, "build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", str(made), ".")
    made.replace(folder() / name)


def _staging(module: str, here: Path) -> str:
    """Kubernetes' own libraries stand as v0.0.0 in its go.mod: each has the version of the release in truth."""
    path, _, version = module.partition("@v1.")
    if path != "k8s.io/kubernetes":
        return ""
    found = subprocess.run(["go", "mod", "download", "-json", module], cwd=here, check=True, capture_output=True)
    listed = re.search(rb'"GoMod": "(.*)"', found.stdout)
    assert listed is not None
    names = sorted(set(re.findall(r"^\s*(k8s\.io/[a-z-]+) v0\.0\.0\s*$", Path(listed[1].decode()).read_text(), re.M)))
    return "\n".join(["replace (", *(f"\t{name} => {name} v0.{version}" for name in names), ")", ""])


def _go(here: Path, *words: str) -> None:
    subprocess.run(["go", *words], cwd=here, check=True)


if __name__ == "__main__":
    build()
    print(missing() or f"Kubernetes {VERSION} is in {folder()}", file=sys.stderr)
