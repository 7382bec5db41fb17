"""The program that `pulumi up` runs for every stack."""

import sys

import pulumi

from components.errors import Refused, UserError


def main() -> None:
    """Declare the domain of the selected stack."""
    from stacks.domain import Domain
    from stacks.engine import configured, previous_outputs
    from stacks.program import Program

    try:
        stack = pulumi.get_stack()
        Program(Domain(stack), configured(), previous_outputs(stack)).run()
    except (Refused, UserError) as mistake:
        pulumi.log.error(str(mistake))
        sys.stdout.flush()
        # 32 tells the language host that the user knows already.
        sys.exit(32)


main()
