"""Pretend Apple: APNs and every device behind it as one pure state machine."""
