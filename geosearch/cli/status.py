"""`geosearch status`."""

from __future__ import annotations

import json

from geosearch.cli.parameters import Json, Storage, StudyArgument


def status(study: StudyArgument, storage: Storage = None, as_json: Json = False) -> None:
    """Show how far a study is and what it found."""
    from geosearch.report.status import status_text
    from geosearch.study.study import Study

    opened = Study.open(study, storage=storage, must_exist=True)
    print(json.dumps(opened.status(), indent=1) if as_json else status_text(opened.summary()))
