"""The main job, end to end on real data: a small network on scikit-learn's digits, killed and resumed at will."""
