"""On PYTHONPATH by itself: an interpreter whose wall clock is wrong."""
