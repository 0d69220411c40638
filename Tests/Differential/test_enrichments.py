"""The binary and the model of enrichments agree: `pytest Tests/Differential/test_enrichments.py`.

Environment: as test_differential.py, with the same defaults.
"""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import enrichment_fuzz  # noqa: E402

SEED = int(os.environ.get("TAGSTREAM_FUZZ_SEED", time.time_ns() % 1_000_000))
COUNT = int(os.environ.get("TAGSTREAM_FUZZ_COUNT", 6000))
SECONDS = float(os.environ.get("TAGSTREAM_FUZZ_SECONDS", 50))


def test_generated_events_become_the_same_rows_under_generated_settings():
    print(f"seed {SEED}")
    done, differences = enrichment_fuzz.campaign(SEED, COUNT, SECONDS)
    listed = "\n\n".join(difference[:3000] for difference in differences[:5])
    assert not differences, f"seed {SEED}: {len(differences)} of {done} events differ\n{listed}"
    assert done >= min(COUNT, 5000), f"only {done} events in {SECONDS:.0f} s"
