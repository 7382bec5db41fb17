"""A Pulumi language host for Python, for machines that can't have the official one."""
