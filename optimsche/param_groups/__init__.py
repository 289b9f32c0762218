"""An optimizer's parameter groups: parameters by name, entries by name, rates; for whoever writes into them.

- ``entries``: one number of a group, such as ``betas[0]``: found, checked, read and written
- ``rates``: what a schedule's value becomes in a group; which values an optimizer takes
- ``names``: what parameters are called, and which of them a pattern means
- ``rules``: what parameters follow by name, and the groups that come of it
- ``optimizers``: inside wrappers, and what one refuses
"""
