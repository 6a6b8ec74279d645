"""Keras chooses its engine once in a process, by KERAS_BACKEND: without it these tests are left to test_engines.py."""

import os

if not os.environ.get("KERAS_BACKEND"):
    collect_ignore_glob = ["test_*.py"]
