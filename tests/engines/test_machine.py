from __future__ import annotations

import os

from edge_sale.engines.machine import cores


def test_no_more_cores_than_this_process_may_use():
    """At least one core, at most those the machine has."""
    assert 1 <= cores() <= (os.cpu_count() or 1)
