"""The binary and the model of enrichments agree: `pytest Tests/Differential/test_enrichments.py`.

Environment: as test_differential.py, with the same defaults.
"""

import os
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import enrichment_fuzz  # noqa: E402

SEED = int(os.environ.get("TAGSTREAM_FUZZ_SEED", time.time_ns() % 1_000_000))
COUNT = int(os.environ.get("TAGSTREAM_FUZZ_COUNT", 6000))
SECONDS = float(os.environ.get("TAGSTREAM_FUZZ_SECONDS", 50))


@pytest.mark.parametrize("has_tables", [True, False], ids=["with tables", "without any"])
def test_generated_events_become_the_same_rows_under_generated_settings(has_tables):
    print(f"seed {SEED}")
    count = COUNT if has_tables else COUNT // 4
    done, differences = enrichment_fuzz.campaign(SEED, count, SECONDS, has_tables=has_tables)
    listed = "\n\n".join(difference[:3000] for difference in differences[:5])
    assert not differences, f"seed {SEED}: {len(differences)} of {done} events differ\n{listed}"
    assert done >= min(count, 4000), f"only {done} events in {SECONDS:.0f} s"
