"""The version, which the build reads: no installed metadata is needed."""

__version__ = "0.1.0"
