"""The stage: clock, timers, threads and processes; it feeds the pure core and acts on its word."""
