"""What goes wrong while a mesh runs: the product at fault fails with a clear sentence, the rest of the stack stands."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.example.running import Running, kill_all
from tests.example.sales import copy_without_products, product, stack

pytestmark = [pytest.mark.engine, pytest.mark.software]

TEMPLATE = """\
apiVersion: meshwright/v1
kind: Template
name: script
version: 1.0.0
description: A script and its database
parameters:
  script: {type: string}
  requirements: {type: array, default: []}
components:
  store: {type: Database}
  work:
    type: PythonJob
    script: ${parameters.script}
    requirements: ${parameters.requirements}
    folder: ${product.folder}
    database: ${store}
    schema: ${product.schema}
outputs:
  tables: {type: sql, from: "${work.tables}"}
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Running]:
    """A mesh of one domain with one sound product."""
    made = copy_without_products(tmp_path)
    (made.root / "templates" / "script.yaml").write_text(TEMPLATE)
    stack(made, "sales", "target: local")
    orders = "template: table@1\nsources:\n  - {name: orders, file: orders.csv}\n"
    product(made, "sales/orders", orders, orders_csv="id,amount\n1,10\n2,20\n")
    try:
        yield made
    finally:
        made.mesh("destroy", "--yes", "--force", check=False)


def script(small: Running, text: str, requirements: str = "[]") -> None:
    """Add a product `job` that runs a script."""
    more = f"template: script@1\nparameters: {{script: job.py, requirements: {requirements}}}\n"
    product(small, "sales/job", more, job_py=text)


def rows(small: Running) -> str:
    line = small.data("open", "sales/orders/tables")["lines"]["psql"]
    return small.command("sh", "-c", f"{line} -Atc 'SELECT count(*) FROM orders.orders'").stdout.strip()


def test_a_failing_script_shows_its_last_lines_and_the_rest_stands(small: Running) -> None:
    script(small, "print('reading the orders')\nraise SystemExit('order 17 has no customer')\n")
    done = small.mesh("up", check=False)
    assert done.returncode == 1
    assert "job `job--work--run` failed with exit code 1" in done.stderr
    assert "reading the orders" in done.stderr
    assert "order 17 has no customer" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(small) == "2"
    script(small, "print('now it works')\n")
    assert small.mesh("up").returncode == 0


def test_a_package_that_cannot_be_installed_is_named(small: Running) -> None:
    script(small, "print('never')\n", "['no-such-package-of-ours==1.0.0']")
    done = small.mesh("up", check=False)
    assert done.returncode == 1
    assert "no-such-package-of-ours" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(small) == "2"


def test_a_port_taken_by_another_program_is_named(small: Running) -> None:
    small.mesh("up")
    port = int(small.data("open", "sales/orders/tables")["address"]["port"])
    kill_all(small.home("sales-dev"))
    deadline = time.monotonic() + 10
    other = socket.socket()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    while True:
        try:
            other.bind(("127.0.0.1", port))
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    with other:
        other.listen()
        done = small.mesh("up", check=False)
        assert done.returncode == 1
        assert f"port {port}" in done.stderr
        assert "is taken by" in done.stderr
    assert small.mesh("up").returncode == 0
    assert rows(small) == "2"


def test_a_second_up_names_the_first(small: Running) -> None:
    script(small, "import time\ntime.sleep(20)\n")
    first = subprocess.Popen(["mesh", "up"], cwd=small.root, env=small.environment, stderr=subprocess.PIPE, text=True)
    locks = small.root / ".state" / ".pulumi" / "locks"
    while not list(locks.rglob("*.json")) and first.poll() is None:
        time.sleep(0.2)
    second = small.mesh("up", check=False)
    assert second.returncode == 2
    assert "another operation works on sales-dev" in second.stderr
    assert "process " in second.stderr
    assert first.wait(120) == 0


def test_ctrl_c_leaves_things_clean(small: Running) -> None:
    script(small, "import time\nprint('working', flush=True)\ntime.sleep(600)\n")
    going = subprocess.Popen(
        ["mesh", "up"], cwd=small.root, env=small.environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    log = small.home("sales-dev") / "logs" / "job--work--run.log"
    deadline = time.monotonic() + 60
    while not (log.exists() and "working" in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    going.send_signal(signal.SIGINT)
    _, said = going.communicate(timeout=60)
    assert going.returncode == 130, said
    assert not list((small.root / ".state" / ".pulumi" / "locks").rglob("*.json"))
    running = [
        f.name
        for f in Path("/proc").glob("[0-9]*")
        if b"job.py" in _cmdline(f) and str(small.root).encode() in _cmdline(f)
    ]
    assert running == []
    script(small, "print('short')\n")
    assert small.mesh("up").returncode == 0


def _cmdline(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_changed_target_is_refused(small: Running) -> None:
    small.mesh("up")
    before = json.loads(small.pulumi("stack", "export", "-s", "sales-dev").stdout)["deployment"]["resources"]
    file = small.root / "stacks" / "Pulumi.sales-dev.yaml"
    text = file.read_text()
    file.write_text(text.replace("target: local", "target: kubernetes\n  meshwright:registry: registry.example.org"))
    done = small.mesh("up", check=False)
    assert done.returncode == 2
    assert "stack sales-dev runs on local and can't be moved to kubernetes" in done.stderr
    file.write_text(text)
    after = json.loads(small.pulumi("stack", "export", "-s", "sales-dev").stdout)["deployment"]["resources"]
    assert [r["urn"] for r in after] == [r["urn"] for r in before]


def test_a_data_path_that_cannot_be_written_is_refused(small: Running) -> None:
    file = small.root / "stacks" / "Pulumi.sales-dev.yaml"
    file.write_text(file.read_text() + "  meshwright:dataDirectory: /proc/mesh\n")
    done = small.mesh("up", check=False)
    assert done.returncode == 2
    assert "data path `/proc/mesh`" in done.stderr
    assert "Traceback" not in done.stderr
    assert small.pulumi("stack", "export", "-s", "sales-dev", check=False).returncode != 0, "not even the stack is made"
