"""Meshwright's Pulumi provider: what no other plugin offers, one file a resource kind."""
