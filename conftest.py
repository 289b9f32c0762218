"""What pytest leaves alone while it looks for doctests: a module that imports a package which may not be there."""

collect_ignore = ["optimsche/adapters/keras_schedule.py"]
