"""PushKit, emulated: what a device does with a push that APNs delivers, as pure functions."""
