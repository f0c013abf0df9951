"""Make the kept files of today's format: python tests/kept/make.py, from the root of the repository.

A study of seven evaluations over the sets of tests/generators, its card, one entry of the cache, and one evaluation.
Run it once for every new format (FORMAT of search/study_record.py, of the cache, of the card), and keep the folder of
the older format for the test of its refusal.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402  (needs the path above)
from generators.studies import WHOLE, tiny_file  # noqa: E402

from geosearch.runtime.arrays import read_checked_arrays  # noqa: E402
from geosearch.runtime.cache import Cache  # noqa: E402
from geosearch.search.study_record import FORMAT  # noqa: E402
from geosearch.study.study import Study  # noqa: E402


def main() -> None:
    """Write tests/kept/format-FORMAT."""
    out = HERE / f"format-{FORMAT}"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        file = tiny_file(Path(), search_evaluations=7, confirm_seeds=1, **WHOLE)
        study = Study.open(file, storage="sqlite:///study.db", cache=Cache(Path("cache")))
        verdict = study.run().verdict()
        study.synthesize("mixture", size=2)
        shutil.copy("study.db", out)
        shutil.copy("mixture/CARD.md", out)
        for kind in ("labels", "evaluation"):
            kept = sorted(Path("cache", kind).glob("*.safetensors"))[0]
            (out / kind).mkdir()
            shutil.copy(kept, out / kind)
        (evaluation,) = (out / "evaluation").glob("*.safetensors")
        expected = {
            "errors": [trial.error for trial in study.trials],
            "weights": [trial.weights for trial in study.trials],
            "best": study.best.number,
            "verdict": verdict,
            "evaluation": float(np.asarray(read_checked_arrays(evaluation)["squared_error"])[0]),
        }
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
