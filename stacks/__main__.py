"""The program that `pulumi up` runs for every stack."""

import os
import sys
from pathlib import Path

import pulumi

ROOT = Path(__file__).resolve().parent.parent
# Run as a folder, this one stands first on the path; the checkout's packages are found from its root.
sys.path[0] = str(ROOT)

from components.errors import Refused, UserError  # noqa: E402


def main() -> None:
    """Declare the domain of the selected stack."""
    from stacks.domain import Domain
    from stacks.engine import (
        configured,
        configured_secrets,
        previous_outputs,
        spare_collections,
        spare_stack_traces,
    )
    from stacks.program import Program

    spare_collections()
    try:
        stack = pulumi.get_stack()
        domain = Domain(stack, stacks=ROOT / "stacks", templates=ROOT / "templates")
        if domain.rules.enforced and not os.environ.get("PULUMI_OPTION_POLICY_PACK"):
            what = f"environment {domain.environment} is enforced, and no policy pack is in force"
            raise UserError(what, file=ROOT / "stacks" / "mesh.yaml", hint='eval "$(mesh env)", then run it again')
        spare_stack_traces()
        Program(domain, configured(), previous_outputs(stack), configured_secrets()).run()
    except (Refused, UserError) as mistake:
        pulumi.log.error(str(mistake))
        # 32 tells the language host that the user knows already.
        sys.exit(32)


main()
