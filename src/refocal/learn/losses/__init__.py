"""Losses: functions to a scalar."""
