"""Call a reader and see that nothing but reading happens."""

import sys

FORBIDDEN = frozenset({"import", "exec", "open", "os.system", "subprocess.Popen", "socket.connect", "marshal.loads"})
_events: list = []
_watching = [False]


def _hook(event, arguments):
    if _watching[0] and event in FORBIDDEN:
        _events.append((event, repr(arguments)[:200]))


sys.addaudithook(_hook)


def watched(read, value):
    """Whether the value was read; refusals other than the documented ones, and side effects, are errors."""
    before = len(sys.modules)
    _events.clear()
    _watching[0] = True
    try:
        read(value)
    except (ValueError, TypeError):
        return False
    else:
        return True
    finally:
        _watching[0] = False
        assert not _events, f"it did more than read: {_events}"
        assert len(sys.modules) == before, "it imported a module"
