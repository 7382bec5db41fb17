"""`mesh check`: every stack's program recorded, every rule run over it, without cloud, credentials or engine."""
