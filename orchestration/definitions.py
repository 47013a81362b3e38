"""The code location that `workspace.yaml` names. One line; see `build.py`."""

from orchestration.build import build_definitions

defs = build_definitions()
