"""How schedules are evaluated: README.md in this folder says why it is as it is."""
