"""The same plan inside other people's trainers: an object of the kind that each of them steps, calls or saves."""
