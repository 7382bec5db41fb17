"""Programs that run inside a target find their siblings beside them, as they do there."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "components" / "programs"))
