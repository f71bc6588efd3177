"""Python imports this first in every process of a test that runs with a bug planted, spawned workers included."""

import os

if name := os.environ.get("SLUICEGATE_PLANTED"):
    from planted_bugs import plant_in_this_process

    plant_in_this_process(name)
