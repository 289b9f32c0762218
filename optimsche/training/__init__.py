"""The training step: optimizers that follow schedules.

Its files, as a table of contents:

- ``optim_scheduler``: what users call; one micro-batch from top to bottom. ``settings``, ``result``
- ``turn`` (what follows from a micro-batch's number), ``window`` (what the open window holds, and the order)
- ``members``: one optimizer and what it follows; ``follow`` (rules become groups, once), ``compatibility`` (what is
  pointed out, what cannot be followed). Groups themselves, by name: ``optimsche.param_groups``
- ``losses``, ``precision``, ``loss_scaler``
- ``processes``: one or several, and what they agree on; ``finding`` (which it is, once); ``sharded`` (parameters
  on a mesh)
- ``gradients``: the one number that is pending; ``stages`` (clip, skip, a user's own), ``norms``, ``kernels`` (fused)
- ``updates``: what happens when a window is full, from the rates that are written to the optimizers' step
- ``outcomes`` (counted, logged, observed), ``async_copy``
- ``checkpoints``, ``by_name`` (as torch.distributed.checkpoint takes them), ``state_checks``, ``restoring``,
  ``resume_guard``
"""
