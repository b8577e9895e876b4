"""What vAIn costs, each figure beside its peer or its floor in the same run: ``python -m benchmarks --help``."""
