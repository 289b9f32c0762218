"""Plans against runs: what a plan promises before one, and what a log says was applied after it."""

from optimsche.runs.audits import Audit, audit
from optimsche.runs.causes import Cause
from optimsche.runs.diffs import Diff, diff
from optimsche.runs.fits import Fit, fit
from optimsche.runs.logs import RunLog, read_log

__all__ = ["Audit", "Cause", "Diff", "Fit", "RunLog", "audit", "diff", "fit", "read_log"]
