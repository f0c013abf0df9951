"""`geosearch check`."""

from __future__ import annotations

import json

from geosearch.cli.parameters import Json, StudyFileArgument


def check(study: StudyFileArgument, as_json: Json = False) -> None:
    """Estimate sizes, memory and time of a study before it runs."""
    from geosearch.study.estimate import check

    result = check(study)
    print(json.dumps(result.as_dict(), indent=1) if as_json else result.text())
