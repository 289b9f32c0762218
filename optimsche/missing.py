"""What is said where an optional package is not installed."""

_CALLED = {"keras": "Keras", "matplotlib": "Matplotlib", "torch": "PyTorch", "yaml": "PyYAML"}
_INSTALLED_AS = {"yaml": "pyyaml", "sklearn": "scikit-learn"}


def needs(what: str, module: str) -> ModuleNotFoundError:
    """The error of `what` without `module`. It names the package, which is right however optimsche was installed.

    >>> needs("reading YAML", "yaml")
    ModuleNotFoundError('reading YAML needs PyYAML: pip install pyyaml')
    """
    package = _INSTALLED_AS.get(module, module)
    return ModuleNotFoundError(f"{what} needs {_CALLED.get(module, package)}: pip install {package}", name=module)
