"""OCI images of our software, made and pushed without a container engine."""
