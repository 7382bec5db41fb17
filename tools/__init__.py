"""How the Pulumi CLI and its Python language host get onto a machine."""
