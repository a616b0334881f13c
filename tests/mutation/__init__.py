"""The mutation gate: takes each guard out of the product in turn, and demands that a test goes red."""
