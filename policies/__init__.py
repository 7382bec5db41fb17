"""The policy pack: rules over the resources of a stack, and what resources cost."""
