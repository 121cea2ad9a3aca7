"""Send Apple PushKit pushes, and emulate everything they meet: APNs and the device behind it."""

__version__ = "0.1.0"
