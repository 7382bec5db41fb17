"""Known gaps: what a target does not do as the others do, and why; one that was closed must leave this table."""

from __future__ import annotations

from collections.abc import Mapping

GAPS: Mapping[tuple[str, str], str] = {
    ("a_busy_service_grows", "docker"): "one machine: a second instance would share its vCPU",
    ("a_busy_service_grows", "local"): "one machine: a second instance would share its vCPU",
    ("a_follower_runs_after_its_source", "azure"): "Container Apps starts a job by time or queue, not by another's end",
    ("a_public_endpoint_is_published_over_tls", "docker"): "no network of its own: `publish` opens the machine's ports",
    ("a_public_endpoint_is_published_over_tls", "local"): "no network of its own: `bind` opens the machine's ports",
    ("a_service_is_reached_by_its_users_alone", "azure"): "one environment a stack: logins alone part its apps",
    ("a_service_is_reached_by_its_users_alone", "docker"): "one network a stack: logins alone part its containers",
    ("a_service_is_reached_by_its_users_alone", "local"): "one loopback: logins alone part its processes",
    ("a_service_keeps_its_files", "aws"): "refused: a Fargate task loses its files, and nobody makes a share for them",
    ("a_service_keeps_its_files", "azure"): "refused: two revisions run side by side, on one share they lose data",
    ("containers_are_unprivileged", "aws"): "Fargate's volumes belong to root: what lays out files first runs as root",
    ("containers_are_unprivileged", "azure"): "Container Apps has no setting for it: the user is the image's own",
    ("containers_are_unprivileged", "local"): "there are no containers: processes of whoever deploys",
    ("sizes_mean_the_same", "azure"): "1 vCPU is not sold with 4 GiB: medium has 2",
}
"""(behaviour, target) -> reason. A behaviour is called as its file, without `test_`."""
