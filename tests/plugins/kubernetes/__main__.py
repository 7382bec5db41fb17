"""Start of the stand-in for the kubernetes plugin: it does the real thing with the cluster of KUBECONFIG."""

import sys
from importlib.metadata import version
from pathlib import Path

# The engine runs this folder as a script; the tests are found from the root, PyPI's `kubernetes` is not hidden.
sys.path[0] = str(Path(__file__).resolve().parents[3])

from tests.plugins.kubernetes import connection  # noqa: E402
from tests.plugins.kubernetes.applied import Applied, Server  # noqa: E402
from tests.plugins.standin import serve  # noqa: E402

TOKENS = (
    "apps/v1:Deployment",
    "apps/v1:StatefulSet",
    "autoscaling/v2:HorizontalPodAutoscaler",
    "batch/v1:CronJob",
    "core/v1:ConfigMap",
    "core/v1:LimitRange",
    "core/v1:Namespace",
    "core/v1:PersistentVolumeClaim",
    "core/v1:ResourceQuota",
    "core/v1:Secret",
    "core/v1:Service",
    "networking.k8s.io/v1:Ingress",
    "networking.k8s.io/v1:NetworkPolicy",
    "policy/v1:PodDisruptionBudget",
)

if __name__ == "__main__":
    serve(version("pulumi-kubernetes"), {f"kubernetes:{t}": Applied() for t in TOKENS}, connection.configure, Server)
