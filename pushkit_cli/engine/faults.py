"""Faults of the listener that runs here: what a command may set, see and take away."""

from pushkit_cli.emulator.fault_words import Fault, read_fault

__all__ = ["Fault", "read_fault"]
