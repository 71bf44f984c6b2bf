"""Losses of counts and rates: negative log-likelihoods and deviances."""

__all__: list[str] = []
