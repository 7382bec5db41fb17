"""Settings: how each program of the cluster is started. Every port is the usual one: the network is its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.targets.containers import USER
from tests.kubernetes.certificates import Authority
from tests.kubernetes.programs import PLUGINS, folder

OWNER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
OWNER += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
"""Whoever makes the volumes owns them, which no pod may change; keys of root must still be read."""
NODE, BRIDGE = "node", "pods"
USERS = {  # name of the certificate -> user and group
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
}
CONTAINERD = """\
version = 2
root = "{0}/images"
state = "{0}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", \
"io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{0}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{0}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{1}"
  # Without CAP_SYS_RESOURCE no process may be made less killable than we are.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{2}"
    conf_dir = "{0}/networks"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""
NAMES = """\
.:53 {{
  bind {0}
  errors
  kubernetes cluster.local {{
    kubeconfig {1}
  }}
}}
"""
NEVER = {f"{what}.{part}": "0%" for what in ("nodefs", "imagefs") for part in ("available", "inodesFree")}


@dataclass(frozen=True)
class Addresses:
    """One /24 for the node (.1), the pods and this machine (.254), and the next for services."""

    prefix: str
    """Two numbers: `10.157`."""

    @property
    def node(self) -> str:
        return f"{self.prefix}.0.1"

    @property
    def outside(self) -> str:
        return f"{self.prefix}.0.254"

    @property
    def pods(self) -> str:
        return f"{self.prefix}.0.0/24"

    @property
    def services(self) -> str:
        return f"{self.prefix}.1.0/24"

    @property
    def server(self) -> str:
        return f"https://{self.node}:6443"


@dataclass(frozen=True)
class Settings:
    """Files and command lines for one cluster in a folder."""

    here: Path
    addresses: Addresses
    cgroup: str
    pause: str
    registry: Path

    def first(self) -> dict[str, list[str]]:
        """What starts at once."""
        keys, at = self._keys(), self.addresses
        signing = f"{keys}/service-accounts.key"
        return {
            "registry": ["docker-registry", "serve", str(self.registry)],
            "etcd": self._program("etcd", "unsafe-no-fsync", data_dir=f"{self.here}/etcd"),
            "containerd": ["containerd", "--config", self._write("containerd.toml", self._containerd())],
            "kube-apiserver": self._program(
                "kube-apiserver",
                "allow-privileged",
                etcd_servers="http://127.0.0.1:2379",
                advertise_address=at.node,
                service_cluster_ip_range=at.services,
                tls_cert_file=f"{keys}/server.crt",
                tls_private_key_file=f"{keys}/server.key",
                client_ca_file=f"{keys}/ca.crt",
                kubelet_client_certificate=f"{keys}/admin.crt",
                kubelet_client_key=f"{keys}/admin.key",
                kubelet_preferred_address_types="InternalIP",
                service_account_issuer="https://kubernetes.default.svc",
                service_account_key_file=signing,
                service_account_signing_key_file=signing,
                authorization_mode="Node,RBAC",
                enable_admission_plugins="NodeRestriction",
            ),
        }

    def then(self) -> dict[str, list[str]]:
        """What starts when the API server is ready."""
        keys = self._keys()
        return {
            "kube-controller-manager": OWNER
            + self._program(
                "kube-controller-manager",
                "enable-hostpath-provisioner",
                "use-service-account-credentials",
                **self._asking("kube-controller-manager"),
                root_ca_file=f"{keys}/ca.crt",
                service_account_private_key_file=f"{keys}/service-accounts.key",
                flex_volume_plugin_dir=f"{self.here}/plugins",
                pvclaimbinder_sync_period="1s",
                kube_api_qps="200",
                kube_api_burst="400",
            ),
            "kube-scheduler": self._program("kube-scheduler", **self._asking("kube-scheduler")),
            "kubelet": self._program(
                "kubelet",
                config=self._write("kubelet.json", json.dumps(self._kubelet())),
                kubeconfig=f"{keys}/kubelet.kubeconfig",
                root_dir=f"{self.here}/kubelet",
                cert_dir=f"{self.here}/kubelet/pki",
                hostname_override=NODE,
                node_ip=self.addresses.node,
            ),
            "kube-proxy": self._program("kube-proxy", config=self._write("proxy.json", json.dumps(self._proxy()))),
            "coredns": [str(folder() / "coredns"), "-conf", self._write("Corefile", self._names())],
        }

    def _keys(self) -> Path:
        return self.here / "keys"

    def certificates(self) -> None:
        """Keys and certificates of all of them."""
        authority = Authority(self._keys())
        authority.write_key("service-accounts")
        services = self.addresses.services.replace(".0/24", ".1")
        authority.issue("server", "kube-apiserver", addresses=(self.addresses.node, services, "127.0.0.1"))
        for name, (user, group) in USERS.items():
            authority.issue(name, user, group)
            authority.kubeconfig(name, self.addresses.server)

    def _asking(self, name: str) -> dict[str, str]:
        config = f"{self._keys()}/{name}.kubeconfig"
        flags = ("kubeconfig", "authentication_kubeconfig", "authorization_kubeconfig")
        return {**dict.fromkeys(flags, config), "leader_elect": "false"}

    @staticmethod
    def _program(name: str, *flags: str, **values: str) -> list[str]:
        given = [f"--{key.replace('_', '-')}={value}" for key, value in values.items()]
        return [str(folder() / name), *(f"--{flag}" for flag in flags), *given]

    def _write(self, name: str, text: str) -> str:
        file = self.here / name
        file.write_text(text)
        return str(file)

    def _containerd(self) -> str:
        ranges = [{"subnet": self.addresses.pods, "rangeEnd": f"{self.addresses.prefix}.0.240"}]
        bridge = {
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {"type": "host-local", "ranges": [ranges], "routes": [{"dst": "0.0.0.0/0"}]},
        }
        (self.here / "networks").mkdir()
        network = {"cniVersion": "1.0.0", "name": "tests", "plugins": [bridge]}
        self._write("networks/tests.conflist", json.dumps(network))
        return CONTAINERD.format(self.here, self.pause, PLUGINS)

    def _names(self) -> str:
        return NAMES.format(self.addresses.node, self._keys() / "admin.kubeconfig")

    def _kubelet(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "containerRuntimeEndpoint": f"unix://{self.here}/containerd.sock",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": f"{self._keys()}/ca.crt"},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "readOnlyPort": 0,
            "clusterDomain": "cluster.local",
            "clusterDNS": [self.addresses.node],
            "resolvConf": self._write("resolv.conf", f"nameserver {self.addresses.node}\n"),
            "podLogsDir": f"{self.here}/pods",
            "volumePluginDir": f"{self.here}/plugins",
            "makeIPTablesUtilChains": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            # A disk that others fill must end no pod of ours.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "0%", **NEVER},
        }

    def _proxy(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clientConnection": {"kubeconfig": f"{self._keys()}/kube-proxy.kubeconfig"},
            "clusterCIDR": self.addresses.pods,
            "hostnameOverride": NODE,
            "oomScoreAdj": 0,
            # A pod that asks a service gets its answer through the node, not straight over the bridge.
            "nftables": {"masqueradeAll": True, "minSyncPeriod": "100ms"},
            "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }
