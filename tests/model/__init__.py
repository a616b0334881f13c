"""The protocol of claims, leases and recovery, searched through in every order of its steps."""
