"""Losses of counts and rates."""
